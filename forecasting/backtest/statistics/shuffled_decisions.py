"""An account's decisions, read from its trades, rotated in time and dealt to other tickers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.tape.tape import Tape


@dataclass(frozen=True, eq=False)
class AccountDecisions:
    """What an account decided, read from its trades.

    Attributes:
        weights: Wanted, signed shares of equity at the close of the decision.
        left: Where a holding was left alone.
        row: Decision at each bar of the tape; -1 for none.
        held: Weights held at each close.
        listed: Where a ticker can be held: between its first and last bar, and a member.
        first: Bar of the first decision.
        step: Usual number of bars between two decisions.
    """

    weights: Float[np.ndarray, "decision ticker"]
    left: Bool[np.ndarray, "decision ticker"]
    row: Int[np.ndarray, " time"]
    held: Float[np.ndarray, "time ticker"]
    listed: Bool[np.ndarray, "time ticker"]
    first: int
    step: int

    @classmethod
    def of(cls, tape: Tape, own: Ledger) -> "AccountDecisions":
        """The decisions of an account on its tape; a holding that was not traded was left alone."""
        traded = own.trades[1:] != 0
        bars = np.flatnonzero(traded.any(axis=1) & (own.equity[:-1] > 0))
        wanted = own.shares[bars + 1] / tape.split[bars + 1] * tape.mark[bars]
        row = np.full(len(tape.times), -1)
        row[bars] = np.arange(len(bars))
        seen = np.maximum.accumulate(tape.present, axis=0)
        listed = seen & np.maximum.accumulate(tape.present[::-1], axis=0)[::-1]
        if tape.member is not None:
            listed &= tape.member
        return cls(
            wanted / own.equity[bars, None],
            ~traded[bars],
            row,
            own.weights,
            listed,
            first=int(bars[0]) if len(bars) else 0,
            step=int(np.median(np.diff(bars))) if len(bars) > 1 else 1,
        )

    @property
    def period(self) -> int:
        """Bars of a whole rotation: those from the first decision on, in whole steps."""
        return -(-(len(self.row) - self.first) // self.step) * self.step


@dataclass(frozen=True, eq=False)
class Shuffled:
    """The policy of random strategies: what the account decided `shift` bars before, dealt anew.

    The bars are rotated, not the list of decisions, so that a holding lasts as long as it did. A
    random strategy begins with what was held at its first bar; where the rotation begins anew, all
    holdings are set.

    Attributes:
        decisions: Of the account.
        order: Whose holdings each ticker gets.
        shift: Bars to rotate by.
    """

    decisions: AccountDecisions
    order: Int[np.ndarray, "configuration ticker"]
    shift: Int[np.ndarray, " configuration"]

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """Another day's weights, dealt to other tickers."""
        made = self.decisions
        if bar < made.first:
            return None
        source = made.first + (bar - made.first - self.shift) % made.period
        source = np.minimum(source, len(made.row) - 1)
        rows = made.row[source]
        begins = (source == made.first) | (bar == made.first)
        if not (begins | (rows >= 0)).any():
            return None
        decided = (rows >= 0)[:, None]
        wanted = np.where(decided, made.weights[rows], made.held[source])
        alone = ~begins[:, None] & (made.left[rows] | ~decided)
        weights = np.take_along_axis(np.where(alone, np.nan, wanted), self.order, axis=1)
        return np.where(made.listed[bar] | np.isnan(weights), weights, 0.0)


def deal(
    tape: Tape, n: int, decisions: AccountDecisions, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "configuration ticker"], Int[np.ndarray, " configuration"]]:
    """Whose holdings each ticker gets, among those that ever have a bar; and bars to rotate by."""
    order = np.tile(np.arange(len(tape.tickers)), (n, 1))
    traded = np.flatnonzero(tape.present.any(axis=0))
    order[:, traded] = rng.permuted(np.tile(traded, (n, 1)), axis=1)
    return order, rng.integers(decisions.period // decisions.step, size=n) * decisions.step
