"""Calendar returns compound to the span's, whatever the bars."""

import numpy as np
import pandas as pd
import pytest
from backtest.statistics.noise import curve, days, noise_returns

from forecasting.backtest.statistics.monthly import YEAR, monthly_returns


def test_by_hand() -> None:
    times = pd.DatetimeIndex(["2020-11-30", "2020-12-15", "2020-12-31", "2021-02-10"])
    table = monthly_returns(times.to_numpy(), np.array([1.0, 1.1, 1.21, 0.605]))
    assert table.loc[2020, 12] == pytest.approx(0.21)
    assert table.loc[2020, YEAR] == pytest.approx(0.21)
    assert table.loc[2021, 2] == pytest.approx(-0.5)  # over the gap of January
    assert table.loc[2021, YEAR] == pytest.approx(-0.5)
    assert int(table.notna().sum().sum()) == 4  # the first bar alone makes no November


HOURS = (np.datetime64("2020-01-30T10", "h") + np.arange(3_000)).astype("datetime64[ns]")
DAYS = days(1_100, "2019-03-14")


@pytest.mark.parametrize(
    "times",
    [DAYS, HOURS, DAYS[np.r_[0:200, 500:1_100]], DAYS[:2], DAYS[:1]],
    ids=["days", "hours", "a gap", "two bars", "one bar"],
)
def test_periods_compound_to_the_span(times: np.ndarray) -> None:
    equity = curve(noise_returns(len(times) - 1, 1, 0)[:, 0])
    table = monthly_returns(times, equity)
    span = equity[-1] / equity[0]
    assert np.prod(1 + table[YEAR].fillna(0)) == pytest.approx(span)
    months = table.drop(columns=YEAR)
    assert np.prod(1 + months.fillna(0).to_numpy()) == pytest.approx(span)
    for year, row in months.iterrows():
        assert np.prod(1 + row.fillna(0)) - 1 == pytest.approx(np.nan_to_num(table.loc[year, YEAR]))


def test_against_pandas() -> None:
    equity = curve(noise_returns(len(DAYS) - 1, 1, 1)[:, 0])
    by_pandas = pd.Series(equity, index=pd.DatetimeIndex(DAYS)).resample("ME").last().pct_change()
    table = monthly_returns(DAYS, equity)
    for month, value in by_pandas.iloc[1:].items():
        assert table.loc[month.year, month.month] == pytest.approx(value)


def test_nothing_is_said_after_ruin() -> None:
    table = monthly_returns(days(100), np.r_[np.ones(40), np.full(60, -0.5)])
    assert table.loc[2020, 2] == pytest.approx(-1.5)
    assert np.isnan(table.loc[2020, 3])
