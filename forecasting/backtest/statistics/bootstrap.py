"""How far statistics could have come out differently: intervals by the stationary bootstrap.

Blocks of random length, geometric with a given mean, are drawn from the returns as from a circle,
so that the dependence of neighbouring bars survives.

[1] Politis & Romano (1994), The stationary bootstrap, JASA 89(428).
[2] Politis & White (2004), Automatic block-length selection for the dependent bootstrap,
    Econometric Reviews 23(1), corrected by Patton, Politis & White (2009), ibid. 28(4).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from arch.bootstrap import optimal_block_length
from jaxtyping import Float, Int

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.performance import LEAST_BARS

Returns = Float[np.ndarray, " bar"]
Redraws = Float[np.ndarray, "series bar repetition"]

REPETITIONS = 1_000
LEVEL = 0.9
_ENTRIES = 2**21  # of an index matrix that is in memory at once


@dataclass(frozen=True)
class Interval:
    """An estimate and the percentiles of its redraws.

    Attributes:
        estimate: From the returns as they came.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Intervals of an account's statistics.

    Attributes:
        of: By name: `sharpe`, `cagr`, `volatility`, `max_drawdown`, and `sharpe less <benchmark>`.
        level: Nominal coverage.
        repetitions: Redraws.
        block: Mean block length for Sharpe ratios and growth, in bars.
        volatility_block: The same for volatility and drawdown.
    """

    of: dict[str, Interval]
    level: float
    repetitions: int
    block: float
    volatility_block: float


def bootstrap_intervals(
    returns: Returns,
    bars_per_year: float | int,
    benchmarks: Mapping[str, Returns] | None = None,
    *,
    level: float = LEVEL,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Intervals:
    """Percentile intervals of Sharpe, CAGR, volatility, drawdown, and Sharpe less benchmarks'.

    A benchmark is redrawn on the same bars as the strategy. Sharpe ratios and growth, which are
    means, are redrawn in blocks as long as returns depend on each other; volatility and drawdown in
    blocks as long as squared returns do.

    What the bootstrap cannot do. It knows no volatility that the span did not see: where that
    remembers for months, the interval of `volatility` is too narrow. And `max_drawdown` is no
    property of the law of returns but of one path: its interval says how deep other spans of this
    length would have fallen if blocks of these returns came in another order. It knows no fall that
    builds up over more than a few blocks, nor that the drift may be another than the span's, and
    says nothing of longer spans, which fall deeper. Measured on 400 simulated spans of 1,250 bars,
    coverage at nominal 90 %, of `max_drawdown` that of another span's:

                           independent   GARCH(1, 1), 0.08 and 0.90
        sharpe                   88 %         87 %
        sharpe less another      89 %         86 %
        volatility               89 %         63 %
        max_drawdown             81 %         74 %

    NaN below `LEAST_BARS` returns; a statistic that is undefined in some redraw is NaN, too.

    Args:
        returns: Simple, decimal, in order.
        bars_per_year: Bars in a year.
        benchmarks: Returns by name, of the same bars.
        level: Nominal coverage, in (0, 1).
        repetitions: Redraws.
        seed: The same seed gives the same intervals.

    Source: [1], percentiles of the redraws; block lengths by `mean_block_length`.
    """
    n, others = len(returns), dict(benchmarks or {})
    less = [f"sharpe less {name}" for name in others]
    if n < LEAST_BARS:
        names = ["sharpe", "cagr", *less, "volatility", "max_drawdown"]
        nothing = dict.fromkeys(names, Interval(math.nan, math.nan, math.nan))
        return Intervals(nothing, level, repetitions, math.nan, math.nan)

    def of_means(series: Redraws) -> dict[str, np.ndarray]:
        sharpes = [performance.sharpe(each, bars_per_year) for each in series]
        growth = performance.cagr(_equity(series[0]), bars_per_year)
        found = {"sharpe": sharpes[0], "cagr": growth}
        found |= {name: sharpes[0] - each for name, each in zip(less, sharpes[1:], strict=True)}
        return {name: np.asarray(value) for name, value in found.items()}

    def of_paths(series: Redraws) -> dict[str, np.ndarray]:
        return {
            "volatility": np.asarray(performance.annual_volatility(series[0], bars_per_year)),
            "max_drawdown": np.asarray(performance.max_drawdown(_equity(series[0]))),
        }

    block = mean_block_length(returns)
    longer = max(block, mean_block_length((returns - returns.mean()) ** 2))
    rng = np.random.default_rng(seed)
    together = np.stack([returns, *others.values()])
    found = _intervals(of_means, together, block, level, repetitions, rng)
    found |= _intervals(of_paths, together[:1], longer, level, repetitions, rng)
    return Intervals(found, level, repetitions, block, longer)


def interval_table(returns: pd.DataFrame, bars_per_year: float | int) -> pd.DataFrame:
    """`bootstrap_intervals` of the first column, the others its benchmarks, at `LEVEL`.

    One row a statistic; columns `estimate`, `low`, `high`.
    """
    own, *others = returns.columns
    benchmarks = {str(name): returns[name].to_numpy() for name in others}
    found = bootstrap_intervals(returns[own].to_numpy(), bars_per_year, benchmarks)
    rows = {name: asdict(each) for name, each in found.of.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def mean_block_length(series: Returns) -> float:
    """Optimal mean block length of a series, in bars: at least 1, at most a third of them.

    Source: [2], as in `arch.bootstrap.optimal_block_length`.
    """
    if float(performance.annual_volatility(series, 1)) == 0:
        return 1.0
    optimal = float(optimal_block_length(series)["stationary"].iloc[0])
    return min(max(optimal, 1.0), len(series) / 3)


def stationary_draws(
    n: int, repetitions: int, block: float, rng: np.random.Generator
) -> Int[np.ndarray, "bar repetition"]:
    """Rows of n bars to draw: each begins a new block with probability 1 / block.

    A block starts anywhere and runs on over the end of the series to its beginning.

    Source: [1], section 2.
    """
    begins = rng.random((n, repetitions)) < 1 / block
    begins[0] = True
    starts = rng.integers(n, size=(n, repetitions))
    bars = np.arange(n)[:, None]
    begun = np.maximum.accumulate(np.where(begins, bars, 0))
    return (np.take_along_axis(starts, begun, axis=0) + bars - begun) % n


def _intervals(
    statistics: Callable[[Redraws], dict[str, np.ndarray]],
    series: Float[np.ndarray, "series bar"],
    block: float,
    level: float,
    repetitions: int,
    rng: np.random.Generator,
) -> dict[str, Interval]:
    """Percentiles of statistics over redraws of series, on the same bars for all of them."""
    n = series.shape[1]
    at_once = max(1, _ENTRIES // n)
    counts = [at_once] * (repetitions // at_once) + [repetitions % at_once]
    pieces = [
        statistics(series[:, stationary_draws(n, count, block, rng)]) for count in counts if count
    ]
    tails = ((1 - level) / 2, (1 + level) / 2)
    found = {}
    for name, estimate in statistics(series[:, :, None]).items():
        low, high = np.quantile(np.concatenate([piece[name] for piece in pieces]), tails)
        found[name] = Interval(float(estimate[0]), float(low), float(high))
    return found


def _equity(returns: Float[np.ndarray, "bar repetition"]) -> Float[np.ndarray, "time repetition"]:
    """What a capital of 1 becomes."""
    return np.concatenate([np.ones((1, returns.shape[1])), np.cumprod(1 + returns, axis=0)])
