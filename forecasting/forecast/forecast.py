"""The one noun: a `Forecast`, a law of the coming log return per ticker, bar and horizon.

Everything a person asks of a forecast (quantiles, chance of a rise, volatility, value at risk,
price bands) is derived from the law in closed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from forecasting.forecast.law import Law
from forecasting.market.panel import Panel, end_of, start_of
from forecasting.market.symbols import require_tickers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAND_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predictive distribution of log returns over the next h bars, known at the close of its bar.

    Attributes:
        name: Who made the forecast.
        times: Origin bars, as in the panel that was forecast.
        tickers: As in the panel.
        horizons: Bars ahead, ascending.
        price: Adjusted close at the origin; NaN where there is no bar.
        law: Laws of the h-bar log return, decimal, a cell each ticker, bar and horizon; NaN where
            there is no forecast.
        notes: Sentences that a reader of these numbers has to know.
    """

    name: str
    times: np.ndarray
    tickers: tuple[str, ...]
    horizons: tuple[int, ...]
    price: Float[np.ndarray, "time ticker"]
    law: Law
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.tickers), len(self.horizons))
        for name, parameter in self.law.parameters().items():
            if parameter.shape[:3] != shape:
                raise ValueError(f"{name} has shape {parameter.shape}, expected {shape}")
        if self.price.shape != shape[:2]:
            raise ValueError(f"price has shape {self.price.shape}, expected {shape[:2]}")

    @cached_property
    def mask(self) -> Bool[np.ndarray, "time ticker"]:
        """Where there is a forecast, at every horizon."""
        return np.logical_and.reduce(self.law.known, axis=2)

    @property
    def mean(self) -> Float[np.ndarray, "time ticker horizon"]:
        """Expected log return."""
        return self.law.mean

    @cached_property
    def volatility(self) -> Float[np.ndarray, "time ticker horizon"]:
        """Standard deviation of the h-bar log return, decimal."""
        return self.law.standard_deviation()

    def prob_up(self) -> Float[np.ndarray, "time ticker horizon"]:
        """Probability that the price is higher h bars later."""
        return self.law.exceedance(np.zeros(self.law.shape))

    def quantiles(
        self, levels: Sequence[float] = BAND_LEVELS
    ) -> Float[np.ndarray, "time ticker horizon level"]:
        """Quantiles of the log return at `levels` in (0, 1).

        Raises:
            ValueError: A level lies outside (0, 1).
        """
        if not all(0 < level < 1 for level in levels):
            raise ValueError(f"levels must lie in (0, 1), got {tuple(levels)}")
        return np.stack([self.law.quantile(level) for level in levels], axis=-1)

    def price_bands(
        self, levels: Sequence[float] = BAND_LEVELS
    ) -> Float[np.ndarray, "time ticker horizon level"]:
        """Quantiles of the adjusted price h bars later: price * exp(quantile of the return)."""
        return self.price[:, :, None, None] * np.exp(self.quantiles(levels))

    def value_at_risk(self, level: float = 0.05) -> Float[np.ndarray, "time ticker horizon"]:
        """Log return that is undercut with probability `level` (negative: a loss)."""
        return self.quantiles((level,))[..., 0]

    def expected_shortfall(self, level: float = 0.05) -> Float[np.ndarray, "time ticker horizon"]:
        """Mean log return in the worst `level` share of cases."""
        return self.law.expected_shortfall(level)

    def between(
        self, start: np.datetime64 | str | None = None, end: np.datetime64 | str | None = None
    ) -> "Forecast":
        """The forecasts whose origin lies from `start` to the end of the day `end`."""
        first = 0 if start is None else start_of(self.times, start)
        last = len(self.times) if end is None else end_of(self.times, end)
        return self._rows(slice(first, max(first, last)))

    def select(self, tickers: Sequence[str]) -> "Forecast":
        """The forecasts of some tickers.

        Raises:
            DataError: A ticker was not forecast.
        """
        require_tickers(tickers, self.tickers, f"the forecast of {self.name}")
        columns = [self.tickers.index(ticker) for ticker in tickers]
        return replace(
            self,
            tickers=tuple(tickers),
            price=self.price[:, columns],
            law=self.law[:, columns],
        )

    def _rows(self, rows: slice) -> "Forecast":
        return replace(self, times=self.times[rows], price=self.price[rows], law=self.law[rows])

    def latest(self) -> pd.DataFrame:
        """The newest forecast of each ticker, as the rows of `to_frame`."""
        rows = [len(self.times) - 1 - int(m[::-1].argmax()) if m.any() else -1 for m in self.mask.T]
        parts = [
            self.select([ticker])._rows(slice(row, row + 1)).to_frame()
            for ticker, row in zip(self.tickers, rows, strict=True)
            if row >= 0
        ]
        return pd.concat(parts, ignore_index=True) if parts else self._rows(slice(0, 0)).to_frame()

    def to_frame(self) -> pd.DataFrame:
        """Long table, one row a ticker, origin and horizon, only where there is a forecast.

        Columns: ticker, origin, horizon (bars), price (adjusted), those of the law (of a Student-t
        loc, scale and df; of quantiles their mean and df), volatility, prob_up and the return
        quantiles q05 q25 q50 q75 q95 and whichever the law consists of (decimal log returns).
        """
        t, k = np.nonzero(self.mask)
        n, wide = len(t), len(self.horizons)
        flat = {
            "ticker": np.repeat(np.array(self.tickers, dtype=object)[k], wide),
            "origin": np.repeat(self.times[t], wide),
            "horizon": np.tile(self.horizons, n),
            "price": np.repeat(self.price[t, k], wide),
        }
        law = self.law[t, k].map(lambda x: x.reshape(n * wide, *x.shape[2:]))
        flat |= law.columns()
        flat["volatility"] = law.standard_deviation()
        flat["prob_up"] = law.exceedance(np.zeros(n * wide))
        for level in sorted({*BAND_LEVELS, *law.levels}):
            flat[f"q{round(level * 100):02d}"] = law.quantile(level)
        return pd.DataFrame(flat)

    def plot(self, panel: Panel | None = None, tickers: Sequence[str] | None = None) -> "Figure":
        """Fan chart of each ticker's newest forecast, with its price history where given."""
        from forecasting.forecast.fan_chart import fan_chart  # matplotlib is slow to import

        return fan_chart(self if tickers is None else self.select(tickers), panel)
