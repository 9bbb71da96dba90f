"""Features and targets of a panel as one contiguous table, so that a window is a slice.

Every complete bar of every ticker is one row, ticker after ticker, time ascending inside a ticker.
A training window or a whole history is then a view of consecutive rows; nothing is materialised.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int

from forecasting.config.network import Task
from forecasting.errors import DataError
from forecasting.market.features import compute_features, feature_names, look_back, resolve_variant
from forecasting.market.panel import Panel
from forecasting.market.targets import range_variance_targets, rank_targets, scaled_targets

HORIZONS = (1, 5, 21)
VOLATILITY_DECAY = 0.94


@dataclass(frozen=True, eq=False)
class Sequences:
    """Rows of features and targets of a panel.

    Attributes:
        panel: The prices.
        variant: Feature variant, see `forecasting.market.features`.
        horizons: Bars ahead of the targets, ascending.
        features: Known at the close of the row's bar, dimensionless.
        volatility: EWMA volatility of one bar, decimal, known at the same close.
        targets: h-bar log return / (volatility * sqrt(h)); NaN where the future is not there yet.
        label_end: Index in `panel.times` of the bar at which the target becomes known, and those
            of all tasks with it; len(panel.times) where it is not there yet.
        origin: Index of the row's bar in `panel.times`.
        offsets: Rows of ticker k are offsets[k]:offsets[k + 1].
        tasks: Targets of what is learnt beside the return; NaN where it cannot be known.
    """

    panel: Panel
    variant: str
    horizons: tuple[int, ...]
    features: Float32[np.ndarray, "row feature"]
    volatility: Float[np.ndarray, " row"]
    targets: Float[np.ndarray, "row horizon"]
    label_end: Int[np.ndarray, "row horizon"]
    origin: Int[np.ndarray, " row"]
    offsets: Int[np.ndarray, " ticker_end"]
    tasks: dict[str, Float[np.ndarray, "row horizon"]] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names along the feature axis."""
        return feature_names(self.variant)

    @cached_property
    def ticker(self) -> Int[np.ndarray, " row"]:
        """Index of each row's ticker in `panel.tickers`."""
        return np.repeat(np.arange(len(self.panel.tickers)), np.diff(self.offsets))

    def feature(self, name: str) -> Float32[np.ndarray, " row"]:
        """One feature of all rows, by name."""
        return self.features[:, self.feature_names.index(name)]

    def rows(self, ticker: int) -> slice:
        """The rows of one ticker."""
        return slice(int(self.offsets[ticker]), int(self.offsets[ticker + 1]))

    def return_scale(self) -> Float[np.ndarray, "row horizon"]:
        """Volatility * sqrt(h): turns a scaled target back into a log return."""
        return self.volatility[:, None] * np.sqrt(self.horizons)

    def to_grid(self, values: np.ndarray) -> np.ndarray:
        """Spread one value (or vector) a row over the (time, ticker) grid, NaN elsewhere."""
        grid = np.full((*self.panel.mask.shape, *values.shape[1:]), np.nan)
        grid[self.origin, self.ticker] = values
        return grid


def make_sequences(
    panel: Panel,
    *,
    variant: str = "auto",
    horizons: tuple[int, ...] = HORIZONS,
    decay: float = VOLATILITY_DECAY,
    tasks: tuple[Task, ...] = (),
) -> Sequences:
    """Compute features and targets of a panel and lay them out row by row.

    Args:
        panel: Prices.
        variant: `auto`, `close`, `ohlc` or `ohlcv`.
        horizons: Bars ahead, ascending.
        decay: Weight of the past in the EWMA volatility.
        tasks: What else is learnt; see `forecasting.market.targets`.

    Raises:
        DataError: The panel lacks columns of the variant, or a ticker's history is too short.
    """
    variant = resolve_variant(panel, variant)
    grid, volatility = compute_features(panel, variant, decay)
    complete = np.isfinite(grid).all(axis=2)
    _require_rows(panel, complete, look_back(variant))
    ticker, origin = np.nonzero(complete.T)
    targets, label_end = scaled_targets(panel, volatility, horizons)
    task_targets: dict[str, np.ndarray] = {}
    if "range_variance" in tasks:
        task_targets["range_variance"] = range_variance_targets(panel, decay, horizons)
    if "rank" in tasks:
        task_targets["rank"], label_end = rank_targets(targets, label_end)
    return Sequences(
        panel=panel,
        variant=variant,
        horizons=tuple(horizons),
        features=grid[origin, ticker].astype(np.float32),
        volatility=volatility[origin, ticker],
        targets=targets[origin, ticker],
        label_end=label_end[origin, ticker],
        origin=origin,
        offsets=np.concatenate([[0], np.cumsum(complete.sum(axis=0))]),
        tasks={task: values[origin, ticker] for task, values in task_targets.items()},
    )


def _require_rows(panel: Panel, complete: np.ndarray, needed: int) -> None:
    for k, ticker in enumerate(panel.tickers):
        if not complete[:, k].any():
            raise DataError(
                f"{ticker} has {int(panel.mask[:, k].sum())} bars in {panel.source}, none with all "
                f"its features: expected at least {needed} bars. Use a longer history, or drop it."
            )
