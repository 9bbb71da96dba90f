"""Bars, and what is remembered of those before them.

Every trailing mean is summed anew over its own window: it depends on nothing outside it, and
further bars of a stream have exactly the windows that they would have in the whole history.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal

import numpy as np
from jaxtyping import Float

from forecasting.market.features.bars import Bars, Last, Series
from forecasting.market.features.sliding import sliding_count, sliding_sum
from forecasting.market.features.surprises import largest_of, log_surprise
from forecasting.market.panel import Panel
from forecasting.market.volatility import WARM_UP, advance_variance, known_volatility

Kept = Literal[
    "log_return",
    "range_variance",
    "volume",
    "overnight",
    "intraday",
    "parkinson",
    "garman_klass",
    "rogers_satchell",
    "realized_variance",
    "realized_range",
    "dollar_volume",
    "market",
]
"""Quantities of `Bars` whose last values are remembered."""

Derived = Literal[
    "squared_return",
    "cubed_return",
    "downside_square",
    "zero_return",
    "squared_overnight",
    "squared_intraday",
    "price_impact",
    "traded",
    "squared_market",
    "return_times_market",
    "square_surprise",
    "range_surprise",
    "square_event_1",
    "square_event_3",
    "range_event_1",
    "range_event_3",
]
"""Quantities that are made from remembered ones."""

Quantity = Kept | Derived

DERIVED: dict[Derived, tuple[tuple[Quantity, ...], Callable[..., Series]]] = {
    "squared_return": (("log_return",), np.square),
    "cubed_return": (("log_return",), lambda r: r**3),
    "downside_square": (("log_return",), lambda r: np.minimum(r, 0.0) ** 2),
    "zero_return": (("log_return",), lambda r: np.where(np.isnan(r), np.nan, r == 0)),
    "squared_overnight": (("overnight",), np.square),
    "squared_intraday": (("intraday",), np.square),
    # A bar without trades has no impact, and counts in no mean of it.
    "price_impact": (
        ("log_return", "dollar_volume"),
        lambda r, dollars: np.where(dollars == 0, 0 * r, np.abs(r) / dollars),
    ),
    "traded": (
        ("dollar_volume",),
        lambda dollars: np.where(np.isnan(dollars), dollars, dollars > 0),
    ),
    "squared_market": (("market",), np.square),
    "return_times_market": (("log_return", "market"), np.multiply),
    "square_surprise": (("squared_return",), log_surprise),
    "range_surprise": (("range_variance",), log_surprise),
    # The largest surprise within so many bars of a bar, where the last of these is.
    "square_event_1": (("square_surprise",), partial(largest_of, length=3)),
    "square_event_3": (("square_surprise",), partial(largest_of, length=7)),
    "range_event_1": (("range_surprise",), partial(largest_of, length=3)),
    "range_event_3": (("range_surprise",), partial(largest_of, length=7)),
}
"""Of each: what it is made from, and how."""


# Windows up to this length are summed one by one; the bits of trained models' features are so.
_LONGEST_DIRECT = 66


@dataclass(frozen=True, eq=False)
class History(Bars):
    """Bars with the memory of those before them.

    Attributes:
        decay: Weight of the past in the EWMA volatility.
        variance_before: EWMA variance at the bar before; NaN during warm-up.
        kept: Quantities that are remembered.
        tail_before: Their last values at the bar before, newest at the end, NaN before the first.
    """

    decay: float
    variance_before: Last
    kept: tuple[Kept, ...]
    tail_before: Float[np.ndarray, "*ticker quantity lag"]
    _series: dict[Quantity, Series] = field(default_factory=dict, init=False, repr=False)
    _means: dict[tuple[Quantity, int], Series] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def variance(self) -> Series:
        """EWMA variance known at the close of each bar."""
        squares = self.series("squared_return")
        return advance_variance(self.variance_before, squares, len(self.times), self.decay)

    @cached_property
    def volatility(self) -> Series:
        """EWMA volatility known at the close of each bar."""
        return known_volatility(self.variance)

    @cached_property
    def known_before(self) -> Series:
        """EWMA volatility known one bar earlier."""
        before = [self.variance_before[..., None], self.variance[..., :-1]]
        return known_volatility(np.concatenate(before, axis=-1))

    @property
    def tail(self) -> Float[np.ndarray, "*ticker quantity lag"]:
        """What is to be remembered at the last bar."""
        lags = self.tail_before.shape[-1]
        return np.stack([self.series(name)[..., -lags:] for name in self.kept], axis=-2)

    def series(self, quantity: Quantity) -> Float[np.ndarray, "*ticker lag_and_bar"]:
        """A quantity of the bars that are remembered, and of these."""
        if quantity not in self._series:
            if quantity in DERIVED:
                inputs, formula = DERIVED[quantity]
                made = formula(*(self.series(name) for name in inputs))
            else:
                past = self.tail_before[..., self.kept.index(quantity), :]
                made = np.concatenate([past, getattr(self, quantity)], axis=-1)
            self._series[quantity] = made
        return self._series[quantity]

    def windows(
        self, quantity: Quantity, length: int, skip: int = 0
    ) -> Float[np.ndarray, "*ticker bar lag"]:
        """The last `length` values up to `skip` bars before each bar; a view."""
        within = self._spanned(quantity, length, skip)
        if len(self.times) == 1:  # takes half of a single bar's time otherwise
            return within[..., None, :]
        return np.lib.stride_tricks.sliding_window_view(within, length, axis=-1)

    def trailing_mean(self, quantity: Quantity, length: int, skip: int = 0) -> Series:
        """Mean of `windows`; NaN until there are that many bars."""
        if length == 1:
            return self._spanned(quantity, length, skip)
        if length <= _LONGEST_DIRECT or len(self.times) == 1:
            return self.windows(quantity, length, skip).mean(axis=-1)
        return sliding_sum(self._spanned(quantity, length, skip), length) / length

    def mean_of_known(self, quantity: Quantity, length: int) -> Series:
        """Mean of those of `windows` that are known; NaN where none is."""
        asked = (quantity, length)
        if asked not in self._means:
            values = self._spanned(quantity, length, 0)
            known = np.isfinite(values)
            total = sliding_sum(np.where(known, values, 0.0), length)
            self._means[asked] = total / sliding_count(known, length)
        return self._means[asked]

    def _spanned(self, quantity: Quantity, length: int, skip: int) -> Series:
        """What the windows of these bars span."""
        series = self.series(quantity)
        end = series.shape[-1] - skip
        return series[..., end - len(self.times) - length + 1 : end]


def ticker_bars(panel: Panel, ticker: int, decay: float) -> tuple[np.ndarray, History]:
    """Rows of the panel on which a ticker has a bar, and all these bars, gaps closed up."""
    rows = np.flatnonzero(panel.mask[:, ticker])
    return rows, History(
        times=panel.times[rows],
        columns=np.ascontiguousarray(panel.values[rows, ticker].T),
        previous_time=np.array("NaT", "datetime64[ns]"),
        previous_close=np.array(np.nan),
        market_return=None,
        decay=decay,
        variance_before=np.array(np.nan),
        kept=("log_return",),
        tail_before=np.full((1, WARM_UP), np.nan),
    )
