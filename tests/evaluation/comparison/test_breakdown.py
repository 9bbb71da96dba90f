"""Gains by year, volatility and ticker: they are parts of the whole, and look back only."""

import numpy as np
import pandas as pd
import pytest

from forecasting.evaluation.comparison.breakdown import (
    LEAST_HISTORY,
    Regimes,
    breakdown_note,
    breakdown_table,
    volatility_regimes,
)
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.scores.cells import Cells
from forecasting.forecast.student_t import StudentT

TIMES = pd.bdate_range("2019-10-01", periods=400).to_numpy()


@pytest.fixture
def cells() -> Cells:
    """Two tickers on 400 dates; the rival `good` is the best one."""
    rng = np.random.default_rng(0)
    n = 2 * len(TIMES)
    law = StudentT(np.zeros(n), np.ones(n), np.full(n, 5.0))
    means = {"model": 0.0, "EWMA-t": 0.2, "good": 0.05, "bad": 0.4}
    return Cells(
        horizon=5,
        date=np.repeat(np.arange(len(TIMES)), 2),
        ticker=np.tile([0, 1], len(TIMES)),
        returns=np.zeros(n),
        scores={
            name: pd.DataFrame({"nll": rng.normal(mean, 1, n)}) for name, mean in means.items()
        },
        laws=dict.fromkeys(means, law),
    )


@pytest.fixture
def regimes() -> Regimes:
    return Regimes(np.repeat([0, 2], [300, 100]), "Regimes.")


def table_of(cells: Cells, regimes: Regimes) -> pd.DataFrame:
    rivals = ("EWMA-t", "bad", "good")
    return breakdown_table([cells], "model", rivals, "EWMA-t", TIMES, ("AAA", "BBB"), regimes)


def test_groups_are_parts_of_the_span(cells: Cells, regimes: Regimes) -> None:
    table = table_of(cells, regimes)
    assert list(table["rival"].unique()) == ["EWMA-t", "good"]
    own = table[table["rival"] == "good"].groupby("by", sort=False)
    assert {by: list(rows["group"]) for by, rows in own} == {
        "year": ["2019", "2020", "2021"],
        "volatility": ["calm", "turbulent"],
        "ticker": ["AAA", "BBB"],
    }
    gain = (cells.date_means("good", "nll") - cells.date_means("model", "nll")).mean()
    for by, rows in own:
        total = (rows["gain"] * rows["n_dates"]).sum() / rows["n_dates"].sum()
        assert total == pytest.approx(gain), by


def test_each_group_is_tested_on_its_own_dates(cells: Cells, regimes: Regimes) -> None:
    table = table_of(cells, regimes).set_index(["rival", "group"])
    gain = cells.date_means("EWMA-t", "nll") - cells.date_means("model", "nll")
    years = pd.DatetimeIndex(TIMES).year
    for group, inside in {"2020": years == 2020, "calm": np.arange(400) < 300}.items():
        expected, found = diebold_mariano(gain[inside], 5), table.loc[("EWMA-t", group)]
        assert found["t"] == pytest.approx(expected.t)
        assert found["verdict"] == expected.verdict
        assert found["n_dates"] == inside.sum()


def test_few_dates_are_not_enough_data(cells: Cells) -> None:
    short = Regimes(np.repeat([0, 2], [380, 20]), "Regimes.")
    table = table_of(cells, short)
    assert set(table[table["group"] == "turbulent"]["verdict"]) == {"NOT ENOUGH DATA"}
    note = breakdown_note(table, short)
    assert note.startswith(f"Regimes. The {int(table['p'].notna().sum())} tests")


def test_limits_come_from_before_the_span() -> None:
    rng = np.random.default_rng(1)
    volatility = np.exp(rng.normal(-4, 0.3, (1_000, 3)))
    volatility[rng.random(1_000) < 0.1, 0] = np.nan
    first = 600
    found = volatility_regimes(volatility, first)
    market = np.nanmean(volatility, axis=1)
    low, high = np.quantile(market[:first], [1 / 3, 2 / 3])
    expected = np.where(market[first:] <= low, 0, np.where(market[first:] <= high, 1, 2))
    np.testing.assert_array_equal(found.regime, expected)
    assert "from the bars before the span" in found.note
    # The future changes nothing: each bar's regime is known at its close.
    spoiled = volatility.copy()
    spoiled[800:] *= 100
    np.testing.assert_array_equal(
        volatility_regimes(spoiled, first).regime[:200], found.regime[:200]
    )


def test_a_short_history_is_said() -> None:
    volatility = np.exp(np.random.default_rng(2).normal(-4, 0.3, (LEAST_HISTORY + 100, 2)))
    found = volatility_regimes(volatility, LEAST_HISTORY - 1)
    assert "from the span itself, known only after it" in found.note
    shares = np.bincount(found.regime) / len(found.regime)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.02)


def test_bars_without_volatility_have_no_regime() -> None:
    volatility = np.full((600, 1), 0.01)
    volatility[500] = np.nan
    found = volatility_regimes(volatility, 400)
    assert found.regime[100] == -1
    assert set(np.delete(found.regime, 100)) == {0}
