"""How often verdicts are wrong: on markets without anything to find, and with a known gain."""

import math

import numpy as np
import pytest

from forecasting.evaluation.comparison import confidence_set, superior_ability
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.comparison.overall import overall
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate_with_truth

SEEDS, DAYS, TICKERS, RIVALS = 120, 320, 3, 5


def returns_of(panel: Panel, h: int) -> np.ndarray:
    """Log returns over the next h days, one row an origin."""
    price = np.log(panel.column("adj_close"))
    return price[h:] - price[:-h]


def at_most(rate: float, trials: int) -> float:
    """The nominal rate and three of its binomial standard errors."""
    return rate + 3 * math.sqrt(rate * (1 - rate) / trials)


def losses_of_equals(seed: int, h: int) -> dict[str, np.ndarray]:
    """Log losses by date of forecasters whose volatility errs in the same way, independently.

    Exchangeable, so that nobody's expected loss is smaller; their errors last for weeks.
    """
    panel, truth = simulate_with_truth("random-walk", n_tickers=TICKERS, n_bars=DAYS, seed=seed)
    returns, rng = returns_of(panel, h), np.random.default_rng([seed, 1])
    scale = np.nanmean(truth.own_volatility, axis=0) * np.sqrt(h)
    losses = {}
    for k in range(1 + RIVALS):
        error = np.convolve(rng.normal(0, 0.05, len(returns) + 14), np.ones(15), "valid")
        law = StudentT(
            np.zeros_like(returns), scale * np.exp(error)[:, None], np.full_like(returns, 200.0)
        )
        losses[f"rival {k}" if k else "model"] = -law.log_density(returns).mean(axis=1)
    return losses


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (superior_ability, confidence_set):
        monkeypatch.setattr(module, "REPETITIONS", 199)


@pytest.mark.slow
@pytest.mark.parametrize("h", [1, 5])
def test_on_a_null_market_verdicts_come_at_their_rate(h: int) -> None:
    pairs, overalls, kept = [], [], []
    for seed in range(SEEDS):
        losses = losses_of_equals(seed, h)
        # One pair a market: pairs of one market share the model's luck.
        pairs.append(diebold_mariano(losses["rival 1"] - losses["model"], h).verdict)
        found = overall(losses, "model", h)
        overalls.append(found["verdict"])
        kept.append(found["in_confidence_set"])
    assert pairs.count("BEATS") / SEEDS <= at_most(0.025, SEEDS)
    assert pairs.count("LOSES") / SEEDS <= at_most(0.025, SEEDS)
    # All five have to be beaten at once, which luck does far more rarely than one.
    assert overalls.count("BEATS") <= 1
    assert overalls.count("LOSES") / SEEDS <= at_most(0.025, SEEDS)
    assert 1 - np.mean(kept) <= at_most(confidence_set.SIZE, SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random-walk", "volatility", "leverage"])
def test_on_a_planted_market_the_interval_holds_the_known_gain(kind: str) -> None:
    """Normal laws of the true volatility, against the same times 1.15.

    Whatever the shocks, E r^2 of a day is the truth's expected variance, so that the expected gain
    of every cell is log(1.15) + (1 / 1.15^2 - 1) / 2.
    """
    known, comparisons = math.log(1.15) + (1 / 1.15**2 - 1) / 2, []
    for seed in range(SEEDS):
        panel, truth = simulate_with_truth(kind, n_tickers=8, n_bars=800, seed=seed)
        square = (returns_of(panel, 1) / truth.expected_volatility[1:]) ** 2
        gain = math.log(1.15) + square * (1 / 1.15**2 - 1) / 2
        comparisons.append(diebold_mariano(gain.mean(axis=1), 1))
    missed = [abs(each.gain - known) > 1.96 * each.error for each in comparisons]
    assert np.mean(missed) <= at_most(0.05, SEEDS)
    assert np.mean([each.gain for each in comparisons]) == pytest.approx(known, rel=0.1)
    found = np.mean([each.verdict == "BEATS" for each in comparisons])
    reach = np.median([each.detectable for each in comparisons])
    # Power as stated: a gain beyond what is detectable is found in more than 80 % of markets.
    assert reach < known
    assert found > 0.8
