"""The quantile law: a Student-t bent so that nine of its quantiles lie where they are wanted.

The outcome is g(Z), Z a standard t with `df` degrees of freedom, F its distribution function and f
its density, g increasing and linear between the knots z_i = F^-1(LEVELS[i]), where g(z_i) is the
i-th value; the first and the last piece go on for ever. So the tails keep the power of the t, and
the law is Student-t exactly where the values are loc + scale * z_i. On piece i, between the inner
knots, g(z) = a_i + s_i z: there the law *is* the Student-t of location a_i and scale s_i, and
density, distribution and quantile are those of that piece. Integrals need, besides F,

    M(z) = int_{-inf}^z u f(u) du       = -f(z) (df + z^2) / (df - 1)
    V(z) = int_{-inf}^z u^2 f(u) du     = ((df - 1) z M(z) + df F(z)) / (df - 2)
    W(z) = int_{-inf}^z u F(u) f(u) du  = F(z) M(z) + int_{-inf}^z f(u)^2 (df + u^2) / (df - 1) du

whose last term is, with nu = 2 df - 1 and c the constants of the densities,
c_df^2 df / ((df - 1) c_nu) sqrt(df / nu) F_nu(z sqrt(nu / df)).

Sources: Gasthaus et al. (2019), Probabilistic Forecasting with Spline Quantile Function RNNs,
AISTATS; Park et al. (2022), Learning Quantile Functions without Quantile Crossing for
Distribution-free Time Series Forecasting, AISTATS. Here the pieces are linear in a Student-t
variable instead of in the probability, for which the tails would end at the outer knots.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import special

from forecasting.config import QUANTILE_LEVELS
from forecasting.forecast.law import Array, Law
from forecasting.forecast.student_t import StudentT

LEVELS = np.array(QUANTILE_LEVELS)
# F at the ends of the pieces.
_ENDS = np.array([0.0, *QUANTILE_LEVELS[1:-1], 1.0])


@dataclass(frozen=True, eq=False)
class QuantileLaw(Law):
    """Piecewise Student-t laws through given quantiles.

    Attributes:
        values: Quantiles at `LEVELS`, strictly increasing.
        df: Degrees of freedom of the variable that is bent, > 1.
    """

    levels = QUANTILE_LEVELS

    values: Float[np.ndarray, "*cell level"]
    df: Float[np.ndarray, "*cell"]

    def __post_init__(self) -> None:
        if self.values.shape != (*self.df.shape, len(LEVELS)):
            expected = (*self.df.shape, len(LEVELS))
            raise ValueError(f"values has shape {self.values.shape}, expected {expected}")
        if (np.diff(self.values, axis=-1) <= 0).any():
            raise ValueError("the quantiles of a law do not increase")

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the cells."""
        return self.df.shape

    @cached_property
    def _knots(self) -> Array:
        """F^-1(LEVELS) of each cell; degrees of freedom repeat, and the inverse is slow."""
        distinct, which = np.unique(self.df, return_inverse=True)
        return special.stdtrit(distinct[:, None], LEVELS)[which.reshape(self.df.shape)]

    @cached_property
    def _pieces(self) -> StudentT:
        """The Student-t of each piece, along a last axis."""
        scale = np.diff(self.values, axis=-1) / np.diff(self._knots, axis=-1)
        loc = self.values[..., :-1] - scale * self._knots[..., :-1]
        return StudentT(loc, scale, np.broadcast_to(self.df[..., None], loc.shape))

    @cached_property
    def _moment(self) -> Array:
        """M at each end of the pieces."""
        moments = np.zeros((*self.shape, len(_ENDS)))
        moments[..., 1:-1] = _first_moment(self._knots[..., 1:-1], self.df[..., None])
        return moments

    def _piece_of(self, at: float | Array, inner_ends: Array) -> tuple[StudentT, np.ndarray]:
        """The Student-t of the piece in which `at` lies, and which that is."""
        which = (np.asarray(at)[..., None] >= inner_ends).sum(axis=-1)
        which = np.broadcast_to(which, np.broadcast_shapes(np.shape(which), self.shape))
        loc, scale = (_pick(part, which) for part in (self._pieces.loc, self._pieces.scale))
        return StudentT(loc, scale, self.df), which

    def _piece_at(self, y: Array) -> StudentT:
        return self._piece_of(y, self.values[..., 1:-1])[0]

    @cached_property
    def _integral(self) -> Array:
        """Integral of g(u) f(u) up to each end of the pieces: sum of a_i dF + s_i dM."""
        a, s = self._pieces.loc, self._pieces.scale
        parts = a * np.diff(_ENDS) + s * np.diff(self._moment, axis=-1)
        return np.concatenate([np.zeros_like(parts[..., :1]), parts.cumsum(axis=-1)], axis=-1)

    @property
    def mean(self) -> Array:
        """Expected outcome."""
        return self._integral[..., -1]

    def standard_deviation(self) -> Array:
        """Root of the sum of b_i^2 dF + 2 b_i s_i dM + s_i^2 dV, b_i = a_i - mean.

        Infinite for df <= 2.
        """
        b, s = self._pieces.loc - self.mean[..., None], self._pieces.scale
        parts = b**2 * np.diff(_ENDS) + 2 * b * s * np.diff(self._moment, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts += s**2 * np.diff(self._second_moments(), axis=-1)
            infinite = np.inf * np.sign(s[..., 0])
            return np.where(self.df > 2, np.sqrt(parts.sum(axis=-1)), infinite)

    def _second_moments(self) -> Array:
        """V at each end of the pieces, for df > 2."""
        ends, df = np.zeros_like(self._moment), self.df[..., None]
        z, below = self._knots[..., 1:-1], self._moment[..., 1:-1]
        ends[..., 1:-1] = ((df - 1) * z * below + df * _ENDS[1:-1]) / (df - 2)
        ends[..., -1] = self.df / (self.df - 2)
        return ends

    def log_density(self, y: Array) -> Array:
        """Log density at `y`; at an inner knot, where it jumps, that of the piece above."""
        return self._piece_at(y).log_density(y)

    def distribution(self, y: Array) -> Array:
        """Probability of an outcome at or below `y`."""
        return self._piece_at(y).distribution(y)

    def exceedance(self, y: Array) -> Array:
        """Probability of an outcome above `y`, exact where it is tiny."""
        return self._piece_at(y).exceedance(y)

    def quantile(self, level: float | Array) -> Array:
        """The value that the outcome stays below with probability `level`."""
        return self._piece_of(level, LEVELS[1:-1])[0].quantile(level)

    def _mean_below(self, z: Array, piece: StudentT, which: np.ndarray) -> Array:
        """Integral of g f up to `z`, which lies on `piece`."""
        probability = special.stdtr(self.df, z) - _ENDS[which]
        moment = _first_moment(z, self.df) - _pick(self._moment, which)
        return _pick(self._integral, which) + piece.loc * probability + piece.scale * moment

    def crps(self, y: Array) -> Array:
        """Continuous ranked probability score, in the unit of `y`; smaller is better.

        E|X - y| = y (2 F(y) - 1) + mean - 2 int_{-inf}^{z_y} g f and
        E|X - X'| / 2 = 2 sum(a_i d(F^2 / 2) + s_i dW) - mean.
        """
        piece, which = self._piece_of(y, self.values[..., 1:-1])
        z = (y - piece.loc) / piece.scale
        below = self._mean_below(z, piece, which)
        distance = y * (2 * special.stdtr(self.df, z) - 1) + self.mean - 2 * below
        a, s = self._pieces.loc, self._pieces.scale
        weighted = a * np.diff(_ENDS**2 / 2) + s * np.diff(self._weighted_moments(), axis=-1)
        return distance - (2 * weighted.sum(axis=-1) - self.mean)

    def _weighted_moments(self) -> Array:
        """W at each end of the pieces."""
        df, ends = self.df[..., None], np.zeros((*self.shape, len(_ENDS)))
        nu = 2 * df - 1
        ends[..., 1:-1] = special.stdtr(nu, self._knots[..., 1:-1] * np.sqrt(nu / df))
        ends[..., -1] = 1.0
        log_ratio = 2 * _log_constant(df) - _log_constant(nu)
        return _ENDS * self._moment + np.exp(log_ratio) * df / (df - 1) * np.sqrt(df / nu) * ends

    def expected_shortfall(self, level: float) -> Array:
        """Mean outcome in the worst `level` share of cases."""
        piece, which = self._piece_of(level, LEVELS[1:-1])
        z = special.stdtrit(self.df, level)
        return self._mean_below(z, piece, which) / level

    def scaled(self, unit: Array) -> "QuantileLaw":
        """The law of `unit` times the outcome."""
        return QuantileLaw(self.values * unit[..., None], self.df)

    def columns(self) -> dict[str, Array]:
        """Mean, and the degrees of freedom of the tails."""
        return {"mean": self.mean, "df": self.df}


def _first_moment(z: Array, df: Array) -> Array:
    """M(z) of finite z."""
    return -np.exp(_standard(df).log_density(z)) * (df + z**2) / (df - 1)


def _log_constant(df: Array) -> Array:
    """Log density of the standard t at 0."""
    return _standard(df).log_density(np.zeros_like(df))


def _standard(df: Array) -> StudentT:
    return StudentT(np.zeros_like(df), np.ones_like(df), df)


def _pick(parts: Array, which: np.ndarray) -> Array:
    """The part of each cell that `which` names, along the last axis."""
    parts = np.broadcast_to(parts, (*which.shape, parts.shape[-1]))
    return np.take_along_axis(parts, which[..., None], axis=-1)[..., 0]
