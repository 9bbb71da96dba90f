"""A strategy that is asked decision by decision, because it looks at what is held."""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecasting.backtest.accounting.policy import Policy
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import day


@dataclass(frozen=True, eq=False)
class DecisionFunction:
    """The policy of a function `decide(forecast, positions)` of one configuration.

    Attributes:
        function: From the forecast cut after a row, and the weights held, to weights (ticker,).
            What it returns exactly as it is held is left alone.
        forecast: What it may see of, row by row.
        rows: Row of the forecast that is decided from at each bar of the tape; -1 for no decision.
        name: What the function is called, for messages.
    """

    function: Callable[[Forecast, np.ndarray], object]
    forecast: Forecast
    rows: Int[np.ndarray, " time"]
    name: str

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """The function's weights, NaN where they are those held; None where it is not asked.

        Raises:
            ConfigError: It returned something else than finite weights (ticker,).
        """
        row = int(self.rows[bar])
        if row < 0:
            return None
        known = up_to(self.forecast, row)
        wanted = [self._checked(self.function(known, each.copy()), row) for each in held]
        return np.where(np.array(wanted) == held, np.nan, np.array(wanted))

    def _checked(self, answer: object, row: int) -> np.ndarray:
        try:
            weights = np.asarray(answer, dtype=float)
        except (TypeError, ValueError):
            weights = np.full(1, np.nan)
        expected = (len(self.forecast.tickers),)
        if weights.shape != expected or not np.isfinite(weights).all():
            raise ConfigError(
                f"{self.name} decided on {day(self.forecast.times[row])} for {_in_words(answer)}: "
                f"expected {expected[0]} finite weights, one a ticker. Correct decide()."
            )
        return weights


@dataclass(frozen=True, eq=False)
class Together:
    """Policies of one configuration each, as the policy of all of them.

    Attributes:
        policies: In the order of the configurations.
    """

    policies: tuple[Policy, ...]

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """Each policy's targets; NaN for one that decides nothing while another does."""
        rows = [each.decide(bar, held[c : c + 1]) for c, each in enumerate(self.policies)]
        if all(row is None for row in rows):
            return None
        nothing = np.full(held.shape[1], np.nan)
        return np.stack([nothing if row is None else row.reshape(-1) for row in rows])


def up_to(forecast: Forecast, row: int) -> Forecast:
    """The forecast as it is known at the close of a row."""
    rows = slice(row + 1)
    return replace(
        forecast, times=forecast.times[rows], price=forecast.price[rows], law=forecast.law[rows]
    )


def _in_words(answer: object) -> str:
    """What a function returned, in a few words on one line."""
    return " ".join(reprlib.repr(answer).split())
