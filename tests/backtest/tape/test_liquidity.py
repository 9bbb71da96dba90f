"""Volatility and traded money against the obvious loop."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from forecasting.backtest.tape.liquidity import (
    LEAST,
    LENGTH,
    traded_money,
    trailing_mean,
    volatility,
)


def series(seed: int, n_bars: int = 70) -> np.ndarray:
    """Two tickers with holes, a long one among them."""
    values = np.random.default_rng(seed).normal(1e-3, 0.01, (2, n_bars))
    values[0, ::7] = np.nan
    values[1, 25:45] = np.nan
    return values


def test_volatility_is_the_sample_deviation_of_what_is_known() -> None:
    returns = series(0)
    found = volatility(returns)
    for k, t in np.ndindex(returns.shape):
        window = returns[k, max(0, t - LENGTH + 1) : t + 1]
        known = window[np.isfinite(window)]
        expected = known.std(ddof=1) if len(known) >= LEAST else np.nan
        assert_allclose(found[k, t], expected, rtol=1e-10)


def test_traded_money_is_the_mean_of_what_is_known() -> None:
    money = np.exp(series(1) + 10)
    found = traded_money(money)
    for k, t in np.ndindex(money.shape):
        window = money[k, max(0, t - LENGTH + 1) : t + 1]
        known = window[np.isfinite(window)]
        expected = known.mean() if len(known) >= LEAST else np.nan
        assert_allclose(found[k, t], expected, rtol=1e-12)


def test_a_price_that_stands_still_has_no_volatility() -> None:
    assert (volatility(np.zeros((1, 40)))[0, LEAST - 1 :] == 0).all()


def test_a_source_that_counts_no_shares_has_no_traded_money() -> None:
    assert np.isnan(traded_money(np.zeros((1, 40)))).all()
    once = np.zeros((1, 40))
    once[0, 20] = 5.0
    known = np.isfinite(traded_money(once)[0])
    assert known.tolist() == [20 <= t < 40 for t in range(40)]


@pytest.mark.parametrize("length", [1, 5, 21])
def test_nothing_outside_the_window_takes_part(length: int) -> None:
    values = np.ones((1, 60))
    values[0, 20] = 1e300
    found = trailing_mean(values, length, 1)
    assert (found[0, :20] == 1).all()
    assert (found[0, 20 + length :] == 1).all()
