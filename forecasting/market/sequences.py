"""Features and targets of a panel, row by row, so that a window is a slice.

Every complete bar of every ticker (of a universe: of its members) is one row, ticker after ticker,
time ascending inside a ticker. A training window or a whole history is then a view of consecutive
rows; nothing is materialised.
Small tables are in memory; those of more than `MAPPED_BYTES` are mapped from disk.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int

from forecasting.config.network import Task
from forecasting.errors import DataError
from forecasting.market.features import feature_names, look_back, resolve_variant
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel
from forecasting.market.tables.cache import cached_table
from forecasting.market.tables.feature_table import FeatureTable, compute_table
from forecasting.market.targets import (
    range_variance_targets,
    rank_targets,
    scaled_targets,
    volatility_grid,
)

HORIZONS = (1, 5, 21)
VOLATILITY_DECAY = 0.94
MAPPED_BYTES = 2**27
"""Size of the features above which they are mapped from disk: 1.7 million bars of 20 features."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Rows of features and targets of a panel.

    Attributes:
        panel: The prices.
        variant: Feature variant, see `forecasting.market.features`.
        horizons: Bars ahead of the targets, ascending.
        table: Features and log prices of the rows.
        tasks: Targets of what is learnt beside the return; NaN where it cannot be known.
        rank_end: With the task `rank`, `label_end` including that of the ranks.
    """

    panel: Panel
    variant: str
    horizons: tuple[int, ...]
    table: FeatureTable
    tasks: dict[str, Float[np.ndarray, "row horizon"]] = field(default_factory=dict)
    rank_end: Int[np.ndarray, "row horizon"] | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names along the feature axis."""
        return feature_names(self.variant)

    @property
    def features(self) -> Float32[np.ndarray, "row feature"]:
        """Known at the close of the row's bar, dimensionless."""
        return self.table.features

    @property
    def volatility(self) -> Float[np.ndarray, " row"]:
        """EWMA volatility of one bar, decimal, known at the same close."""
        return self.table.volatility

    @property
    def offsets(self) -> Int[np.ndarray, " ticker_end"]:
        """Rows of ticker k are offsets[k]:offsets[k + 1]."""
        return self.table.offsets

    @cached_property
    def origin(self) -> Int[np.ndarray, " row"]:
        """Index of the row's bar in `panel.times`."""
        return self.table.time[self.table.bar].astype(np.int64)

    @cached_property
    def ticker(self) -> Int[np.ndarray, " row"]:
        """Index of each row's ticker in `panel.tickers`."""
        return np.repeat(np.arange(len(self.panel.tickers)), np.diff(self.offsets))

    @property
    def targets(self) -> Float[np.ndarray, "row horizon"]:
        """h-bar log return / (volatility * sqrt(h)); NaN where the future is not there yet.

        Computed at each call.
        """
        parts = [
            self.table.targets(np.arange(rows.start, rows.stop), np.array([k]), self.horizons)
            for k in range(len(self.panel.tickers))
            for rows in (self.rows(k),)
        ]
        return np.concatenate(parts)

    @property
    def label_end(self) -> Int[np.ndarray, "row horizon"]:
        """Index in `panel.times` of the bar at which the target becomes known, all tasks' with it.

        len(panel.times) where it is not there yet. Computed at each call.
        """
        if self.rank_end is not None:
            return self.rank_end
        return np.stack([self.table.label_end(h) for h in self.horizons], axis=1)

    @property
    def last_label(self) -> Int[np.ndarray, " row"]:
        """The latest `label_end` of each row."""
        if self.rank_end is not None:
            return self.rank_end.max(axis=1)
        return self.table.label_end(max(self.horizons))

    def feature(self, name: str) -> Float32[np.ndarray, " row"]:
        """One feature of all rows, by name."""
        return self.features[:, self.feature_names.index(name)]

    def rows(self, ticker: int) -> slice:
        """The rows of one ticker."""
        return self.table.rows(ticker)

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
    mapped: bool | None = None,
) -> Sequences:
    """Compute features and targets of a panel and lay them out row by row.

    Args:
        panel: Prices.
        variant: Text of the features; `auto` as in `resolve_variant`.
        horizons: Bars ahead, ascending.
        decay: Weight of the past in the EWMA volatility.
        tasks: What else is learnt; see `forecasting.market.targets`.
        mapped: Whether the table is mapped from disk; by its size, see `MAPPED_BYTES`, if None.

    Raises:
        DataError: The panel lacks columns of the variant, a ticker's history is too short, or the
            table cannot be written.
    """
    variant = resolve_variant(panel, variant)
    if mapped is None:
        mapped = 4 * int(panel.mask.sum()) * len(feature_names(variant)) > MAPPED_BYTES
    table = (cached_table if mapped else compute_table)(panel, variant, decay)
    _require_rows(panel, table, look_back(variant))
    grids: dict[str, np.ndarray] = {}
    label_end = None
    if "range_variance" in tasks:
        grids["range_variance"] = range_variance_targets(panel, decay, horizons)
    if "rank" in tasks:
        targets, label_end = scaled_targets(panel, volatility_grid(panel, decay), horizons)
        grids["rank"], label_end = rank_targets(of_members(targets, panel.member), label_end)
    plain = Sequences(panel, variant, tuple(horizons), table)
    if not tasks:
        return plain
    cells = (plain.origin, plain.ticker)
    return replace(
        plain,
        tasks={task: values[cells] for task, values in grids.items()},
        rank_end=None if label_end is None else label_end[cells],
    )


def _require_rows(panel: Panel, table: FeatureTable, needed: int) -> None:
    counts = np.diff(table.offsets)
    if panel.member is not None and counts.any():
        return  # a short membership is no error: that ticker has no row
    for k, n_rows in enumerate(counts):
        if not n_rows:
            raise DataError(
                f"{panel.tickers[k]} has {int(panel.mask[:, k].sum())} bars in {panel.source}, "
                f"none with all its features: expected at least {needed} bars. Use a longer "
                "history, or drop it."
            )
