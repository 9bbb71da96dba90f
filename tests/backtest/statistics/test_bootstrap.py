"""The stationary bootstrap: its draws, its intervals, and how often these cover the truth."""

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from backtest.statistics.noise import curve, noise_returns

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.bootstrap import (
    bootstrap_intervals,
    mean_block_length,
    stationary_draws,
)

RETURNS = noise_returns(1_000, 1, 0)[:, 0] + 0.0005
MEAN = 0.0004


@pytest.mark.parametrize("block", [1.0, 5.0, 20.0])
def test_draws_run_on_with_the_chance_of_their_block(block: float) -> None:
    n = 50
    draws = stationary_draws(n, 4_000, block, np.random.default_rng(0))
    follows = (draws[1:] == (draws[:-1] + 1) % n).mean()
    assert follows == pytest.approx(1 - 1 / block + 1 / (block * n), abs=0.005)
    counts = np.bincount(draws.ravel(), minlength=n) / draws.size
    np.testing.assert_allclose(counts, 1 / n, rtol=0.1)  # every bar is as likely


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, again = (bootstrap_intervals(RETURNS, 252.0, repetitions=50) for _ in range(2))
    other = bootstrap_intervals(RETURNS, 252.0, repetitions=50, seed=1)
    assert first == again
    assert first.of["sharpe"] != other.of["sharpe"]


def test_estimates_are_the_statistics() -> None:
    benchmark = noise_returns(1_000, 1, 1)[:, 0]
    found = bootstrap_intervals(RETURNS, 252.0, {"index": benchmark, "self": RETURNS}).of
    equity = curve(RETURNS)
    expected = {
        "sharpe": performance.sharpe(RETURNS, 252.0),
        "cagr": performance.cagr(equity, 252.0),
        "volatility": performance.annual_volatility(RETURNS, 252.0),
        "max_drawdown": performance.max_drawdown(equity),
        "sharpe less index": performance.sharpe(RETURNS, 252.0)
        - performance.sharpe(benchmark, 252.0),
        "sharpe less self": 0.0,
    }
    assert {name: each.estimate for name, each in found.items()} == pytest.approx(expected)
    assert all(each.low <= each.high for each in found.values())
    itself = found["sharpe less self"]  # redrawn on the same bars
    assert (itself.low, itself.high) == (0, 0)


def test_against_arch() -> None:
    block = mean_block_length(RETURNS)
    ours = bootstrap_intervals(RETURNS, 252.0, repetitions=4_000).of["sharpe"]
    peer = StationaryBootstrap(block, RETURNS, seed=0)
    low, high = peer.conf_int(
        lambda x: performance.sharpe(x, 252.0), 4_000, method="percentile", size=0.9
    ).ravel()
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.06)


def test_a_thousand_redraws_of_ten_years_take_less_than_a_second() -> None:
    returns = noise_returns(2_500, 2, 0)
    began = time.process_time()
    bootstrap_intervals(returns[:, 0], 252.0, {"index": returns[:, 1]})
    assert time.process_time() - began < 2  # 0.1 s alone


def test_what_cannot_be_said_is_nan() -> None:
    short = bootstrap_intervals(RETURNS[:10], 252.0)
    assert math.isnan(short.block)
    assert all(math.isnan(each.low) and math.isnan(each.estimate) for each in short.of.values())
    cash = bootstrap_intervals(np.zeros(100), 252.0, repetitions=10)
    assert math.isnan(cash.of["sharpe"].low)
    assert cash.of["volatility"].high == cash.of["max_drawdown"].low == 0


def test_blocks_are_longer_where_volatility_clusters() -> None:
    calm = bootstrap_intervals(RETURNS, 252.0, repetitions=10)
    clustered = bootstrap_intervals(garch(1_000, np.random.default_rng(0)), 252.0, repetitions=10)
    assert calm.volatility_block < 5
    assert clustered.volatility_block > 8


def independent(n: int, rng: np.random.Generator) -> np.ndarray:
    return 0.01 * rng.standard_normal(n) + MEAN


def garch(n: int, rng: np.random.Generator) -> np.ndarray:
    """GARCH(1, 1) with normal shocks, 0.08 and 0.9, of 1 % a bar on average."""
    shocks, returns, variance = rng.standard_normal(n + 300), np.empty(n + 300), 1e-4
    for bar, shock in enumerate(shocks):
        returns[bar] = math.sqrt(variance) * shock
        variance = 2e-6 + 0.08 * returns[bar] ** 2 + 0.9 * variance
    return returns[300:] + MEAN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "of_volatility"),
    [(independent, 0.85), (garch, 0.55)],
    ids=["independent", "clustered"],
)
def test_coverage(draw: Callable[..., np.ndarray], of_volatility: float) -> None:
    """Nominal 90 %, 400 spans of five years: the standard error of a share is 1.5 %."""
    rng, spans, n = np.random.default_rng(1), 400, 1_250
    truth = {
        "sharpe": MEAN / 0.01 * math.sqrt(252),
        "volatility": 0.01 * math.sqrt(252),
        "sharpe less index": 0.0,
    }
    covered = dict.fromkeys([*truth, "max_drawdown"], 0)
    for seed in range(spans):
        returns, benchmark, another_span = (draw(n, rng) for _ in range(3))
        found = bootstrap_intervals(
            returns, 252.0, {"index": benchmark}, repetitions=300, seed=seed
        ).of
        truth["max_drawdown"] = float(performance.max_drawdown(curve(another_span)))
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high
    shares = {name: count / spans for name, count in covered.items()}
    print(shares)
    assert 0.84 <= shares["sharpe"] <= 0.95
    assert 0.83 <= shares["sharpe less index"] <= 0.95
    assert shares["volatility"] >= of_volatility
    # Redraws know the span's own drift only, not how far it is from the true one.
    assert 0.6 <= shares["max_drawdown"] <= 0.9
