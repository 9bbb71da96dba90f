"""The calibrated law: another law whose central bands were moved to where they hold what they say.

The model's law has the median m, density f and, counted away from the median, the probability T(y)
beyond y; a `BandWarp` makes it T*(y), which is c T(y) beyond the widest band. So the median stays,
the bands of a law never cross, tails keep their power, and everything follows from the model:

    density       f* = f dT* / dT
    J*(y)         integral of T* between m and y; U* and L* those over all y above and below m
    mean          m + U* - L*
    E*(X - m)^2   c E(X - m)^2 + 2 int |x - m| (T* - c T) dx
    CRPS*(y)      int T*^2 dx + |y - m| - 2 J*(y)
    shortfall     q - (L* + max(q - m, 0) - J*(q)) / level, q the quantile

Inside the widest band the integrals are smooth: Gauss-Legendre on each piece of the warp. Beyond it
they are c times the model's, for which J(y) = (|y - m| - CRPS(y) + CRPS(m)) / 2 and, for L,
(m - ES(0.5)) / 2; that of T*^2 is Gauss-Legendre over the root of the probability. Mean, CRPS and
shortfall are right to 1e-5 of the model's scale over Student-t laws and to 2e-3 over quantile laws,
whose density jumps; the variance to c times as much.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import special

from forecasting.forecast.band_warp import BAND_LEVELS, BandWarp, model_level
from forecasting.forecast.law import Array, Law

_POINTS, _MASSES = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_POINTS + 1) / 2, _MASSES / 2

Integrand = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True, eq=False)
class CalibratedLaw(Law):
    """Laws with calibrated central bands.

    Attributes:
        base: The model's laws.
        threshold: Of a `BandWarp`; its `NOMINAL` leaves the law as it is.
    """

    base: Law
    threshold: Float[np.ndarray, "*cell level"]

    def __post_init__(self) -> None:
        if self.threshold.shape != (*self.base.shape, len(BAND_LEVELS)):
            expected = (*self.base.shape, len(BAND_LEVELS))
            raise ValueError(f"threshold has shape {self.threshold.shape}, expected {expected}")

    @cached_property
    def warp(self) -> BandWarp:
        """From the model's probabilities to these."""
        return BandWarp(self.threshold)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the cells."""
        return self.base.shape

    def parameters(self) -> dict[str, np.ndarray]:
        """The model's parameters and the thresholds."""
        return {**self.base.parameters(), "threshold": self.threshold}

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "CalibratedLaw":
        """The laws whose parameters are those of these after `function`."""
        return CalibratedLaw(self.base.map(function), function(self.threshold))

    def model_level(self, level: float) -> Array:
        """What the model's law calls the band that now is `level`, one of `BAND_LEVELS`."""
        return model_level(self.threshold[..., BAND_LEVELS.index(level)])

    @cached_property
    def _median(self) -> Array:
        return self.base.quantile(0.5)

    def _model_tail(self, y: Array, above: np.ndarray | bool) -> Array:
        """T at `y`, which lies above the median or not."""
        if isinstance(above, bool):
            return self.base.exceedance(y) if above else self.base.distribution(y)
        return np.where(above, self.base.exceedance(y), self.base.distribution(y))

    def _tail(self, y: Array) -> Array:
        """T* at `y`."""
        return self.warp.calibrated(self._model_tail(y, y > self._median))

    def distribution(self, y: Array) -> Array:
        """Probability of an outcome at or below `y`."""
        tail = self._tail(y)
        return np.where(y > self._median, 1 - tail, tail)

    def exceedance(self, y: Array) -> Array:
        """Probability of an outcome above `y`, exact where it is tiny."""
        tail = self._tail(y)
        return np.where(y > self._median, tail, 1 - tail)

    def log_density(self, y: Array) -> Array:
        """Log density at `y`; at the end of a band, where it jumps, that of the piece outside."""
        tail = self._model_tail(y, y > self._median)
        return self.base.log_density(y) + self.warp.log_density_ratio(tail)

    def quantile(self, level: float | Array) -> Array:
        """The value that the outcome stays below with probability `level`."""
        level = np.broadcast_to(np.asarray(level, dtype=float), self.shape)
        tail = self.warp.model(np.minimum(level, 1 - level))
        return self.base.quantile(np.where(level > 0.5, 1 - tail, tail))

    @cached_property
    def _reaches(self) -> dict[bool, Array]:
        """Distances from the median, above it and below, at which the pieces of the warp start."""
        reaches = {}
        for above in (False, True):
            levels = special.expit(self.warp.ends if above else -self.warp.ends)
            ends = [self.base.quantile(level) for level in np.moveaxis(levels, -1, 0)]
            reaches[above] = np.abs(np.stack(ends, axis=-1) - self._median[..., None])
        return reaches

    def _integral(
        self, integrand: Integrand, above: np.ndarray | bool, until: Array | float = np.inf
    ) -> Array:
        """Integral over the distance from the median, up to `until` or the end of the widest band.

        Args:
            integrand: Of the distance, T* and T.
            above: On which side of the median.
            until: Distance.
        """
        sides = np.asarray(above)[..., None], self._reaches[True], self._reaches[False]
        reach, sign = np.where(*sides), np.where(above, 1.0, -1.0)
        total = np.zeros(self.shape)
        for i in range(len(BAND_LEVELS)):
            near, far = (np.minimum(reach[..., i + k], until) for k in (0, 1))
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                distance = near + node * (far - near)
                tail = self._model_tail(self._median + sign * distance, above)
                values = integrand(distance, self.warp.on_piece(i, tail), tail)
                total += weight * (far - near) * values
        return total

    def _both_sides(self, integrand: Integrand) -> Array:
        return self._integral(integrand, True) + self._integral(integrand, False)

    def _model_integral(self, y: Array) -> Array:
        """J: integral of T between the median and `y`."""
        median = self._median
        return (np.abs(y - median) - self.base.crps(y) + self.base.crps(median)) / 2

    def _end(self, above: np.ndarray | bool) -> Array:
        """The outcome at which the widest band ends."""
        distance = np.where(above, self._reaches[True][..., -1], -self._reaches[False][..., -1])
        return self._median + distance

    @cached_property
    def _halves(self) -> dict[bool, Array]:
        """U* and L*."""
        below = (self._median - self.base.expected_shortfall(0.5)) / 2
        model = {False: below, True: below + self.base.mean - self._median}
        return {
            above: self._integral(lambda _, t, u: t, above)
            + self.warp.tail_factor * (half - self._model_integral(self._end(above)))
            for above, half in model.items()
        }

    @property
    def mean(self) -> Array:
        """Expected outcome."""
        return self._median + self._halves[True] - self._halves[False]

    def standard_deviation(self) -> Array:
        """Standard deviation; infinite where the model's is."""
        c, median = self.warp.tail_factor, self._median
        square = self.base.standard_deviation() ** 2 + (self.base.mean - median) ** 2
        square = c * square + 2 * self._both_sides(lambda d, t, u: d * (t - c * u))
        return np.sqrt(square - (self.mean - median) ** 2)

    @cached_property
    def _crps_of_median(self) -> Array:
        return (
            self._both_sides(lambda _, t, u: t**2)
            + self._tail_square(True)
            + self._tail_square(False)
        )

    def _tail_square(self, above: bool) -> Array:
        """Integral of T*^2 beyond the widest band, which ends where T* = p.

        4 p^2 int_0^1 (distance at which T* = p w^2, less that of the end) w^3 dw.
        """
        p, end, total = (1 - BAND_LEVELS[-1]) / 2, self._end(above), np.zeros(self.shape)
        for w, weight in zip(_NODES, _WEIGHTS, strict=True):
            at = self.quantile(1 - p * w**2 if above else p * w**2)
            total += 4 * p**2 * weight * w**3 * np.abs(at - end)
        return total

    def _tail_integral(self, y: Array) -> Array:
        """J*."""
        above, distance = y > self._median, np.abs(y - self._median)
        inside = self._integral(lambda _, t, u: t, above, distance)
        end = self._end(above)
        beyond = self._model_integral(y) - self._model_integral(end)
        crossed = distance > np.abs(end - self._median)
        return inside + np.where(crossed, self.warp.tail_factor * beyond, 0.0)

    def crps(self, y: Array) -> Array:
        """Continuous ranked probability score, in the unit of `y`; smaller is better."""
        return self._crps_of_median + np.abs(y - self._median) - 2 * self._tail_integral(y)

    def expected_shortfall(self, level: float) -> Array:
        """Mean outcome in the worst `level` share of cases."""
        q = self.quantile(level)
        between = np.maximum(q - self._median, 0) - self._tail_integral(q)
        return q - (self._halves[False] + between) / level

    def scaled(self, unit: Array) -> "CalibratedLaw":
        """The law of `unit` times the outcome."""
        return CalibratedLaw(self.base.scaled(unit), self.threshold)

    def columns(self) -> dict[str, Array]:
        """Mean, and what the model's law calls the calibrated 90 % band."""
        return {"mean": self.mean, "model_level90": self.model_level(0.9)}
