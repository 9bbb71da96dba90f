"""Which bars a leak audit looks at: two stretches of a few tickers, and much of the panel once."""

from dataclasses import dataclass

import numpy as np

from forecasting.errors import DataError
from forecasting.evaluation.audit.panel_independence import of_columns
from forecasting.market.panel import Panel, day, start_of

TICKERS = 8
BARS = 1_500
_CELLS = 200_000
_RANDOM_CUTS = 2


@dataclass(frozen=True, eq=False)
class AuditSpan:
    """A part of the prices, and the bars after which its future is changed.

    Attributes:
        panel: Prices.
        cuts: Indices of the last bars that stay, ascending.
    """

    panel: Panel
    cuts: tuple[int, ...]


def audit_spans(
    prices: Panel, needed: int, longest: int, first: np.datetime64 | None = None, seed: int = 0
) -> tuple[AuditSpan, ...]:
    """Stretches around the beginning of the test span and before the last bar, then the panel.

    Args:
        prices: All that there is.
        needed: Bars that a ticker has to have before the first cut.
        longest: Horizon whose outcomes have just become known at one of the cuts.
        first: First bar of the test span; None where there is none, then all but the last cuts
            are drawn from the last third.
        seed: Of the cuts that are drawn.

    Raises:
        DataError: No ticker has the bars.
    """
    n_bars = len(prices.times)
    lock = 2 * n_bars // 3 if first is None else start_of(prices.times, first)
    rng = np.random.default_rng(seed)
    last = n_bars - 1
    around = min(last, lock + BARS // 3)
    begin = _stretch(prices, around, (lock - 1, lock, *_drawn(rng, lock, around)), needed)
    before = max(lock, last - BARS // 3)
    tail = (*_drawn(rng, before, last), last - 1 - longest, last - 1)
    end = _stretch(prices, last, tail, needed)
    whole = _stretch(prices, last, _drawn(rng, lock, last)[:1], needed, _CELLS)
    return begin, end, whole


def require_both_sides(prices: Panel, first: np.datetime64, needed: int, name: str) -> None:
    """Refuse prices that do not reach from before a model's test span into it.

    Raises:
        DataError: They do not.
    """
    lock = start_of(prices.times, first)
    if lock < needed or len(prices.times) - lock < 2:
        raise DataError(
            f"{prices.source} has bars from {day(prices.times[0])} to {day(prices.times[-1])}: "
            f"expected at least {needed} before {day(first)}, where the test span of {name} "
            "begins, and some after it. Use a longer history."
        )


def _drawn(rng: np.random.Generator, low: int, high: int) -> tuple[int, ...]:
    """Some bars strictly between two others."""
    inside = np.arange(low + 1, high)
    return tuple(sorted(rng.choice(inside, min(_RANDOM_CUTS, len(inside)), replace=False).tolist()))


def _stretch(
    prices: Panel, last: int, cuts: tuple[int, ...], needed: int, cells: int | None = None
) -> AuditSpan:
    """The bars up to `last` with cuts that leave bars after them, and tickers that have enough.

    Of as many bars as `BARS` and `TICKERS` tickers, or of all bars and as many tickers as make
    `cells`.
    """
    n_bars = min(last + 1, BARS if cells is None else last + 1)
    part = prices.at(slice(last + 1 - n_bars, last + 1))
    start = last + 1 - n_bars
    inside = sorted({cut - start for cut in cuts if needed <= cut - start < n_bars - 1})
    if not inside:
        raise DataError(
            f"{prices.source} has {len(prices.times)} bars: expected more than {needed + 2} to "
            "audit. Use a longer history."
        )
    known = part.mask[: inside[0] + 1].sum(axis=0)
    able = np.flatnonzero(known > needed)
    if not len(able):
        raise DataError(
            f"no ticker of {prices.source} has more than {needed} bars before "
            f"{day(part.times[inside[0]])}: expected one to audit. Use longer histories."
        )
    most = TICKERS if cells is None else max(2, cells // n_bars)
    return AuditSpan(of_columns(part, able[:most]), tuple(inside))
