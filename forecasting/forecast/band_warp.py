"""The map from a model's probabilities to calibrated ones that moves the ends of central bands.

T is the probability beyond an outcome, counted away from the median, and a = log((1 - T) / T) its
log-odds: 0 at the median, growing outwards. The model's band of level b ends where a is nominal,
N(b) = log((1 + b) / (1 - b)); the calibrated band ends at a threshold A(b) instead:

    log-odds of T*  =  W(a), linear in a between (0, 0) and the points (A(b_i), N(b_i))
    T*              =  c T beyond the widest band, c = (1 - b_n) / 2 over T at A(b_n)

Source: recalibration of a whole law through its probabilities is Kuleshov, Fenner & Ermon (2018),
Accurate Uncertainties for Deep Learning Using Calibrated Regression, ICML; the shape is ours. The
logistic variable keeps the shape of a bell, and a constant factor on T the power of a tail: far out
a Student-t that is scaled changes by just that.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import special

from forecasting.forecast.law import Array, Law

BAND_LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Central bands whose ends are calibrated."""
NOMINAL = special.logit((1 + np.array(BAND_LEVELS)) / 2)
"""Thresholds that change nothing: N of `BAND_LEVELS`."""

_STARTS = np.array([0.0, *NOMINAL])


@dataclass(frozen=True, eq=False)
class BandWarp:
    """One warp in each cell.

    Attributes:
        threshold: Log-odds under the model at which each band of `BAND_LEVELS` ends, positive and
            increasing.
    """

    threshold: Float[np.ndarray, "*cell level"]

    def __post_init__(self) -> None:
        if (np.diff(self.threshold, axis=-1, prepend=0.0) <= 0).any():
            raise ValueError("the thresholds of a law are not positive and increasing")

    @cached_property
    def ends(self) -> Float[np.ndarray, "*cell end"]:
        """Log-odds under the model at which each piece of W starts; the last one is the tail."""
        return np.concatenate([np.zeros_like(self.threshold[..., :1]), self.threshold], axis=-1)

    @cached_property
    def _slopes(self) -> Array:
        return np.diff(_STARTS) / np.diff(self.ends, axis=-1)

    @cached_property
    def _widest(self) -> Array:
        """T at the end of the widest band."""
        return special.expit(-self.threshold[..., -1])

    @cached_property
    def tail_factor(self) -> Array:
        """T* / T beyond the widest band."""
        return special.expit(-NOMINAL[-1]) / self._widest

    def calibrated(self, tail: Array) -> Array:
        """T* for T."""
        outside = tail < self._widest
        return np.where(outside, self.tail_factor * tail, special.expit(-self._inside(tail)[0]))

    def on_piece(self, piece: int, tail: Array) -> Array:
        """T* for T that lies on a piece inside the widest band, 0 the innermost."""
        odds = log_odds_of(tail) - self.ends[..., piece]
        return special.expit(-(_STARTS[piece] + self._slopes[..., piece] * odds))

    def model(self, tail: Array) -> Array:
        """T for T*: the inverse."""
        warped = log_odds_of(tail)
        which = (warped[..., None] >= NOMINAL[:-1]).sum(axis=-1)
        odds = _pick(self.ends, which) + (warped - _STARTS[which]) / _pick(self._slopes, which)
        return np.where(warped > NOMINAL[-1], tail / self.tail_factor, special.expit(-odds))

    def log_density_ratio(self, tail: Array) -> Array:
        """Log of dT* / dT: of T*(1 - T*) W'(a) / (T (1 - T)) inside the widest band, of c beyond.

        At the end of a band, where it jumps, that of the piece outside.
        """
        warped, slope, odds = self._inside(tail)
        inside = np.log(slope) + _log_logistic(warped) - _log_logistic(odds)
        return np.where(tail < self._widest, np.log(self.tail_factor), inside)

    def _inside(self, tail: Array) -> tuple[Array, Array, Array]:
        """W, W' and a; beyond the widest band, those at its end."""
        odds = np.minimum(log_odds_of(tail), self.threshold[..., -1])
        which = (odds[..., None] >= self.threshold[..., :-1]).sum(axis=-1)
        slope = _pick(self._slopes, which)
        return _STARTS[which] + slope * (odds - _pick(self.ends, which)), slope, odds


def model_level(threshold: Array) -> Array:
    """Level of the central band that ends at a threshold, under the model: tanh(a / 2)."""
    return np.tanh(threshold / 2)


def log_odds(law: Law, y: Array) -> Array:
    """Log-odds a >= 0 of outcomes, one a cell: how far from the median; infinite where T is 0."""
    return log_odds_of(np.minimum(law.distribution(y), law.exceedance(y)))


def log_odds_of(tail: Array) -> Array:
    """Log-odds a of T, which is at most a half but for rounding."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(-tail) - np.log(tail), 0.0)


def _log_logistic(odds: Array) -> Array:
    """Log of T (1 - T) for non-negative log-odds."""
    return -odds - 2 * np.log1p(np.exp(-odds))


def _pick(parts: Array, which: np.ndarray) -> Array:
    """The part of each cell that `which` names, along the last axis."""
    return np.take_along_axis(parts, which[..., None], axis=-1)[..., 0]
