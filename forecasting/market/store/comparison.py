"""What a source changed in the bars that it had given before.

Notation: p old and q new value of a bar. A split divides all prices and dividends before it by its
ratio and multiplies volumes; a dividend multiplies adjusted closes before it by a factor below 1.
Both are read off the ratios q/p at the first bars; what they do not explain is a revised bar.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from forecasting.market.panel import QUOTED_COLUMNS
from forecasting.market.store.history import History
from forecasting.market.store.manifest import moment

Kind = Literal[
    "new split",
    "rescaled adjustment",
    "revised bars",
    "vanished bars",
    "added bars",
    "earlier history",
    "damaged history",
]
NOISE = {"yahoo": 1e-6}
"""Source to the relative difference between two answers for one and the same adjusted close.

Yahoo computes it afresh for each request and is not sure of the seventh digit (yfinance issues
1038 and 1871). Every other column, and every other source, is compared bit by bit.
"""
_SAME_FACTOR = 1e-5
"""Relative difference up to which a rescaled value is explained; dividends are larger."""
_ONE_SHARE = 1.0
"""Volumes are whole numbers."""
_FIRST_BARS = 9
"""So many ratios have their median taken: a few revised bars do not hide a factor."""
_SHOWN = 5
_CLOSE = QUOTED_COLUMNS.index("close")
_ADJ_CLOSE = QUOTED_COLUMNS.index("adj_close")
_SPLIT = QUOTED_COLUMNS.index("split")
_PRICES = [k for k, name in enumerate(QUOTED_COLUMNS) if name not in ("volume", "split")]
_VOLUME = QUOTED_COLUMNS.index("volume")

Values = Float[np.ndarray, "bar column"]
Series = Float[np.ndarray, " bar"]


@dataclass(frozen=True)
class Revision:
    """One value that is another one now, None where there is none.

    The old value is put on the new history's basis: a split or dividend is no revision.
    """

    time: str
    column: str
    old: float | None
    new: float | None


@dataclass(frozen=True)
class Change:
    """One thing that the source did to its history.

    Attributes:
        kind: What it did.
        bars: Number of bars concerned.
        first: The first of them.
        last: The last of them.
        factor: What earlier values were multiplied by; the ratio of a split. Else None.
        note: More, in words.
        revisions: The first few revised values.
    """

    kind: Kind
    bars: int
    first: str
    last: str
    factor: float | None = None
    note: str = ""
    revisions: tuple[Revision, ...] = ()

    @property
    def summary(self) -> str:
        """The change on one line."""
        span = self.first if self.bars == 1 else f"{self.first} to {self.last}"
        factor = "" if self.factor is None else f" {self.factor:.6g}"
        bars = "1 bar" if self.bars == 1 else f"{self.bars:,} bars"
        return f"{self.kind}{factor}: {bars}, {span}" + (self.note and f"; {self.note}")


def extends(old: History, new: History, noise: float = 0.0) -> bool:
    """Whether a history begins with exactly the bars of another one.

    Args:
        old: The shorter one.
        new: The longer one.
        noise: Relative difference that adjusted closes may have.
    """
    n = len(old)
    if len(new) < n or not np.array_equal(old.times, new.times[:n]):
        return False
    return bool(_same(old.values, new.values[:n], _allowed(old.values, noise)).all())


def compare(old: History, new: History, noise: float = 0.0) -> tuple[Change, ...]:
    """What was done to the bars of `old` to make them those of `new`; later bars are no change.

    Args:
        old: What the source gave before.
        new: What it gives now.
        noise: Relative difference of adjusted closes that is no change.
    """
    unknown = new.times[~np.isin(new.times, old.times)]
    first, last = old.times[0], old.times[-1]
    changes = [
        *_rewritten(old, new, noise),
        _bars("vanished bars", old.times[~np.isin(old.times, new.times)]),
        _bars("added bars", unknown[(unknown > first) & (unknown < last)]),
        _bars("earlier history", unknown[unknown < first]),
    ]
    return tuple(change for change in changes if change is not None)


def _rewritten(old: History, new: History, noise: float) -> list[Change | None]:
    times, i, j = np.intersect1d(old.times, new.times, assume_unique=True, return_indices=True)
    if len(times) == 0:
        return []
    p, q = old.values[i], new.values[j]
    expected, allowed = p.copy(), _allowed(p, noise)
    divided, split_rows = _factor(p[:, _CLOSE], q[:, _CLOSE])
    expected[:split_rows, _PRICES] *= divided
    expected[:split_rows, _VOLUME] /= divided
    allowed[:split_rows] = _SAME_FACTOR * np.abs(expected[:split_rows])
    allowed[:split_rows, _VOLUME] += _ONE_SHARE
    paid, paid_rows = _factor(expected[:, _ADJ_CLOSE], q[:, _ADJ_CLOSE])
    expected[:paid_rows, _ADJ_CLOSE] *= paid
    allowed[:paid_rows, _ADJ_CLOSE] = _SAME_FACTOR * expected[:paid_rows, _ADJ_CLOSE]
    splits = _new_splits(old, new)
    listed = np.isin(times, new.times[splits])
    expected[listed, _SPLIT] = q[listed, _SPLIT]
    return [
        _split(new, splits, times[:split_rows], 1 / divided),
        _bars("rescaled adjustment", times[:paid_rows], paid),
        _revised(times, expected, q, ~_same(expected, q, allowed)),
    ]


def _factor(p: Series, q: Series) -> tuple[float, int]:
    """What the first values were multiplied by, and how many of them; 1 and 0 if they were not."""
    ratio = q / p
    known = np.flatnonzero(np.isfinite(ratio))
    if len(known) == 0:
        return 1.0, 0
    factor = float(np.median(ratio[known[:_FIRST_BARS]]))
    like = known[np.abs(ratio[known] / factor - 1) <= _SAME_FACTOR]
    rows = int(like[-1]) + 1 if len(like) else 0
    most = 2 * len(like) > int(np.searchsorted(known, rows))
    return (factor, rows) if most and abs(factor - 1) > _SAME_FACTOR else (1.0, 0)


def _new_splits(old: History, new: History) -> Bool[np.ndarray, " bar"]:
    """Which bars of `new` have a split that `old` does not list."""
    ratio = new.column("split")
    was = np.full(len(new), np.nan)
    _, i, j = np.intersect1d(old.times, new.times, assume_unique=True, return_indices=True)
    was[j] = old.column("split")[i]
    # A split before the first known bar rescales nothing that was known.
    return np.isfinite(ratio) & (ratio != 1) & (ratio != was) & (new.times > old.times[0])


def _split(
    new: History, splits: Bool[np.ndarray, " bar"], divided: np.ndarray, ratio: float
) -> Change | None:
    days = new.times[splits]
    listed = [
        f"{value:g} on {moment(time)}"
        for time, value in zip(days, new.column("split")[splits], strict=True)
    ]
    if len(divided):
        return _bars("new split", divided, ratio, ", ".join(listed) or "the source lists none")
    if listed:
        factor = float(np.prod(new.column("split")[splits]))
        return _bars("new split", days, factor, f"{', '.join(listed)}; prices stayed")
    return None


def _bars(
    kind: Kind, times: np.ndarray, factor: float | None = None, note: str = ""
) -> Change | None:
    if len(times) == 0:
        return None
    return Change(kind, len(times), moment(times[0]), moment(times[-1]), factor, note)


def _revised(
    times: np.ndarray, p: Values, q: Values, changed: Bool[np.ndarray, "bar column"]
) -> Change | None:
    rows = np.flatnonzero(changed.any(axis=1))
    columns = [name for k, name in enumerate(QUOTED_COLUMNS) if changed[:, k].any()]
    first = tuple(
        Revision(moment(times[row]), QUOTED_COLUMNS[k], _known(p[row, k]), _known(q[row, k]))
        for row, k in np.argwhere(changed)[:_SHOWN]
    )
    change = _bars("revised bars", times[rows], note=", ".join(columns))
    return None if change is None else replace(change, revisions=first)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _allowed(values: Values, noise: float) -> Values:
    """Absolute differences that are no change."""
    allowed = np.zeros_like(values)
    allowed[:, _ADJ_CLOSE] = noise * values[:, _ADJ_CLOSE]
    return allowed


def _same(p: Values, q: Values, allowed: Values) -> Bool[np.ndarray, "bar column"]:
    return (np.abs(p - q) <= allowed) | (np.isnan(p) & np.isnan(q))
