"""`forecasting data diff`: how a source rewrote the history that it had given before."""

from dataclasses import dataclass

from forecasting.errors import DataError
from forecasting.market.store.comparison import NOISE, Change, compare
from forecasting.market.store.folders import generations
from forecasting.market.store.generations import read_history


@dataclass(frozen=True)
class Difference:
    """What changed between two generations of a ticker's bars.

    Attributes:
        ticker: Symbol.
        interval: Bar length.
        older: The generation before.
        newer: The generation after.
        changes: What the source did, none if it did nothing to the older bars.
    """

    ticker: str
    interval: str
    older: int
    newer: int
    changes: tuple[Change, ...]

    HEADER = ("kind", "bars", "first", "last", "factor", "note")
    REVISION_HEADER = ("bar", "column", "old", "new")

    @property
    def summary(self) -> str:
        """All changes on one line."""
        what = "; ".join(change.summary for change in self.changes) or "no change"
        return f"{self.ticker} ({self.interval}) generation {self.older} -> {self.newer}: {what}"

    def rows(self) -> list[tuple[str, ...]]:
        """The changes as a table under `HEADER`."""
        return [
            (
                change.kind,
                f"{change.bars:,}",
                change.first,
                change.last,
                "" if change.factor is None else f"{change.factor:.6g}",
                change.note,
            )
            for change in self.changes
        ]

    def revision_rows(self) -> list[tuple[str, ...]]:
        """The first few revised values as a table under `REVISION_HEADER`."""
        return [
            (revision.time, revision.column, _number(revision.old), _number(revision.new))
            for change in self.changes
            for revision in change.revisions
        ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def diff(
    ticker: str, interval: str = "1d", older: int | None = None, newer: int | None = None
) -> Difference:
    """Compare two generations of a ticker's bars.

    Args:
        ticker: Symbol.
        interval: Bar length.
        older: A generation; None for the one before `newer`.
        newer: A generation; None for the current one.

    Raises:
        DataError: The store does not have both, they cannot be read, or stand the wrong way round.
    """
    found = generations(ticker, interval)
    if len(found) == 1 and older is None and newer is None:
        raise DataError(
            f"the store has one generation of {ticker} ({interval}): expected two to compare. Its "
            "source has not rewritten its history since the first fetch."
        )
    new, after = read_history(ticker, interval, newer)
    earlier = [number for number in found if number < after.generation]
    old, before = read_history(
        ticker, interval, earlier[-1] if older is None and earlier else older
    )
    if before.generation > after.generation:
        raise DataError(
            f"generation {before.generation} of {ticker} ({interval}) is newer than generation "
            f"{after.generation}: expected the older one first. Swap them."
        )
    changes = compare(old, new, NOISE.get(after.source, 0.0))
    return Difference(ticker, interval, before.generation, after.generation, changes)
