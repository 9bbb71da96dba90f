"""A strategy's returns against a benchmark's: what of them the benchmark explains."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.backtest.statistics.performance import LEAST_BARS, annual_volatility, ratio
from forecasting.forecast.significance import MeanTest, mean_test

Returns = Float[np.ndarray, " bar"]


@dataclass(frozen=True)
class BenchmarkRelative:
    """A line through returns against the benchmark's: r_t = alpha + beta b_t + e_t.

    Attributes:
        alpha: Mean return a year that the benchmark does not explain: alpha a bar times bars a
            year, decimal, not compounded.
        alpha_test: Whether alpha a bar is zero, with Newey-West errors.
        beta: cov(r, b) / var(b).
        correlation: Of r and b.
        tracking_error: Annual volatility of r - b, decimal.
        information_ratio: Mean of r - b a year over the tracking error.
        up_capture: Mean of r over mean of b, on the bars with b > 0.
        down_capture: The same on the bars with b < 0; below 1 is good.
        bars: Returns in each series.

    Everything is NaN below `LEAST_BARS` bars or against a benchmark that does not vary.
    """

    alpha: float
    alpha_test: MeanTest
    beta: float
    correlation: float
    tracking_error: float
    information_ratio: float
    up_capture: float
    down_capture: float
    bars: int


def benchmark_relative(
    returns: Returns, benchmark: Returns, bars_per_year: float | int
) -> BenchmarkRelative:
    """Compare two series of simple returns over the same bars, decimal.

    The error of alpha is that of the mean of alpha + e_t (1 - m (b_t - m) / s^2), with mean m and
    variance s^2 (over n) of b: each bar's influence on the intercept. Its Newey-West variance is
    the HAC variance of the regression's intercept.

    Source: Newey & West (1987), Econometrica 55(3); Jensen (1968), The performance of mutual funds
    in the period 1945-1964, Journal of Finance 23(2); capture as a ratio of arithmetic means, so
    that a benchmark held twice over captures 2 on any bar length.
    """
    n = len(returns)
    spread = float(annual_volatility(benchmark, 1)) if n else math.nan
    if n < LEAST_BARS or not spread > 0:
        unknown = math.nan
        untested = MeanTest(unknown, unknown, unknown, n)
        return BenchmarkRelative(
            unknown, untested, unknown, unknown, unknown, unknown, unknown, unknown, n
        )
    mean, centred = benchmark.mean(), benchmark - benchmark.mean()
    variance = float((centred**2).mean())
    beta = float((centred * returns).mean()) / variance
    alpha = float(returns.mean() - beta * mean)
    residual = returns - alpha - beta * benchmark
    active = returns - benchmark
    own, error = float(annual_volatility(returns, 1)), annual_volatility(active, bars_per_year)
    return BenchmarkRelative(
        alpha=alpha * bars_per_year,
        alpha_test=mean_test(alpha + residual * (1 - mean * centred / variance)),
        beta=beta,
        correlation=float(ratio(beta * spread, own)),
        tracking_error=float(error),
        information_ratio=float(ratio(active.mean() * bars_per_year, error)),
        up_capture=_capture(returns, benchmark, 1),
        down_capture=_capture(returns, benchmark, -1),
        bars=n,
    )


def relative_table(returns: pd.DataFrame, bars_per_year: float | int) -> pd.DataFrame:
    """The first column's returns against each other's: one row a benchmark.

    Columns: the fields of `BenchmarkRelative`, with `alpha_t` and `alpha_p` for its test.
    """
    own, *others = returns.columns
    rows = {}
    for name in others:
        found = benchmark_relative(returns[own].to_numpy(), returns[name].to_numpy(), bars_per_year)
        row = {"alpha": found.alpha, "alpha_t": found.alpha_test.t, "alpha_p": found.alpha_test.p}
        rows[name] = row | {
            key: value for key, value in vars(found).items() if not key.startswith("alpha")
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _capture(returns: Returns, benchmark: Returns, sign: int) -> float:
    """Mean return over the benchmark's on the bars on which it has a sign."""
    there = benchmark * sign > 0
    return float(sign * ratio(returns[there].sum(), sign * benchmark[there].sum()))
