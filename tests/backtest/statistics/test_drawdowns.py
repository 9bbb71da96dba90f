"""The table of the worst drawdowns against a walk along the curve."""

import numpy as np
import pandas as pd
import pytest
from backtest.statistics.noise import curve, days, noise_returns
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.statistics.drawdowns import underwater, worst_drawdowns


def walk(equity: np.ndarray) -> list[tuple[int, int, int | None]]:
    """Start, bottom and recovery of each drawdown, in order."""
    found, high = [], 0
    bottom: int | None = None
    for bar in range(1, len(equity)):
        if equity[bar] >= equity[high]:
            if bottom is not None:
                found.append((high, bottom, bar))
            high, bottom = bar, None
        elif bottom is None or equity[bar] < equity[bottom]:
            bottom = bar
    return found if bottom is None else [*found, (high, bottom, None)]


def test_by_hand() -> None:
    equity = np.array([1.0, 0.9, 1.0, 1.2, 0.6, 0.9, 1.3, 1.235])
    times = pd.DatetimeIndex(days(8))
    table = worst_drawdowns(times.to_numpy(), equity)
    assert table["depth"].tolist() == pytest.approx([-0.5, -0.1, -0.05])
    assert table["start"].tolist() == [times[3], times[0], times[6]]
    assert table["bottom"].tolist() == [times[4], times[1], times[7]]
    assert table["recovered"].tolist()[:2] == [times[6], times[2]]
    assert table["recovered"].isna().tolist() == [False, False, True]
    assert table["bars_down"].tolist() == [1, 1, 1]
    assert table["bars_to_recover"].tolist()[:2] == [2, 1]
    assert table["bars_to_recover"].isna().tolist() == [False, False, True]
    assert len(worst_drawdowns(times.to_numpy(), equity, n=2)) == 2
    assert underwater(times.to_numpy(), equity).tolist()[4] == pytest.approx(-0.5)


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_against_a_walk_along_the_curve(seed: int) -> None:
    equity = curve(noise_returns(80, 1, seed)[:, 0].round(2))
    times = days(len(equity))
    found = worst_drawdowns(times, equity, n=100).sort_values("start")
    expected = walk(equity)
    assert found["start"].tolist() == [pd.Timestamp(times[each[0]]) for each in expected]
    assert found["bottom"].tolist() == [pd.Timestamp(times[each[1]]) for each in expected]
    assert found["recovered"].isna().tolist() == [each[2] is None for each in expected]


@pytest.mark.parametrize("equity", [np.ones(5), np.arange(1.0, 6.0), np.ones(1)])
def test_a_curve_that_never_falls(equity: np.ndarray) -> None:
    table = worst_drawdowns(days(len(equity)), equity)
    assert table.empty
    assert list(table) == [
        *("start", "bottom", "recovered", "depth", "bars_down", "bars_to_recover")
    ]
