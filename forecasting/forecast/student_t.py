"""Closed forms of the Student-t law with location, scale and degrees of freedom.

With standardised x = (y - loc) / scale, f and F are the density and distribution function of the
standard t with `df` degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from forecasting.forecast.law import Array, Law


@dataclass(frozen=True, eq=False)
class StudentT(Law):
    """Student-t laws; the parameters broadcast.

    Attributes:
        loc: Location.
        scale: Scale, positive; not the standard deviation.
        df: Degrees of freedom, > 0; whatever averages needs more than 1.
    """

    loc: Array
    scale: Array
    df: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the cells."""
        return np.broadcast_shapes(self.loc.shape, self.scale.shape, self.df.shape)

    @property
    def mean(self) -> Array:
        """Expected outcome: the location, for df > 1."""
        return self.loc

    def standard_deviation(self) -> Array:
        """Standard deviation, scale * sqrt(df / (df - 2)); infinite for df <= 2."""
        scale, df = self.scale, self.df
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(df > 2, scale * np.sqrt(df / (df - 2)), np.inf * np.sign(scale))

    def log_density(self, y: Array) -> Array:
        """Log density at `y`; its negative is the log score (nats, if `y` is a log return)."""
        x = (y - self.loc) / self.scale
        return _standard_log_density(x, np.log(self.scale), self.df)

    def distribution(self, y: Array) -> Array:
        """Probability of an outcome at or below `y`."""
        return special.stdtr(self.df, (y - self.loc) / self.scale)

    def exceedance(self, y: Array) -> Array:
        """Probability of an outcome above `y`, exact where it is tiny."""
        return special.stdtr(self.df, (self.loc - y) / self.scale)

    def quantile(self, level: float | Array) -> Array:
        """The value that the outcome stays below with probability `level`."""
        return self.loc + self.scale * special.stdtrit(self.df, level)

    def interval_width(self, level: float) -> Array:
        """Width of the central interval that holds `level` of the probability."""
        return 2 * self.scale * special.stdtrit(self.df, (1 + level) / 2)

    def crps(self, y: Array) -> Array:
        """Continuous ranked probability score, in the unit of `y`; smaller is better, for df > 1.

        CRPS = scale * { x (2 F(x) - 1) + 2 f(x) (df + x^2)/(df - 1)
                         - 2 sqrt(df)/(df - 1) * B(1/2, df - 1/2) / B(1/2, df/2)^2 }.

        Source: Jordan, Krueger & Lerch (2019), Evaluating probabilistic forecasts with
        scoringRules, Journal of Statistical Software 90(12), appendix A.
        """
        x, df = (y - self.loc) / self.scale, self.df
        density = np.exp(_standard_log_density(x, 0.0, df))
        spread = special.beta(0.5, df - 0.5) / special.beta(0.5, df / 2) ** 2
        return self.scale * (
            x * (2 * special.stdtr(df, x) - 1)
            + 2 * density * (df + x**2) / (df - 1)
            - 2 * np.sqrt(df) / (df - 1) * spread
        )

    def expected_shortfall(self, level: float) -> Array:
        """Mean outcome in the worst `level` share of cases, for df > 1.

        ES = loc - scale * f(q) / level * (df + q^2) / (df - 1) with q the standard quantile.

        Source: McNeil, Frey & Embrechts (2015), Quantitative Risk Management, example 2.15.
        """
        df = self.df
        q = special.stdtrit(df, level)
        density = np.exp(_standard_log_density(q, 0.0, df))
        return self.loc - self.scale * density / level * (df + q**2) / (df - 1)

    def scaled(self, unit: Array) -> "StudentT":
        """The law of `unit` times the outcome."""
        return StudentT(self.loc * unit, self.scale * unit, self.df)

    def columns(self) -> dict[str, Array]:
        """The parameters."""
        return self.parameters()


def _standard_log_density(x: Array, log_scale: Array | float, df: Array) -> Array:
    """Log density at standardised `x`, per unit of the outcome."""
    return (
        special.gammaln((df + 1) / 2)
        - special.gammaln(df / 2)
        - 0.5 * np.log(np.pi * df)
        - log_scale
        - (df + 1) / 2 * np.log1p(x**2 / df)
    )
