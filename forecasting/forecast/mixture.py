"""The mixture: equal shares of several laws, such as the forecasts of one recipe's seeds.

With F the mean of the members' F_i, density, mean and tail probabilities are means too. Quantiles
are found by a bracketed Newton iteration. The others follow from the members' closed forms:

    CRPS(y)   mean CRPS_i(y) - int var_i F_i(x) dx, the mean over the members of (F_i - F)^2;
              the integral, by how much the members disagree, does not depend on y
    ES        q - E(q - X)+ / level at the mixture's quantile q, where with each median m_i
              E(q - X_i)+ = (q - ES_i(1/2) + CRPS_i(q) - CRPS_i(m_i)) / 2

The integral is a sum over 64 nodes x = mean + width sinh(u), with the width of the narrowest
member. Over Student-t laws with df > 2 that lie within a width of each other it is right to 1e-7 of
the width, over quantile laws, whose densities jump, to 3e-4; of members widths apart it is not.

Source: Gneiting & Ranjan (2013), Combining Predictive Distributions, Electronic Journal of
Statistics 7 (the linear pool); the decomposition of CRPS is that of a squared error into mean and
variance, at each x.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.forecast.law import Array, Law

# Beyond 8 the integrand of laws with df > 2 has fallen below 1e-10 of its height.
_NODES, _STEP = np.linspace(-8.0, 8.0, 64, retstep=True)
_STEPS = 60
_CLOSE = 1e-11


@dataclass(frozen=True, eq=False)
class Mixture(Law):
    """Equal-weight mixtures, cell by cell.

    Attributes:
        laws: The members, of one shape.
    """

    laws: tuple[Law, ...]

    def __post_init__(self) -> None:
        shapes = {law.shape for law in self.laws}
        if len(shapes) != 1:
            raise ValueError(f"expected laws of one shape, got {sorted(shapes)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the cells."""
        return self.laws[0].shape

    def parameters(self) -> dict[str, np.ndarray]:
        """Those of all members, as `0.loc`, `1.loc` and so on."""
        return {
            f"{k}.{name}": parameter
            for k, law in enumerate(self.laws)
            for name, parameter in law.parameters().items()
        }

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Mixture":
        """The laws whose parameters are those of these after `function`."""
        return Mixture(tuple(law.map(function) for law in self.laws))

    def _average(self, answer: Callable[[Law], Array]) -> Array:
        """Mean over the members."""
        return sum((answer(law) for law in self.laws[1:]), answer(self.laws[0])) / len(self.laws)

    @property
    def mean(self) -> Array:
        """Expected outcome."""
        return self._average(lambda law: law.mean)

    def standard_deviation(self) -> Array:
        """Root of the mean variance plus the variance of the means."""
        mean = self.mean
        return np.sqrt(
            self._average(lambda law: law.standard_deviation() ** 2 + (law.mean - mean) ** 2)
        )

    def log_density(self, y: Array) -> Array:
        """Log density at `y`."""
        each = [law.log_density(y) for law in self.laws]
        with np.errstate(invalid="ignore"):  # NaN where a member is
            return np.logaddexp.reduce(each, axis=0) - np.log(len(each))

    def distribution(self, y: Array) -> Array:
        """Probability of an outcome at or below `y`."""
        return self._average(lambda law: law.distribution(y))

    def exceedance(self, y: Array) -> Array:
        """Probability of an outcome above `y`, exact where it is tiny."""
        return self._average(lambda law: law.exceedance(y))

    def quantile(self, level: float | Array) -> Array:
        """The value that the outcome stays below with probability `level`.

        Newton's iteration between the smallest and the largest of the members' quantiles, halving
        where it would leave them, until the probability is right to 1e-11 of the nearer tail.
        """
        level = np.broadcast_to(np.asarray(level, dtype=float), self.shape)
        ends = np.stack([law.quantile(level) for law in self.laws])
        low, high, x = ends.min(axis=0), ends.max(axis=0), ends.mean(axis=0)
        at = np.nonzero(self.known)
        for _ in range(_STEPS):
            law, tried, wanted = Mixture(tuple(each[at] for each in self.laws)), x[at], level[at]
            excess = law._excess(tried, wanted)
            open_ = np.abs(excess) > _CLOSE * np.minimum(wanted, 1 - wanted)
            if not open_.any():
                break
            low[at] = np.where(excess < 0, tried, low[at])
            high[at] = np.where(excess > 0, tried, high[at])
            newton = tried - excess * np.exp(-law.log_density(tried))
            inside = (newton >= low[at]) & (newton <= high[at])
            better = np.where(inside, newton, (low[at] + high[at]) / 2)
            x[at] = np.where(open_, better, tried)
            at = tuple(axis[open_] for axis in at)
        return x

    def _excess(self, x: Array, level: Array) -> Array:
        """Probability below `x` less `level`, from the nearer tail."""
        return np.where(level > 0.5, (1 - level) - self.exceedance(x), self.distribution(x) - level)

    @cached_property
    def _disagreement(self) -> Array:
        """Integral of the variance over the members of F_i, in the unit of the outcome."""
        centre, width = self.mean, np.min([law.interval_width(0.5) for law in self.laws], axis=0)
        total = np.zeros(self.shape)
        for node in _NODES:
            x = centre + width * np.sinh(node)
            # The nearer tail: 1 - F would round there.
            tails = [law.distribution(x) if node < 0 else law.exceedance(x) for law in self.laws]
            total += np.cosh(node) * np.var(tails, axis=0)
        return total * _STEP * width

    def crps(self, y: Array) -> Array:
        """Continuous ranked probability score, in the unit of `y`; smaller is better."""
        return self._average(lambda law: law.crps(y)) - self._disagreement

    def expected_shortfall(self, level: float) -> Array:
        """Mean outcome in the worst `level` share of cases."""
        q = self.quantile(level)
        return q - self._average(lambda law: _mean_shortage(law, q)) / level

    def scaled(self, unit: Array) -> "Mixture":
        """The law of `unit` times the outcome."""
        return Mixture(tuple(law.scaled(unit) for law in self.laws))

    def columns(self) -> dict[str, Array]:
        """The mean."""
        return {"mean": self.mean}


def _mean_shortage(law: Law, q: Array) -> Array:
    """E(q - X)+: by how much the outcome stays below `q` on average."""
    median = law.quantile(0.5)
    return (q - law.expected_shortfall(0.5) + law.crps(q) - law.crps(median)) / 2
