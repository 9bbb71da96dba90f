"""Bits are compared, nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import forecasting as fc
from forecasting.market.panel import Panel
from forecasting.workflow.agreement import compare_forecasts, compare_weights


@pytest.fixture(scope="module")
def table(model_folder: Path, prices: Panel) -> pd.DataFrame:
    forecast = fc.load_model(model_folder).forecast(prices)
    return forecast.between(prices.times[-3]).to_frame()


def test_parquet_carries_every_bit(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "table.parquet", index=False, compression="zstd")
    same = compare_forecasts(table, pd.read_parquet(tmp_path / "table.parquet"))
    assert same.identical
    assert same.summary == "identical: 36 forecasts"
    assert compare_forecasts(table, table.sample(frac=1, random_state=0)).identical


def test_one_last_bit_is_found(table: pd.DataFrame) -> None:
    changed = table.copy()
    then = float(table.loc[5, "scale"])
    changed.loc[5, "scale"] = now = float(np.nextafter(then, 1))
    found = compare_forecasts(table, changed)
    assert (found.identical, found.differing, found.count) == (False, 1, 36)
    assert found.largest == now - then
    row = table.loc[5]
    first = f"first {row['ticker']} of {row['origin']:%Y-%m-%d}, {row['horizon']} bars ahead: "
    assert found.where == f"{first}scale {then!r} then, {now!r} now"
    assert found.summary.startswith("NOT identical: 1 of 36 forecasts, by at most ")


def test_forecasts_of_one_side_only(table: pd.DataFrame) -> None:
    gone = compare_forecasts(table, table.iloc[1:])
    assert (gone.count, gone.differing) == (36, 1)
    assert np.isnan(gone.largest)
    assert gone.where.endswith("1 bar ahead: only then")
    assert compare_forecasts(table.iloc[1:], table).where.endswith("only now")


def test_no_number_equals_no_number_and_a_zero_has_a_sign(table: pd.DataFrame) -> None:
    lost = table.assign(volatility=np.nan)
    assert compare_forecasts(lost, lost.copy()).identical
    zero = table.assign(loc=0.0)
    assert compare_forecasts(zero, table.assign(loc=-0.0)).differing == len(table)


def test_columns_of_one_side_only(table: pd.DataFrame) -> None:
    assert compare_forecasts(table, table.assign(news=1.0)).identical
    assert compare_forecasts(table, table.drop(columns="scale")).differing == len(table)


def test_weights() -> None:
    then = {"a": torch.linspace(0, 1, 6).reshape(2, 3), "b": torch.tensor(2.0)}
    assert compare_weights(then, then).summary == "identical: 7 weights"
    now = {"a": then["a"].clone(), "b": torch.tensor(2.5)}
    now["a"][1, 0] = 0.5
    found = compare_weights(then, now)
    assert (found.count, found.differing, found.largest) == (7, 2, 0.5)
    assert found.where.startswith("first a[3]: 0.6000000238418579 then, 0.5 now")
