"""All checks under one door.

A new check is a function from a `Market` to findings, in the file of its family, and one line in
`CHECKS`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import numpy as np

from forecasting.market.calendars import NEW_YORK
from forecasting.market.checks import (
    bar_order,
    distributions,
    intraday,
    repeats,
    rounding,
    sessions,
    share_splits,
    spikes,
    trading,
)
from forecasting.market.checks.finding import SEVERITIES, Finding
from forecasting.market.checks.history import Market
from forecasting.market.panel import Panel


@runtime_checkable
class Check(Protocol):
    """Looks for one family of defects; changes nothing."""

    def __call__(self, market: Market) -> Iterable[Finding]:
        """What it suspects, in any order."""
        ...


CHECKS: dict[str, Check] = {
    "whole bars that repeat": repeats.repeated_bars,
    "closes that repeat together": repeats.shared_repeats,
    "prices that froze": repeats.frozen_prices,
    "splits that nobody recorded": share_splits.unrecorded_splits,
    "spikes": spikes.spikes,
    "highs and lows far off": spikes.far_extremes,
    "order of the four prices": bar_order.disordered_bars,
    "bars without a range": bar_order.flat_bars,
    "blank values": bar_order.blank_values,
    "odd dividends and splits": distributions.odd_distributions,
    "the adjusted close": distributions.adjustments,
    "the calendar": sessions.calendar_misfit,
    "missing sessions": sessions.missing_sessions,
    "bars on closed days": sessions.closed_days,
    "missing intraday bars": intraday.missing_bars,
    "stamps of intraday bars": intraday.start_stamps,
    "bars after the close": intraday.bars_after_close,
    "bars without volume": trading.bars_without_volume,
    "coarse prices": rounding.coarse_prices,
}
"""What a check looks for, in words, to the check; in the order in which they run."""


def inspect(
    panel: Panel,
    *,
    calendar: str | None = NEW_YORK,
    progress: Callable[[str], None] | None = None,
) -> tuple[Finding, ...]:
    """Look for defects in prices. Nothing is changed.

    Args:
        panel: Prices as the source has them.
        calendar: Exchange code whose sessions the tickers keep; None to take the days that most
            tickers have. A calendar that does not fit is said and not used.
        progress: Called with a few words before each check.

    Returns:
        Findings, errors first, then by check, time and ticker.

    Raises:
        DataError: No such calendar, or it does not reach that far.

    Example:
        >>> from forecasting.market import load_prices
        >>> {finding.severity for finding in inspect(load_prices("sample", start="2015-01-01"))}
        {'note'}
    """
    market = Market(panel, calendar)
    findings: list[Finding] = []
    for words, check in CHECKS.items():
        if progress is not None:
            progress(f"checking {words}")
        findings.extend(check(market))
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[int, str, np.datetime64, str]:
    rank = SEVERITIES.index(finding.severity)
    return rank, finding.check, finding.first, finding.ticker
