"""Is luck enough? On a market without skill it has to be, and not where there is skill."""

import math
from dataclasses import replace

import numpy as np
import pytest
from backtest.statistics.noise import long_short, make_tape, noise_returns

from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.benchmark_relative import benchmark_relative
from forecasting.backtest.statistics.luck import Luck, LuckVerdict, judge_luck
from forecasting.backtest.statistics.random_strategies import random_strategies

BARS_PER_YEAR = 252.0


def search(n_bars: int, n_tickers: int, n_strategies: int, seed: int) -> tuple[np.ndarray, Luck]:
    """Returns of random strategies on a null market, and the luck of the best of them."""
    tape = make_tape(noise_returns(n_bars, n_tickers, seed))
    signals = noise_returns(n_bars, n_strategies * n_tickers, seed + 1_000)
    policies = [long_short(each) for each in np.split(signals, n_strategies, axis=1)]
    weights = Targets(np.stack([each.weights for each in policies]), policies[0].decides)
    free, account = Costs(0, 0, impact=0), AccountTerms(borrow_fee=0)
    batch = simulate_batch(tape, weights, [free] * n_strategies, [account] * n_strategies)
    returns = batch.returns
    best = int(performance.sharpe(returns, BARS_PER_YEAR).argmax())
    own = simulate(tape, policies[best], free, account)
    luck = judge_luck(
        returns[:, best],
        BARS_PER_YEAR,
        n_trials=n_strategies,
        trial_returns=returns,
        random=random_strategies(tape, own, free, account, BARS_PER_YEAR, n=100),
    )
    return returns, luck


def test_the_best_of_two_hundred_random_strategies_is_luck() -> None:
    returns, luck = search(500, 12, 200, seed=0)
    best = performance.sharpe(returns, BARS_PER_YEAR).max()
    assert best > 1.2  # it looks skilful
    assert luck.psr > 0.95
    assert luck.verdict is LuckVerdict.LUCK_IS_ENOUGH
    assert luck.dsr < 0.9
    assert luck.expected_max_sharpe == pytest.approx(best, rel=0.3)
    assert luck.pbo > 0.2
    assert luck.effective_trials > 100
    assert "LUCK IS ENOUGH: deflated Sharpe" in luck.sentence()


@pytest.mark.slow
def test_the_best_of_random_strategies_is_luck_on_every_market() -> None:
    found = [search(1_000, 12, 200, seed)[1] for seed in range(30)]
    beyond = np.mean([each.verdict is LuckVerdict.BEYOND_LUCK for each in found])
    overfitted = [each.pbo for each in found]
    print(f"beyond luck {beyond:.1%}, PBO {np.mean(overfitted):.2f}")
    assert beyond <= 0.05
    assert np.mean(overfitted) == pytest.approx(0.5, abs=0.12)


def test_skill_is_beyond_luck() -> None:
    n_bars, signal = 750, noise_returns(750, 12, 1)
    returns = noise_returns(n_bars, 12, 0)
    returns[1:] += 0.3 * signal[:-1]
    tape, costs, account = make_tape(returns), Costs(1, 1), AccountTerms()
    own = simulate(tape, long_short(signal, every=1), costs, account)
    luck = judge_luck(
        own.returns,
        BARS_PER_YEAR,
        n_trials=50,
        trial_sharpes=[-0.5, 0.3, 0.8, 1.1],
        random=random_strategies(tape, own, costs, account, BARS_PER_YEAR),
    )
    assert luck.verdict is LuckVerdict.BEYOND_LUCK
    assert luck.effective_trials == 50
    assert luck.min_track_record < n_bars
    assert luck.min_track_record_years == pytest.approx(luck.min_track_record / 252)
    assert "better than 100.0% of 200 random strategies" in luck.sentence()


def test_one_trial() -> None:
    luck = judge_luck(noise_returns(500, 1, 0)[:, 0] + 0.003, BARS_PER_YEAR)
    assert luck.dsr == luck.psr > 0.95
    assert luck.verdict is LuckVerdict.BEYOND_LUCK
    assert "as the only trial" in luck.sentence()
    assert "no random strategies" in luck.sentence()


def test_random_strategies_have_a_vote() -> None:
    luck = judge_luck(noise_returns(500, 1, 0)[:, 0] + 0.003, BARS_PER_YEAR)
    assert replace(luck, random_percentile=0.9).verdict is LuckVerdict.LUCK_IS_ENOUGH
    assert replace(luck, random_percentile=0.95).verdict is LuckVerdict.BEYOND_LUCK
    assert replace(luck, dsr=0.94).verdict is LuckVerdict.LUCK_IS_ENOUGH


def test_trials_beyond_those_whose_returns_are_known_count() -> None:
    trials = noise_returns(500, 10, 0)
    luck = judge_luck(trials[:, 0], BARS_PER_YEAR, n_trials=30, trial_returns=trials)
    assert luck.effective_trials == pytest.approx(30)


def test_who_only_holds_the_market_has_shown_no_skill() -> None:
    returns = noise_returns(500, 1, 0)[:, 0] + 0.003
    alphas = {"equal_weight": 0.4, "momentum": 2.5, "idle": math.nan}
    luck = judge_luck(returns, BARS_PER_YEAR, alphas=alphas)
    assert luck.verdict is LuckVerdict.MARKET_IS_ENOUGH
    assert "alpha over equal_weight t +0.4" in luck.sentence()
    assert replace(luck, alpha_t=1.7).verdict is LuckVerdict.BEYOND_LUCK
    assert replace(luck, dsr=0.9).verdict is LuckVerdict.LUCK_IS_ENOUGH


@pytest.mark.parametrize("known", [True, False])
def test_the_best_of_many_holders_of_a_rising_market_is_luck(known: bool) -> None:
    tickers = 0.0008 + noise_returns(2_500, 1, 0) + noise_returns(2_500, 20, 1)
    rng, verdicts = np.random.default_rng(2), []
    for _ in range(10):
        chosen = rng.random((200, 500, 20)).argsort(axis=2)[:, :, :5]
        weeks = tickers.reshape(500, 5, 20)
        trials = np.stack(
            [np.take_along_axis(weeks, each[:, None, :], axis=2).mean(axis=2) for each in chosen]
        )
        returns = trials.reshape(200, 2_500).T
        sharpes = performance.sharpe(returns, BARS_PER_YEAR)
        best = returns[:, sharpes.argmax()]
        test = benchmark_relative(best, tickers.mean(axis=1), BARS_PER_YEAR).alpha_test
        luck = judge_luck(
            best,
            BARS_PER_YEAR,
            n_trials=200,
            trial_sharpes=sharpes.tolist(),
            trial_returns=returns if known else None,
            alphas={"equal_weight": test.t},
        )
        assert luck.dsr > 0.95
        assert luck.alpha_t > 1.645
        assert luck.alpha_hurdle == pytest.approx(3.47, abs=0.05)
        verdicts.append(luck.verdict)
    assert verdicts.count(LuckVerdict.BEYOND_LUCK) <= 2
    assert LuckVerdict.LUCK_IS_ENOUGH in verdicts


@pytest.mark.parametrize("sharpes", [[], [1.0], [1.0, math.nan]])
def test_trials_without_a_known_spread_have_that_of_chance(sharpes: list[float]) -> None:
    returns = noise_returns(500, 1, 0)[:, 0]
    luck = judge_luck(returns, BARS_PER_YEAR, n_trials=5, trial_sharpes=sharpes)
    chance = noise_returns(500, 2_000, 1)
    spread = performance.sharpe(chance, BARS_PER_YEAR).reshape(400, 5).max(axis=1).mean()
    assert luck.expected_max_sharpe == pytest.approx(spread, rel=0.1)


def test_nothing_is_beyond_luck_where_trials_were_not_counted() -> None:
    luck = judge_luck(noise_returns(500, 1, 0)[:, 0] + 0.003, BARS_PER_YEAR, counted=False)
    assert luck.verdict is LuckVerdict.NOT_COUNTED
    assert replace(luck, dsr=0.5).verdict is LuckVerdict.LUCK_IS_ENOUGH


def test_an_account_that_never_moves() -> None:
    luck = judge_luck(np.zeros(500), BARS_PER_YEAR)
    assert luck.verdict is LuckVerdict.NOT_ENOUGH_DATA
    assert "do not vary" in luck.sentence()


def test_not_enough_data() -> None:
    luck = judge_luck(noise_returns(10, 1, 0)[:, 0], BARS_PER_YEAR)
    assert math.isnan(luck.dsr)
    assert luck.verdict is LuckVerdict.NOT_ENOUGH_DATA
    assert "10 bars" in luck.sentence()
