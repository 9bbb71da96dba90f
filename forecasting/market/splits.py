"""Training, validation and test, split by date and purged by the longest horizon.

A row belongs to training only if the bar at which its longest label becomes known lies before the
first validation bar, and to validation only if that bar lies before the first test bar. Rows
between (at least the longest horizon, more across halts) are purged: used by nobody.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from forecasting.errors import DataError
from forecasting.market.panel import Panel, day
from forecasting.market.sequences import Sequences


@dataclass(frozen=True)
class SplitDates:
    """First bar of the validation span and of the test span."""

    validation_start: np.datetime64
    test_start: np.datetime64


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows of a `Sequences` are trained on, validated on and tested on."""

    train: Bool[np.ndarray, " row"]
    validation: Bool[np.ndarray, " row"]
    test: Bool[np.ndarray, " row"]

    def audit(self, sequences: Sequences) -> None:
        """Prove from the indices that every label is known before the next span begins.

        Raises:
            AssertionError: A label reaches into a later span; then no result may be believed.
        """
        last_label = sequences.last_label
        spans = [rows for rows in (self.train, self.validation, self.test) if rows.any()]
        for earlier, later in itertools.pairwise(spans):
            assert last_label[earlier].max() < sequences.origin[later].min(), "labels overlap"


def resolve_dates(
    panel: Panel, validation_start: str | float, test_start: str | float
) -> SplitDates:
    """Dates of a split given as dates or as fractions of the panel's bars.

    Raises:
        DataError: The dates are not inside the panel, in this order.
    """
    v, t = (resolve_date(panel, value) for value in (validation_start, test_start))
    if not panel.times[0] < v < t <= panel.times[-1]:
        raise DataError(
            f"the split starts validation on {day(v)} and test on {day(t)}: expected both inside "
            f"{day(panel.times[0])} to {day(panel.times[-1])}, in this order. "
            "Set data.validation_start and data.test_start."
        )
    return SplitDates(v, t)


def resolve_date(panel: Panel, value: str | float) -> np.datetime64:
    """The time that a date, or a fraction of the panel's bars, stands for; perhaps of no bar."""
    if isinstance(value, str):
        return pd.Timestamp(value).to_datetime64()
    return panel.times[min(round(value * len(panel.times)), len(panel.times) - 1)]


def split_rows(sequences: Sequences, dates: SplitDates) -> Split:
    """Assign rows to spans, purged by the longest horizon, and audit the result.

    Raises:
        DataError: Training or validation is left without a row.
    """
    times = sequences.panel.times
    v, t = np.searchsorted(times, [dates.validation_start, dates.test_start])
    last_label = sequences.last_label
    split = Split(
        train=last_label < v,
        validation=(sequences.origin >= v) & (last_label < t),
        test=sequences.origin >= t,
    )
    for name in ("train", "validation"):
        if not getattr(split, name).any():
            raise DataError(
                f"no {name} rows are left before {day(dates.test_start)} after purging "
                f"{max(sequences.horizons)} bars: expected a longer history. Use more bars, or "
                "move data.validation_start and data.test_start."
            )
    split.audit(sequences)
    return split
