"""What a reader has to know of the prices that an account is traded on, in counted facts."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from forecasting.backtest.costs import Costs
from forecasting.backtest.tape.corporate_actions import CorporateActions
from forecasting.backtest.tape.tape import Tape
from forecasting.market.checks.distributions import DISAGREEMENT
from forecasting.market.panel import Panel, day


@dataclass
class ActionCounts:
    """Counts of splits and dividends, as blocks of tickers are read.

    Attributes:
        in_close: Splits that the closes have been divided by already.
        unadjusted: Dividends that the adjusted close leaves out.
        unexplained: Bars on which no reading explains the adjusted close.
        largest: Their largest miss, signed, relative.
        where: Ticker and day of it.
    """

    in_close: int = 0
    unadjusted: int = 0
    unexplained: int = 0
    largest: float = 0.0
    where: str = ""

    def add(
        self,
        actions: CorporateActions,
        panel: Panel,
        rows: Int[np.ndarray, " bar"],
        chosen: Int[np.ndarray, " ticker"],
    ) -> None:
        """Count those of the bars `rows` of the tickers `chosen`."""
        self.in_close += int(actions.in_close.sum())
        self.unadjusted += int(actions.unadjusted.sum())
        missed = np.isfinite(actions.miss)
        if not missed.any():
            return
        self.unexplained += int(missed.sum())
        k, bar = np.unravel_index(np.nanargmax(np.abs(actions.miss)), missed.shape)
        if abs(actions.miss[k, bar]) > abs(self.largest):
            self.largest = float(actions.miss[k, bar])
            self.where = f"{panel.tickers[chosen[k]]} on {day(panel.times[rows[bar]])}"

    def notes(self) -> list[str]:
        """What happened, if anything did."""
        told = []
        if self.in_close:
            told.append(
                f"{_count(self.in_close, 'split')} changed no share count: the closes before are "
                "divided by them already, so a share is one of the last day of these prices."
            )
        if self.unadjusted:
            told.append(
                f"{_count(self.unadjusted, 'dividend')} left out of the adjusted close; paid to "
                "the account."
            )
        if self.unexplained:
            told.append(
                f"{_count(self.unexplained, 'bar')} with an adjusted close that the quoted splits "
                f"and dividends miss by more than {DISAGREEMENT:.1%}, at most {self.largest:+.1%} "
                f"({self.where}): the adjusted close is believed, the rest is paid in shares."
            )
        return told


def unknown_volume(panel: Panel, volume: Float[np.ndarray, "time ticker"]) -> list[str]:
    """That some tickers have bars but never a traded money that is known."""
    silent = panel.mask.any(axis=0) & np.isnan(volume).all(axis=0)
    if not silent.any():
        return []
    if silent.all():
        whose = "the prices have"
    else:
        names = [panel.tickers[k] for k in np.flatnonzero(silent)]
        rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
        whose = f"{', '.join(names[:5])}{rest} {'has' if len(names) == 1 else 'have'}"
    return [f"No impact and no participation cap: {whose} no volume."]


def cost_words(costs: Costs, tape: Tape) -> str:
    """What a trade on this tape costs, one sentence: no impact where no traded money is known."""
    known = np.isfinite(tape.volume).any()
    return (costs if known else replace(costs, impact=0)).describe()


def unknown_spread(cells: int, slippage_bps: float | int) -> list[str]:
    """That some bars have no spread yet."""
    if not cells:
        return []
    return [
        f"{_count(cells, 'bar')} of the prices with too little before to know the spread from: "
        f"half of it is taken to be {slippage_bps:g} bps where they are traded."
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
