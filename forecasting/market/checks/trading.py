"""Bars on which nothing was traded."""

from collections.abc import Iterator

import numpy as np

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market, runs

NO_VOLUME = "no-volume"

IDLE_BARS = 5
"""A run of so many bars without a trade is a halt or a source without volumes; shorter ones happen
to thinly traded shares."""


def bars_without_volume(market: Market) -> Iterator[Finding]:
    """Long runs of zero volume, each; the short ones of a ticker together."""
    for history in market.histories:
        idle = history.column("volume") == 0
        stretches = runs(idle)
        if idle.all():
            yield _together(history, stretches, "index or currency: use features without volume")
            continue
        yield from (_run(history, a, b) for a, b in stretches if b - a + 1 >= IDLE_BARS)
        if short := [(a, b) for a, b in stretches if b - a + 1 < IDLE_BARS]:
            yield _together(history, short, "thinly traded: fills there are a fiction")


def _run(history: History, first: int, last: int) -> Finding:
    moved = np.count_nonzero(~history.unchanged[first : last + 1])
    return history.finding(
        NO_VOLUME,
        "warning",
        first,
        last,
        seen=f"{last - first + 1} bars in a row without volume, on {moved} the price moves",
        expected="shares traded",
        next_step="A halt or a source without volumes: leave them out with --quarantine.",
        maskable=True,
    )


def _together(history: History, stretches: list[tuple[int, int]], meaning: str) -> Finding:
    number = sum(last - first + 1 for first, last in stretches)
    return history.finding(
        NO_VOLUME,
        "note",
        stretches[0][0],
        stretches[-1][1],
        seen=f"{number} bars of {len(history.times)} without volume",
        expected="shares traded",
        next_step=f"{meaning[0].upper()}{meaning[1:]}.",
    )
