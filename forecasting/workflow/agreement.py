"""Whether two results are the same to the last bit, and where they are not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from torch import Tensor

from forecasting.report.tables import moment

_KEYS = ["ticker", "origin", "horizon"]


@dataclass(frozen=True)
class Agreement:
    """Two results beside each other.

    Attributes:
        what: What was compared, in the plural.
        count: How many there are, of both together.
        differing: How many differ in any bit, or are in one result only.
        largest: Largest absolute difference of two numbers, in their own unit; NaN if none has a
            partner that differs by a finite number.
        where: The first that differs, and both numbers; empty if none does.
    """

    what: str
    count: int
    differing: int
    largest: float = np.nan
    where: str = ""

    @property
    def identical(self) -> bool:
        """Whether all bits are the same."""
        return self.differing == 0

    @property
    def summary(self) -> str:
        """The finding on one line."""
        if self.identical:
            return f"identical: {self.count:,} {self.what}"
        size = f", by at most {self.largest:.3g}" if np.isfinite(self.largest) else ""
        return (
            f"NOT identical: {self.differing:,} of {self.count:,} {self.what}{size}; {self.where}"
        )


def compare_forecasts(logged: pd.DataFrame, again: pd.DataFrame) -> Agreement:
    """Compare two tables of `Forecast.to_frame`, row by row and bit by bit.

    Args:
        logged: The first one, whose columns are compared.
        again: The second one; a column that it lacks differs everywhere. The order of its rows does
            not matter.
    """
    again = again.reindex(columns=logged.columns)
    both = logged.merge(again, how="outer", on=_KEYS, suffixes=("", "_again"), indicator=True)
    names = [name for name in logged.columns if name not in _KEYS]
    alone = (both["_merge"] != "both").to_numpy()
    then = both[names].to_numpy(dtype=float)
    now = both[[f"{name}_again" for name in names]].to_numpy(dtype=float)
    changed = ~_same_bits(then, now) & ~alone[:, None]
    rows = alone | changed.any(axis=1)
    if not rows.any():
        return Agreement("forecasts", len(both), 0)
    row = int(rows.argmax())
    ticker, origin, horizon = (both[key].iloc[row] for key in _KEYS)
    bars = "1 bar" if horizon == 1 else f"{horizon} bars"
    where = f"first {ticker} of {moment(origin)}, {bars} ahead: "
    if alone[row]:
        where += "only then" if both["_merge"].iloc[row] == "left_only" else "only now"
    else:
        k = int(changed[row].argmax())
        where += f"{names[k]} {_both(then[row, k], now[row, k])}"
    return Agreement("forecasts", len(both), int(rows.sum()), _largest(then, now, changed), where)


def compare_weights(logged: Mapping[str, Tensor], again: Mapping[str, Tensor]) -> Agreement:
    """Compare the states of two networks of the same shape, number by number and bit by bit."""
    count = differing = 0
    largest, where = np.nan, ""
    for name, values in logged.items():
        then = values.double().cpu().numpy().ravel()
        now = again[name].double().cpu().numpy().ravel()
        changed = ~_same_bits(then, now)
        count, differing = count + len(then), differing + int(changed.sum())
        if changed.any():
            k = int(changed.argmax())
            where = where or f"first {name}[{k}]: {_both(then[k], now[k])}"
            largest = float(np.fmax(largest, _largest(then, now, changed)))
    return Agreement("weights", count, differing, largest, where)


def _same_bits(
    then: Float[np.ndarray, "..."], now: Float[np.ndarray, "..."]
) -> Bool[np.ndarray, "..."]:
    """Where two numbers are the same; a zero's sign counts, a NaN is a NaN."""
    return (then.view(np.int64) == now.view(np.int64)) | (np.isnan(then) & np.isnan(now))


def _both(then: float, now: float) -> str:
    """Two numbers with all their digits."""
    return f"{float(then)!r} then, {float(now)!r} now"


def _largest(
    then: Float[np.ndarray, "..."],
    now: Float[np.ndarray, "..."],
    changed: Bool[np.ndarray, "..."],
) -> float:
    distance = np.abs(then[changed] - now[changed])
    finite = distance[np.isfinite(distance)]
    return float(finite.max()) if len(finite) else np.nan
