"""From the rows of a forecast to the bars of a tape."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import day


@dataclass(frozen=True, eq=False)
class Placing:
    """Where each row of a forecast stands on a tape.

    Attributes:
        bars: Bar of the tape of each row; -1 for a row that has none.
        n_bars: Of the tape.
    """

    bars: Int[np.ndarray, " row"]
    n_bars: int

    @classmethod
    def of(cls, forecast: Forecast, times: np.ndarray) -> "Placing":
        """Rows and bars of the same time.

        Args:
            forecast: Whose rows.
            times: Bar times of the tape, ascending.
        """
        bars = np.minimum(np.searchsorted(times, forecast.times), len(times) - 1)
        return cls(np.where(times[bars] == forecast.times, bars, -1), len(times))

    def later(self, bars: int) -> "Placing":
        """The same rows, each so many bars later; those beyond the tape have no bar."""
        moved = np.where(self.bars >= 0, self.bars + bars, -1)
        return Placing(np.where(moved < self.n_bars, moved, -1), self.n_bars)

    def put(self, values: np.ndarray, elsewhere: float | int | bool) -> np.ndarray:
        """Values of the rows at their bars, another value at all other bars."""
        placed = np.full((self.n_bars, *values.shape[1:]), elsewhere, dtype=values.dtype)
        self.put_into(placed, values, np.ones(len(self.bars), dtype=bool))
        return placed

    def put_into(self, placed: np.ndarray, values: np.ndarray, chosen: np.ndarray) -> None:
        """Write the values of chosen rows to their bars."""
        known = chosen & (self.bars >= 0)
        placed[self.bars[known]] = values[known]

    def rows(self, chosen: np.ndarray) -> Int[np.ndarray, " bar"]:
        """Row of the forecast at each bar; -1 where there is none or it was not chosen."""
        rows = np.arange(len(self.bars))
        return self.put(np.where(chosen, rows, -1), -1)

    def require(self, forecast: Forecast, decides: np.ndarray) -> None:
        """Refuse a tape without the bar of a decision.

        Raises:
            DataError: Names the first such bar.
        """
        missing = decides & (self.bars < 0)
        if missing.any():
            raise DataError(
                f"{forecast.name} decides on {day(forecast.times[int(missing.argmax())])}, a bar "
                "that the prices do not have: expected the prices that were forecast. Pass the "
                "same panel."
            )
