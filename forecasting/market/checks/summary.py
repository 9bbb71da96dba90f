"""Findings as people read them: a line a check, a line an event."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd

from forecasting.market.checks.finding import EVERY_TICKER, SEVERITIES, Finding, Severity
from forecasting.market.panel import day

_NAMED = 4  # tickers, before only their number is said
_DATES = 3


@dataclass(frozen=True)
class CheckSummary:
    """What one check found at one severity.

    Attributes:
        check: Its name.
        severity: See `Severity`.
        findings: How many.
        tickers: Of how many tickers.
        dates: The first of the dates, each with the number of tickers if several share it.
    """

    check: str
    severity: Severity
    findings: int
    tickers: int
    dates: str


@dataclass(frozen=True)
class Event:
    """Findings of one check on the same bars, of one ticker or of many.

    Attributes:
        finding: The first of them, which speaks for all.
        tickers: Whose bars they are.
    """

    finding: Finding
    tickers: tuple[str, ...]

    @property
    def who(self) -> str:
        """The tickers in words."""
        if self.tickers == (EVERY_TICKER,):
            return "all"
        named = ", ".join(self.tickers[:_NAMED])
        more = len(self.tickers) - _NAMED
        return f"{named} and {more} more" if more > 0 else named

    @property
    def when(self) -> str:
        """The bars in words."""
        first, last = moment(self.finding.first), moment(self.finding.last)
        return first if first == last else f"{first} to {last}"


def by_check(findings: Sequence[Finding]) -> list[CheckSummary]:
    """One summary a check and severity, the severe first."""
    summaries = []
    for (_, check), group in groupby(sorted(findings, key=_rank), key=_rank):
        members = list(group)
        tickers = {each.ticker for each in members}
        severity = members[0].severity
        summaries.append(CheckSummary(check, severity, len(members), len(tickers), _dates(members)))
    return summaries


def events(findings: Sequence[Finding]) -> list[Event]:
    """Findings of one check, severity and span together, in the order they came."""
    together: dict[tuple, list[Finding]] = {}
    for each in findings:
        key = (each.severity, each.check, each.first, each.last)
        together.setdefault(key, []).append(each)
    return [Event(group[0], tuple(each.ticker for each in group)) for group in together.values()]


def moment(time: np.datetime64) -> str:
    """A time as its day, with the clock time if it has one."""
    stamp = pd.Timestamp(time)
    return str(stamp.date()) if stamp == stamp.normalize() else f"{stamp:%Y-%m-%d %H:%M}"


def _rank(finding: Finding) -> tuple[int, str]:
    return SEVERITIES.index(finding.severity), finding.check


def _dates(findings: Sequence[Finding]) -> str:
    counts = Counter(date for date, _ in {(day(each.first), each.ticker) for each in findings})
    shown = sorted(counts)[:_DATES]
    words = [f"{date} ({counts[date]} tickers)" if counts[date] > 1 else date for date in shown]
    return ", ".join([*words, "..."] if len(counts) > len(words) else words)
