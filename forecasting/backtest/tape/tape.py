"""The tape: what an account needs of the market, bar by bar, as plain aligned arrays."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float


class Basis(StrEnum):
    """What a share of the tape is.

    RAW: a share as it traded; splits change the number of shares, dividends are paid in cash.
    ADJUSTED: a share of adjusted prices; dividends are reinvested the moment they are paid.
    """

    RAW = "raw"
    ADJUSTED = "adjusted"

    def describe(self) -> str:
        """One sentence for a report."""
        if self is Basis.RAW:
            return "Prices are as quoted: splits change share counts, dividends are paid in cash."
        return "Prices are adjusted, so dividends are reinvested as they are paid."


GRIDS = ("fill", "mark", "present", "split", "dividend", "half_spread", "volatility", "volume")
"""Names of the arrays (time, ticker) that every tape has."""


@dataclass(frozen=True, eq=False)
class Tape:
    """Prices to fill at and to mark at, corporate actions, and what trading is likely to cost.

    Row t of `half_spread`, `volatility` and `volume` is known at the close of bar t: what is
    filled at bar t + 1 pays by row t. The other arrays are what happens at their bar.

    Attributes:
        times: Bar times, ascending.
        tickers: One a column.
        basis: What a share is.
        fill: Price at which orders are filled at the bar; NaN where it cannot be traded.
        mark: Last known close at or before the bar; 0 before the first, when nobody holds it.
        present: Where a ticker has a bar.
        split: Shares that one share becomes before the bar's open; 1 without a split.
        dividend: Cash paid at the bar's open for a share held at the close before, counted before
            the split; 0 without one.
        half_spread: Half the bid-ask spread as a share of the price, known at the close.
        volatility: Standard deviation of the log return over one bar, known at the close; NaN
            where it is not.
        volume: Mean traded money a bar, in the currency of the prices, known at the close; NaN
            where it is not.
        elapsed: Calendar years from the bar before, actual days over 365; 0 at the first.
        member: On which bars a ticker belongs to the universe, known at the close; None without
            one.
        notes: What a reader has to know of the tape.
    """

    times: np.ndarray
    tickers: tuple[str, ...]
    basis: Basis
    fill: Float[np.ndarray, "time ticker"]
    mark: Float[np.ndarray, "time ticker"]
    present: Bool[np.ndarray, "time ticker"]
    split: Float[np.ndarray, "time ticker"]
    dividend: Float[np.ndarray, "time ticker"]
    half_spread: Float[np.ndarray, "time ticker"]
    volatility: Float[np.ndarray, "time ticker"]
    volume: Float[np.ndarray, "time ticker"]
    elapsed: Float[np.ndarray, " time"]
    member: Bool[np.ndarray, "time ticker"] | None = None
    notes: tuple[str, ...] = ()

    def between(self, first: np.datetime64, last: np.datetime64) -> "Tape":
        """The bars from `first` to `last`, both included; the account begins at the first.

        What is known at its close stays known: volatility, traded money and spread need no warm-up.
        """
        rows = slice(*np.searchsorted(self.times, [first, last + np.timedelta64(1, "ns")]))
        elapsed = self.elapsed[rows].copy()
        elapsed[:1] = 0.0
        return replace(
            self,
            times=self.times[rows],
            elapsed=elapsed,
            member=None if self.member is None else self.member[rows],
            **{name: getattr(self, name)[rows] for name in GRIDS},
        )
