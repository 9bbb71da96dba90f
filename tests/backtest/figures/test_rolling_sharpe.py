"""The rolling Sharpe ratio equals a slow loop; its band is Lo's."""

import math

import numpy as np
import pandas as pd

from forecasting.backtest.figures.rolling_sharpe import rolling_sharpe
from forecasting.backtest.statistics.performance import sharpe


def _returns(n: int) -> pd.Series:
    rng = np.random.default_rng(0)
    return pd.Series(0.01 * rng.standard_normal(n), pd.bdate_range("2020-01-01", periods=n))


def test_against_the_slow_loop() -> None:
    returns, year = _returns(80), 30.4
    found = rolling_sharpe(returns, year)
    assert found["sharpe"].iloc[:29].isna().all()
    for bar in range(29, 80):
        window = returns.to_numpy()[bar - 29 : bar + 1]
        ratio = sharpe(window, year)
        error = math.sqrt(year) * math.sqrt((1 + ratio**2 / year / 2) / 30)
        row = found.iloc[bar]
        expected = [ratio, ratio - 1.96 * error, ratio + 1.96 * error]
        np.testing.assert_allclose(row[["sharpe", "low", "high"]], expected, rtol=1e-9)


def test_the_future_changes_nothing() -> None:
    returns = _returns(80)
    changed = returns.copy()
    changed.iloc[50:] = 7.0
    before, after = (rolling_sharpe(each, 30).iloc[:50] for each in (returns, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_returns_that_do_not_vary_have_none() -> None:
    assert rolling_sharpe(_returns(60) * 0, 30)["sharpe"].isna().all()
