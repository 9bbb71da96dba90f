"""Bringing a ticker's bars up to date: append what is new, and notice when the past was rewritten.

A source that adjusts its prices rewrites all of them at the next dividend or split, and now and
then it revises a bar. A refresh therefore asks for the last bars again and compares them bit by
bit. If they are the same, later bars are appended to the same generation, whose earlier bars never
change. If they are not, everything is fetched, and a new generation is written beside the old one.
A revision older than the overlap is found when the next one is fetched as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecasting.market.panel import day
from forecasting.market.span import check_span
from forecasting.market.store.answers import completed, require_source, require_whole, spliced
from forecasting.market.store.comparison import NOISE, Change, compare, extends
from forecasting.market.store.difference import Difference
from forecasting.market.store.folders import generations, locked
from forecasting.market.store.generations import (
    DamagedHistoryError,
    manifest,
    read_history,
    write,
    write_manifest,
)
from forecasting.market.store.history import History
from forecasting.market.store.manifest import Manifest, moment

OVERLAP_BARS = 10
"""Stored bars that a refresh asks for again, and those of the same day."""

Ask = Callable[[str | None], pd.DataFrame]
"""Fetches the bars from a day on, `YYYY-MM-DD`, None for all; as `Panel.from_frames` takes them."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did.

    Attributes:
        manifest: Of the bars that are now in the store.
        difference: How the source rewrote history; None if it did not.
        new_bars: Number of bars after the last one that was stored.
    """

    manifest: Manifest
    difference: Difference | None
    new_bars: int


def refresh(
    ticker: str, ask: Ask, *, source: str, interval: str = "1d", start: str | None = None
) -> Refreshed:
    """Fetch what the store does not have of one ticker; holds the ticker's lock meanwhile.

    Args:
        ticker: Symbol.
        ask: Fetches bars; its errors pass through, the store then keeps what it had.
        source: Where the bars come from, one word.
        interval: Bar length.
        start: First day wanted; None for all there is. A stored history is never shortened.

    Raises:
        DataError: Bars that are no prices, an answer that is much shorter than what is stored,
            another process at the same ticker, or a store that cannot be written.
    """
    check_span(start, None)
    with locked(ticker, interval):
        try:
            before = manifest(ticker, interval)
            stored = None if before is None else read_history(ticker, interval)[0]
        except DamagedHistoryError as error:
            return _replace_damaged(ticker, interval, source, start, ask, error)
        if before is None or stored is None:
            answer = History.from_frame(ticker, ask(start)).check(ticker)
            return Refreshed(_write(ticker, interval, source, start, 1, answer), None, len(answer))
        require_source(before, source)
        return _update(stored, before, ask, start)


def _update(stored: History, before: Manifest, ask: Ask, start: str | None) -> Refreshed:
    wanted = _earlier(before.start, start)
    noise = NOISE.get(before.source, 0.0)
    answer = None
    if wanted == before.start:
        overlap = day(stored.times[max(0, len(stored) - OVERLAP_BARS)])
        answer = spliced(stored, before, overlap, ask(overlap))
    if answer is None or not extends(stored, answer, noise):
        whole = History.from_frame(before.ticker, ask(wanted)).check(before.ticker)
        answer = completed(whole, stored, noise)
        require_whole(answer, before)
    if extends(stored, answer, noise):
        return _append(stored, before, answer, wanted)
    number = before.generation + 1
    changes = compare(stored, answer, noise)
    said = _write(before.ticker, before.interval, before.source, wanted, number, answer)
    difference = Difference(said.ticker, said.interval, before.generation, number, changes)
    return Refreshed(said, difference, int(np.sum(answer.times > stored.times[-1])))


def _append(stored: History, before: Manifest, answer: History, start: str | None) -> Refreshed:
    new = answer.part(len(stored))
    if len(new) == 0:
        return Refreshed(write_manifest(replace(before, start=start, fetched_at=_now())), None, 0)
    # The stored bars themselves, not the answer's: within a generation nothing ever changes.
    longer = stored.followed_by(new)
    said = _write(before.ticker, before.interval, before.source, start, before.generation, longer)
    return Refreshed(said, None, len(new))


def _replace_damaged(
    ticker: str, interval: str, source: str, start: str | None, ask: Ask, damage: Exception
) -> Refreshed:
    """Fetch everything anew; the damaged files stay where they are, for whoever wants to look."""
    try:
        before = manifest(ticker, interval)
    except DamagedHistoryError:
        before = None
    if before is not None:
        require_source(before, source)
        start = _earlier(before.start, start)
    answer = History.from_frame(ticker, ask(start)).check(ticker)
    if before is not None:
        require_whole(answer, before)
    number = generations(ticker, interval)[-1]
    said = _write(ticker, interval, source, start, number + 1, answer)
    change = Change("damaged history", said.rows, said.first, said.last, note=str(damage))
    difference = Difference(ticker, interval, number, number + 1, (change,))
    new = len(answer) if before is None else int(np.sum(answer.times > np.datetime64(before.last)))
    return Refreshed(said, difference, new)


def _write(
    ticker: str, interval: str, source: str, start: str | None, generation: int, history: History
) -> Manifest:
    described = Manifest(
        ticker=ticker,
        interval=interval,
        generation=generation,
        rows=len(history),
        first=moment(history.times[0]),
        last=moment(history.times[-1]),
        start=start,
        source=source,
        fetched_at=_now(),
        sha256="",
        vintage=history.vintage(ticker, interval),
    )
    return write(history, described)


def _earlier(one: str | None, other: str | None) -> str | None:
    return None if one is None or other is None else min(one, other)


def _now() -> str:
    return pd.Timestamp.now("UTC").isoformat(timespec="seconds")
