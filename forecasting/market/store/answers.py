"""What a source answered, held against what the store has: to be trusted, completed or refused."""

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.market.store.comparison import compare
from forecasting.market.store.folders import folder
from forecasting.market.store.history import History
from forecasting.market.store.manifest import Manifest, moment

_LEAST_SHARE = 0.9
"""Share of the stored bars that a new history has to have: less is an answer that was cut off."""


def spliced(stored: History, before: Manifest, overlap: str, frame: pd.DataFrame) -> History:
    """The stored history with the answer in place of its last bars.

    Args:
        stored: What the store has.
        before: Its manifest.
        overlap: Day from which on bars were asked for.
        frame: The answer.

    Raises:
        DataError: An empty answer, bars that are no prices, or none as late as the last stored one.
    """
    if frame.empty:
        raise DataError(
            f"{before.source} answered with no bar of {before.ticker} ({before.interval}) from "
            f"{overlap} on: the store has bars up to {before.last}, they are kept. Try again later."
        )
    answer = History.from_frame(before.ticker, frame)
    first = min(np.datetime64(overlap), answer.times.min())
    kept = stored.part(0, int(np.searchsorted(stored.times, first)))
    spliced = kept.followed_by(answer).check(before.ticker)
    _require_latest(spliced, before)
    return spliced


def completed(answer: History, stored: History, noise: float) -> History:
    """The answer after the stored bars that the source no longer has, such as minutes long ago.

    Only if it did not rescale its prices: the stored ones would not fit to them.

    Args:
        answer: All that the source has.
        stored: What the store has.
        noise: As in `compare`.
    """
    older = stored.part(0, int(np.searchsorted(stored.times, answer.times[0])))
    rescaled = any(change.factor is not None for change in compare(stored, answer, noise))
    return answer if rescaled else older.followed_by(answer)


def _require_latest(answer: History, before: Manifest) -> None:
    if answer.times[-1] < np.datetime64(before.last):
        raise DataError(
            f"{before.source} answered with bars of {before.ticker} ({before.interval}) up to "
            f"{moment(answer.times[-1])}: expected those up to {before.last}, which the store has "
            "and keeps. Try again later."
        )


def require_whole(answer: History, before: Manifest) -> None:
    """Refuse a history that lost its end, or much else, against the stored one.

    Raises:
        DataError: Says how much it lost, and what to do.
    """
    _require_latest(answer, before)
    first, last = np.datetime64(before.first), np.datetime64(before.last)
    among = int(np.sum((answer.times >= first) & (answer.times <= last)))
    if among < _LEAST_SHARE * before.rows:
        raise DataError(
            f"{before.source} answered with {among:,} bars of {before.ticker} ({before.interval}) "
            f"from {before.first} to {before.last}: the store has {before.rows:,} there and keeps "
            "them. Try again later; if the source no longer has the others, move "
            f"{folder(before.ticker, before.interval)} away and fetch again."
        )


def require_source(before: Manifest, source: str) -> None:
    """Refuse to continue the bars of one source with those of another.

    Raises:
        DataError: Names both.
    """
    if before.source != source:
        raise DataError(
            f"the store has {before.ticker} ({before.interval}) from {before.source}: bars from "
            f"{source} do not continue it. Fetch from {before.source}, or move "
            f"{folder(before.ticker, before.interval)} away."
        )
