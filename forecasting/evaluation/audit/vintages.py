"""Leak test 10: are these the prices that a model was trained on, as they were then?

Adjusted prices are rewritten at every dividend, and sources revise bars. A model's corpus keeps a
hash of each ticker's bars; prices that were rewritten since do not have it, and whoever scores the
model on them scores it on a history that it never saw. The store keeps the old generation, so that
the run's own prices can be read again.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.market.bar_digest import bars_sha256
from forecasting.market.panel import Panel

VINTAGE = "vintage time travel"

_NAMED = 5


@runtime_checkable
class SeenBars(Protocol):
    """What a corpus keeps of one ticker, as `forecaster.corpus.Member`."""

    @property
    def first(self) -> str:
        """Day of the first bar."""
        ...

    @property
    def bars(self) -> int:
        """Number of bars."""
        ...

    @property
    def last(self) -> str:
        """Day of the last bar."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of their times and prices."""
        ...


def vintage_audit(
    members: Mapping[str, SeenBars], panel: Panel, *, stage: str = "source"
) -> Finding:
    """Whether a panel still has, bit by bit, the bars that a model was trained on.

    Args:
        members: Of the model's corpus, by ticker.
        panel: Prices; later bars and further tickers do not matter.
        stage: What is blamed.
    """
    there = [ticker for ticker, seen in members.items() if _spans(panel, ticker, seen)]
    absent = [ticker for ticker in members if ticker not in there]
    revised = [ticker for ticker in there if not has_bars(panel, ticker, members[ticker])]
    if revised:
        said = (
            f"the history of {_names(revised)} was rewritten since the training: "
            f"{len(revised)} of {len(members)} tickers are not of its vintage"
        )
        return Finding(VINTAGE, stage, Outcome.FAILED, said)
    if not there:
        said = "no ticker that it was trained on is there with all of its training span"
        return Finding(VINTAGE, stage, Outcome.NOT_RUN, said)
    said = f"the bars of {len(there)} tickers are those of the training, bit by bit"
    if absent:
        said += f"; without all of its training span: {_names(absent)}"
    return Finding(VINTAGE, stage, Outcome.PASSED, said)


def has_bars(panel: Panel, ticker: str, seen: SeenBars) -> bool:
    """Whether a ticker's bars, from the first that was seen on, are still the same."""
    k = panel.tickers.index(ticker)
    own = panel.mask[:, k] & (panel.times >= np.datetime64(seen.first))
    rows = np.zeros(len(own), dtype=bool)
    rows[np.flatnonzero(own)[: seen.bars]] = True
    return bool(rows.sum() == seen.bars) and bars_sha256(panel, k, rows) == seen.sha256


def _spans(panel: Panel, ticker: str, seen: SeenBars) -> bool:
    """Whether the panel has the ticker, and all of the days between its first and last bar."""
    first, last = np.datetime64(seen.first), np.datetime64(seen.last)
    begins, ends = panel.times[0].astype("datetime64[D]"), panel.times[-1]
    return ticker in panel.tickers and bool(begins <= first and last <= ends)


def _names(tickers: list[str]) -> str:
    more = len(tickers) - _NAMED
    return ", ".join(tickers[:_NAMED]) + (f" and {more} more" if more > 0 else "")
