"""A strategy among random ones: what is matched, and what the percentile means."""

import math
from dataclasses import replace

import numpy as np
import pytest
from backtest.statistics.noise import long_short, make_tape, noise_returns
from scipy import stats

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.random_strategies import random_strategies
from forecasting.backtest.tape.tape import Tape

COSTS, ACCOUNT = Costs(), AccountTerms()
N_BARS, N_TICKERS = 300, 12


def place(tape: Tape, policy: Targets, n: int = 200, **options) -> tuple[object, Ledger]:
    own = simulate(tape, policy, COSTS, ACCOUNT)
    return random_strategies(tape, own, COSTS, ACCOUNT, 252.0, n=n, **options), own


def slow_long_only(seed: int) -> Targets:
    """Few holdings that change slowly, and exposure that does, too."""
    signal = np.cumsum(noise_returns(N_BARS, N_TICKERS, seed), axis=0)
    weights = np.maximum(long_short(signal).weights, 0)
    level = 0.5 + 0.4 * np.sin(np.arange(N_BARS) / 40)[:, None]
    return Targets(weights * level, np.arange(N_BARS) % 5 == 0)


def only_what_moved(seed: int) -> Targets:
    """A rule that leaves most holdings alone."""
    policy = long_short(noise_returns(N_BARS, N_TICKERS, seed), every=1)
    keep = np.random.default_rng(seed).random(policy.weights.shape) < 0.8
    keep[0] = False
    return Targets(np.where(keep, np.nan, policy.weights), policy.decides)


@pytest.mark.parametrize(
    "policy",
    [long_short(noise_returns(N_BARS, N_TICKERS, 1)), slow_long_only(1), only_what_moved(1)],
    ids=["long short", "slow", "partial"],
)
def test_turnover_and_exposure_are_matched(policy: Targets) -> None:
    found, _ = place(make_tape(noise_returns(N_BARS, N_TICKERS, 0)), policy, n=50)
    # Where a rotation begins anew the portfolio is exchanged once more, for a cost of its own.
    seam = 2 * found.exposure * 252 / (N_BARS - 1)
    assert found.turnover * 0.95 < found.turnovers.mean() < found.turnover * 1.05 + seam
    assert found.exposures.mean() == pytest.approx(found.exposure, rel=0.08)
    assert len(set(found.sharpes)) == 50
    assert found.error == pytest.approx(math.sqrt(found.percentile * (1 - found.percentile) / 50))
    assert f"of {len(found.sharpes)} random strategies" in found.sentence()


def test_the_same_seed_gives_the_same_strategies() -> None:
    tape, policy = make_tape(noise_returns(60, 6, 0)), long_short(noise_returns(60, 6, 1))
    first, again = (place(tape, policy, n=20)[0] for _ in range(2))
    other, _ = place(tape, policy, n=20, seed=1)
    assert (first.sharpes == again.sharpes).all()
    assert (first.sharpes != other.sharpes).any()


def test_skill_stands_above_all_of_them() -> None:
    returns, signal = noise_returns(N_BARS, N_TICKERS, 0), noise_returns(N_BARS, N_TICKERS, 1)
    returns[1:] += 0.4 * signal[:-1]  # fills are at the close of the decision on this tape
    found, _ = place(make_tape(returns), long_short(signal, every=1))
    assert found.percentile > 0.99
    assert found.sharpe > found.sharpes.mean() + 4 * found.sharpes.std()


@pytest.mark.parametrize(
    "make", [slow_long_only, pytest.param(only_what_moved, marks=pytest.mark.slow)]
)
def test_without_skill_every_percentile_is_as_likely(make) -> None:
    percentiles = []
    for seed in range(30):
        tape = make_tape(noise_returns(N_BARS, N_TICKERS, 100 + seed))
        percentiles.append(place(tape, make(seed), n=40, seed=seed)[0].percentile)
    assert stats.kstest(percentiles, "uniform").pvalue > 0.01


def test_only_what_is_listed_and_a_member_is_held() -> None:
    tape = make_tape(noise_returns(N_BARS, N_TICKERS, 0))
    present, member = tape.present.copy(), tape.present.copy()
    present[:, 0] = False  # never a bar
    present[:100, 1], present[200:, 2] = False, False  # listed late, delisted
    member[100:, 3] = False
    gone = ~np.maximum.accumulate(present, axis=0)
    tape = replace(
        tape,
        present=present,
        member=member,
        fill=np.where(present, tape.fill, np.nan),
        mark=np.where(gone, 0.0, tape.mark),
    )
    policy = long_short(noise_returns(N_BARS, N_TICKERS, 1))
    policy = replace(policy, weights=np.where(present & member, policy.weights, 0.0))
    found, _ = place(tape, policy, n=50)
    assert np.isfinite(found.sharpes).all()
    assert 0.8 * found.exposure < found.exposures.mean() <= found.exposure * 1.02


ALWAYS = np.ones((N_BARS, 1))


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Targets(ALWAYS, ALWAYS[:, 0] > 0), "holds the same at all times"),
        (Targets(ALWAYS, np.arange(N_BARS) == 0), "holds the same at all times"),
        (Targets(0 * ALWAYS, ALWAYS[:, 0] > 0), "never held anything"),
    ],
    ids=["rebalanced", "bought once", "cash"],
)
def test_where_there_is_nothing_to_compare(policy: Targets, why: str) -> None:
    found, _ = place(make_tape(noise_returns(N_BARS, 1, 0)), policy)
    assert math.isnan(found.percentile)
    assert math.isnan(found.error)
    assert why in found.sentence()


def test_too_few_bars() -> None:
    found, _ = place(make_tape(noise_returns(10, 4, 0)), long_short(noise_returns(10, 4, 1)))
    assert "9 bars are too few" in found.sentence()


def test_holdings_last_as_long_as_they_did() -> None:
    """In the market for ten bars, out of it for forty: random ones are in it for as long."""
    tape = make_tape(noise_returns(1_000, 3, 5))
    inside = np.arange(1_000) % 50 < 10
    switches = np.r_[True, np.diff(inside.astype(int)) != 0]
    policy = Targets(np.tile(np.where(inside, 0.3, 0.0)[:, None], 3), switches)
    costs, account = Costs(0, 0), AccountTerms()
    own = simulate(tape, policy, costs, account)
    found = random_strategies(tape, own, costs, account, 252.0, n=50)
    assert found.exposure == pytest.approx(0.18, abs=0.01)
    np.testing.assert_allclose(found.exposures, found.exposure, rtol=0.05)
    np.testing.assert_allclose(found.turnovers, found.turnover, rtol=0.15)
