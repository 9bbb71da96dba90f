"""What every predictive law answers, whatever its shape: one law in each cell of an array."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

Array = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class Law(ABC):
    """Predictive laws of a continuous outcome, element by element.

    A law's parameters are its fields: arrays whose first axes are those of the cells. Where one of
    them is NaN, so is every answer. Outcomes, means and quantiles are in one unit, that of the
    parameters.
    """

    levels: ClassVar[tuple[float, ...]] = ()
    """Probabilities whose quantiles are parameters."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Axes of the cells."""

    @property
    @abstractmethod
    def mean(self) -> Array:
        """Expected outcome."""

    @abstractmethod
    def standard_deviation(self) -> Array:
        """Standard deviation; infinite where the variance is."""

    @abstractmethod
    def log_density(self, y: Array) -> Array:
        """Log density at `y`; its negative is the log score (nats, if `y` is a log return)."""

    @abstractmethod
    def distribution(self, y: Array) -> Array:
        """Probability of an outcome at or below `y`."""

    @abstractmethod
    def exceedance(self, y: Array) -> Array:
        """Probability of an outcome above `y`, exact where it is tiny."""

    @abstractmethod
    def quantile(self, level: float | Array) -> Array:
        """The value that the outcome stays below with probability `level`."""

    @abstractmethod
    def crps(self, y: Array) -> Array:
        """Continuous ranked probability score, E|X - y| - E|X - X'| / 2; smaller is better."""

    @abstractmethod
    def expected_shortfall(self, level: float) -> Array:
        """Mean outcome in the worst `level` share of cases."""

    @abstractmethod
    def scaled(self, unit: Array) -> "Law":
        """The law of `unit` times the outcome; `unit` is positive, one a cell."""

    @abstractmethod
    def columns(self) -> dict[str, Array]:
        """Numbers that a table shows of each cell, beside what every law has."""

    def interval_width(self, level: float) -> Array:
        """Width of the central interval that holds `level` of the probability."""
        return self.quantile((1 + level) / 2) - self.quantile((1 - level) / 2)

    @property
    def known(self) -> Bool[np.ndarray, "..."]:
        """Where all parameters are finite."""
        known = np.ones(self.shape, dtype=bool)
        for parameter in self.parameters().values():
            rest = tuple(range(len(self.shape), parameter.ndim))
            known &= np.isfinite(parameter).all(axis=rest)
        return known

    def parameters(self) -> dict[str, np.ndarray]:
        """The fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Law":
        """The laws whose parameters are those of these after `function`.

        Args:
            function: Changes the axes of the cells, each parameter's alike.
        """
        return replace(self, **{name: function(x) for name, x in self.parameters().items()})

    def __getitem__(self, index: Any) -> "Law":
        """The laws of some cells; `index` is one of their axes, as NumPy takes it."""
        return self.map(lambda parameter: parameter[index])
