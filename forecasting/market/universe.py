"""The universe: who belonged to it when, so that nobody is chosen by having survived.

A membership table says for each symbol from which day to which it was a member. It holds as of its
dates: nobody knows before a day that a ticker will join or leave on it. What follows from it:

- a ticker's own features look back on its bars from before it joined, which were public;
- features of the cross-section, the market of its beta and learnt ranks count members of the bar;
- rows, and so training, validation, test, forecasts and scored cells, are bars of members; a label
  may run past a member's leaving, as its holder sees that return;
- a backtest holds members, and sells what has left at the next fill.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from jaxtyping import Bool, Float

from forecasting.errors import DataError
from forecasting.market.membership import Membership
from forecasting.market.panel import COLUMNS, Panel, day

_PRICES = [COLUMNS.index(name) for name in ("open", "high", "low", "close")]
_ADJ_CLOSE, _VOLUME = COLUMNS.index("adj_close"), COLUMNS.index("volume")


@dataclass(frozen=True)
class Spell:
    """A symbol's time in the universe.

    Attributes:
        symbol: The ticker.
        first: Its first day as a member.
        last: Its last one, included; None while it still is a member.
        final_return: Simple return, decimal, from its last price to what its holders were paid
            when it was delisted; known on the first bar after `last`. None if nothing is stated.
    """

    symbol: str
    first: date
    last: date | None
    final_return: float | None = None


@dataclass(frozen=True)
class Universe:
    """A dated membership table.

    Attributes:
        spells: Of all symbols; those of one do not overlap.
        sha256: Hash of the file that it was read from.
    """

    spells: tuple[Spell, ...]
    sha256: str

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they come."""
        return tuple(dict.fromkeys(spell.symbol for spell in self.spells))

    def members(self, times: np.ndarray, tickers: Sequence[str]) -> Bool[np.ndarray, "time ticker"]:
        """Which tickers are members at which bars: those whose day lies in one of their spells.

        Args:
            times: Bar times, ascending. That a bar is a member's is known at its day's beginning.
            tickers: Names; one that the table does not have is never a member.
        """
        member = np.zeros((len(times), len(tickers)), dtype=bool)
        column = {ticker: k for k, ticker in enumerate(tickers)}
        days = times.astype("datetime64[D]")
        for spell in self.spells:
            if spell.symbol in column:
                first = int(np.searchsorted(days, np.datetime64(spell.first)))
                after = len(days) if spell.last is None else _after(days, spell.last)
                member[first:after, column[spell.symbol]] = True
        return member

    def apply(self, panel: Panel, listed: Sequence[str] | None = None) -> Panel:
        """The panel with its members marked; tickers that never are one on a bar are left out.

        A stated final return becomes one more bar of its ticker, on the first bar time after its
        last day as a member: there all prices are the last ones times 1 + final return, and no
        share is traded. So labels and accounts see it, as returns to CRSP's holders do.

        Args:
            panel: Prices.
            listed: All tickers that the prices' source has; those of the panel by default.

        Raises:
            DataError: No ticker is ever a member, or one that has a final return goes on trading.

        Source: Shumway (1997), The Delisting Bias in CRSP Data, Journal of Finance 52(1).
        """
        member = self.members(panel.times, panel.tickers)
        ever = (member & panel.mask).any(axis=0)
        if not ever.any():
            raise DataError(
                f"no ticker of {panel.source} is a member of the universe from "
                f"{day(panel.times[0])} to {day(panel.times[-1])}: expected bars of "
                f"{', '.join(self.symbols[:5])}{' ...' if len(self.symbols) > 5 else ''}. Check "
                "symbols and dates of the table."
            )
        known = set(panel.tickers if listed is None else listed)
        absent = tuple(symbol for symbol in self.symbols if symbol not in known)
        marked = replace(
            panel, member=member, membership=Membership(self.sha256, len(self.symbols), absent)
        )
        if not ever.all():
            marked = marked.select([panel.tickers[k] for k in np.flatnonzero(ever)])
        stated = any(spell.final_return is not None for spell in self.spells)
        return self._with_final_returns(marked) if stated else marked

    def _with_final_returns(self, panel: Panel) -> Panel:
        values, days = panel.values.copy(), panel.times.astype("datetime64[D]")
        for spell in self.spells:
            if spell.final_return is None or spell.symbol not in panel.tickers:
                continue
            assert spell.last is not None  # whoever reads a table refuses one without an end
            k, after = panel.tickers.index(spell.symbol), _after(days, spell.last)
            bar = int(np.flatnonzero(panel.mask[:, k])[-1])
            if bar >= after:
                raise DataError(
                    f"{spell.symbol} has a bar on {day(panel.times[bar])}: expected none after "
                    f"{spell.last}, where the universe states its final return. Leave the return "
                    "out, or correct the day."
                )
            if after < len(panel.times):
                values[after, k] = _final_bar(values[bar, k], spell.final_return)
        return replace(panel, values=values)


def _after(days: np.ndarray, last: date) -> int:
    """Index of the first bar after a day."""
    return int(np.searchsorted(days, np.datetime64(last), side="right"))


def _final_bar(
    last: Float[np.ndarray, " column"], final_return: float
) -> Float[np.ndarray, " column"]:
    """A bar at which all prices are the last ones times 1 + final return."""
    bar = np.full(len(COLUMNS), np.nan)
    bar[_PRICES] = last[COLUMNS.index("close")] * (1 + final_return)
    bar[_ADJ_CLOSE] = last[_ADJ_CLOSE] * (1 + final_return)
    bar[_VOLUME] = 0 * last[_VOLUME]
    return bar
