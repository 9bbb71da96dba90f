"""Is luck enough to explain a result? Every answer in one value, and a verdict in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from forecasting.backtest.statistics.overfitting import overfitting
from forecasting.backtest.statistics.performance import LEAST_BARS, sharpe
from forecasting.backtest.statistics.random_strategies import RandomStrategies
from forecasting.backtest.statistics.sharpe_tests import (
    CONFIDENCE,
    deflated_sharpe,
    effective_trials,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    trial_variance,
)


class LuckVerdict(StrEnum):
    """What may be said."""

    BEYOND_LUCK = "BEYOND LUCK"
    LUCK_IS_ENOUGH = "LUCK IS ENOUGH"
    MARKET_IS_ENOUGH = "THE MARKET IS ENOUGH"
    NOT_COUNTED = "TRIALS NOT COUNTED"
    NOT_ENOUGH_DATA = "NOT ENOUGH DATA"


@dataclass(frozen=True)
class Luck:
    """How well luck explains an account's Sharpe ratio.

    Attributes:
        psr: Probability that the true Sharpe ratio is above zero, had this been the only trial.
        dsr: Probability that it is above what luck finds in this many trials.
        n_trials: Configurations that were tried, this one among them.
        effective_trials: How many independent ones they amount to, or their differences do where
            these are more; `n_trials` where their returns are not known.
        expected_max_sharpe: The annual Sharpe ratio that luck alone is expected to find.
        track_record: Bars that there are.
        min_track_record: Bars after which a Sharpe ratio as observed would exceed zero with 95 %
            confidence; infinite where it does not exceed zero.
        min_track_record_years: The same in years.
        random_percentile: Share of random strategies that it beats; NaN where there are none.
        n_random: How many random strategies.
        pbo: Probability of backtest overfitting of the choice among the trials; NaN if unknown.
        alpha_t: Newey-West t of the alpha over the benchmark that leaves the least of it; NaN
            without benchmarks.
        alpha_over: That benchmark; empty without one.
        counted: Whether earlier trials on these bars were counted.
    """

    psr: float
    dsr: float
    n_trials: int
    effective_trials: float
    expected_max_sharpe: float
    track_record: int
    min_track_record: float
    min_track_record_years: float
    random_percentile: float
    n_random: int
    pbo: float
    alpha_t: float = math.nan
    alpha_over: str = ""
    counted: bool = True

    @property
    def alpha_hurdle(self) -> float:
        """What the largest t of `effective_trials` without skill exceeds in 5 % of searches.

        Z^-1[0.95^(1 / N)]. Where the market rises the deflated Sharpe ratio of whoever holds it is
        high, and nothing but this counts how many were tried to find the one that beats it.

        Source: Sidak (1967), Rectangular confidence regions for the means of multivariate normal
            distributions, JASA 62(318).
        """
        return NormalDist().inv_cdf(CONFIDENCE ** (1 / self.effective_trials))

    @property
    def verdict(self) -> LuckVerdict:
        """BEYOND LUCK where `dsr` and `random_percentile` reach 95 % and alpha its hurdle.

        THE MARKET IS ENOUGH where only alpha fails, at one-sided 5 % over some benchmark: whoever
        holds a market that has risen needs no luck, and has shown no skill. LUCK IS ENOUGH also
        where alpha would do for a single trial, but not for so many. What is not known
        (NaN) of percentile and alpha has no vote; without `dsr` there is not enough data. `pbo` has
        none: it judges the choice, and where many configurations are equally good no choice among
        them survives. Where earlier trials were not counted nothing is beyond luck.
        """
        if math.isnan(self.dsr):
            return LuckVerdict.NOT_ENOUGH_DATA
        if self.dsr < CONFIDENCE or self.random_percentile < CONFIDENCE:
            return LuckVerdict.LUCK_IS_ENOUGH
        if self.alpha_t < NormalDist().inv_cdf(CONFIDENCE):
            return LuckVerdict.MARKET_IS_ENOUGH
        if self.alpha_t < self.alpha_hurdle:
            return LuckVerdict.LUCK_IS_ENOUGH
        return LuckVerdict.BEYOND_LUCK if self.counted else LuckVerdict.NOT_COUNTED

    def sentence(self) -> str:
        """The verdict and the numbers behind it."""
        if self.verdict is LuckVerdict.NOT_ENOUGH_DATA:
            if self.track_record >= LEAST_BARS:
                return f"{self.verdict}: its returns do not vary, so there is nothing to judge."
            return f"{self.verdict}: {self.track_record} bars do not say how much luck there is."
        independent = f" ({self.effective_trials:.0f} independent)"
        parts = [
            f"its Sharpe ratio is above zero with probability {self.dsr:.1%}, as the only trial"
            if self.n_trials == 1
            else f"deflated Sharpe {self.dsr:.1%}, the probability of being above the "
            f"{self.expected_max_sharpe:.2f} that the best of {self.n_trials:,} trials"
            f"{independent if self.effective_trials != self.n_trials else ''} has by luck",
            "no random strategies to compare with"
            if math.isnan(self.random_percentile)
            else f"better than {self.random_percentile:.1%} of {self.n_random} random strategies",
        ]
        if not math.isnan(self.alpha_t):
            asked = f" (asked for {self.alpha_hurdle:.1f})" if self.n_trials > 1 else ""
            parts.append(f"alpha over {self.alpha_over} t {self.alpha_t:+.1f}{asked}")
        if not math.isnan(self.pbo):
            parts.append(f"probability of backtest overfitting {self.pbo:.0%}")
        if not self.counted:
            parts.append("earlier trials on these bars were not counted")
        return f"{self.verdict}: {'; '.join(parts)}."


def judge_luck(
    returns: Float[np.ndarray, " bar"],
    bars_per_year: float | int,
    *,
    n_trials: int = 1,
    trial_sharpes: Sequence[float] = (),
    trial_returns: Float[np.ndarray, "bar configuration"] | None = None,
    random: RandomStrategies | None = None,
    alphas: Mapping[str, float] | None = None,
    counted: bool = True,
) -> Luck:
    """Judge the account that was chosen after a number of trials.

    Args:
        returns: Simple returns of its equity over those of cash, decimal: what idle cash earns is
            neither luck nor skill.
        bars_per_year: Bars in a year.
        n_trials: Configurations that were tried on these bars, this one among them, also those that
            failed.
        trial_sharpes: Annual Sharpe ratios of the trials that have one, this one among them; their
            spread sets how much luck there is. By default those of `trial_returns`; with fewer than
            two the spread of independent trials without skill is taken, 1 / bars (Lo 2002,
            equation 9 at a ratio of zero).
        trial_returns: Returns of trials on these bars, where they are known: from them the number
            of independent trials and the probability of overfitting. Trials beyond these columns
            count one each.
        random: Where the account stands among random strategies.
        alphas: t of its alpha over each benchmark.
        counted: Whether `n_trials` has the earlier trials on these bars.
    """
    estimate = sharpe_estimate(returns)
    independent, pbo = float(n_trials), math.nan
    if trial_returns is not None:
        others = max(n_trials - trial_returns.shape[1], 0)
        # Trials that all hold the market are alike, but what luck finds is in their differences.
        apart = trial_returns - trial_returns.mean(axis=1, keepdims=True)
        independent = max(effective_trials(trial_returns), effective_trials(apart)) + others
        pbo = overfitting(trial_returns).probability
        if not len(trial_sharpes):
            trial_sharpes = np.atleast_1d(sharpe(trial_returns, bars_per_year)).tolist()
    variance = trial_variance(trial_sharpes, bars_per_year)
    if math.isnan(variance):
        variance = 1 / max(estimate.bars, 1)
    known = {name: t for name, t in (alphas or {}).items() if not math.isnan(t)}
    least = min(known, key=lambda name: known[name], default="")
    hurdle = expected_max_sharpe(independent, variance)
    shortest = min_track_record(estimate)
    return Luck(
        psr=probabilistic_sharpe(estimate),
        dsr=deflated_sharpe(estimate, independent, variance),
        n_trials=n_trials,
        effective_trials=independent,
        expected_max_sharpe=hurdle * math.sqrt(bars_per_year),
        track_record=estimate.bars,
        min_track_record=shortest,
        min_track_record_years=shortest / bars_per_year,
        random_percentile=random.percentile if random else math.nan,
        n_random=len(random.sharpes) if random else 0,
        pbo=pbo,
        alpha_t=known.get(least, math.nan),
        alpha_over=least,
        counted=counted,
    )
