"""Alpha and beta against statsmodels' regression with HAC errors, and limits known in advance."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import statsmodels.api as sm
from backtest.statistics.noise import noise_returns

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.benchmark_relative import benchmark_relative
from forecasting.forecast.significance import automatic_bandwidth

N = 750


@pytest.mark.parametrize("seed", range(3))
def test_against_a_regression_with_hac_errors(seed: int) -> None:
    benchmark, noise = noise_returns(N, 2, seed).T + 0.0005
    returns = 0.7 * benchmark + np.convolve(noise, [0.6, 0.4], mode="same")
    found = benchmark_relative(returns, benchmark, 252.0)
    lags = {"maxlags": automatic_bandwidth(N)}
    line = sm.OLS(returns, sm.add_constant(benchmark)).fit(cov_type="HAC", cov_kwds=lags)
    assert found.alpha == pytest.approx(252 * line.params[0])
    assert found.beta == pytest.approx(line.params[1])
    # `mean_test` shrinks t by sqrt((n - 1) n) / n for the mean that was estimated.
    assert found.alpha_test.t == pytest.approx(line.tvalues[0] * math.sqrt((N - 1) / N))
    assert found.correlation == pytest.approx(np.corrcoef(returns, benchmark)[0, 1])
    active = returns - benchmark
    assert found.tracking_error == pytest.approx(performance.annual_volatility(active, 252.0))
    assert found.information_ratio == pytest.approx(performance.sharpe(active, 252.0))


@pytest.mark.parametrize("leverage", [0.5, 2.0, -1.0])
def test_a_benchmark_held_more_than_once(leverage: float) -> None:
    benchmark = noise_returns(N, 1, 0)[:, 0] + 0.0005
    found = benchmark_relative(leverage * benchmark, benchmark, 252.0)
    assert found.alpha == pytest.approx(0, abs=1e-12)
    assert found.beta == pytest.approx(leverage)
    assert found.correlation == pytest.approx(np.sign(leverage))
    assert (found.up_capture, found.down_capture) == pytest.approx((leverage, leverage))


@pytest.mark.parametrize(
    ("n", "benchmark"), [(5, 0.01), (0, 0.0), (100, 0.0)], ids=["short", "empty", "cash"]
)
def test_what_cannot_be_said_is_nan(n: int, benchmark: float) -> None:
    found = asdict(benchmark_relative(noise_returns(n, 1, 0)[:, 0], np.full(n, benchmark), 252.0))
    assert found.pop("bars") == found.pop("alpha_test")["n"] == n
    assert all(math.isnan(value) for value in found.values())


def test_cash_against_a_benchmark_has_no_correlation() -> None:
    found = benchmark_relative(np.zeros(N), noise_returns(N, 1, 0)[:, 0], 252.0)
    assert math.isnan(found.correlation)
    assert found.beta == 0
