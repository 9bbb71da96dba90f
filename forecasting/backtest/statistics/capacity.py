"""How much money a strategy can carry before its own trades eat its return."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.accounting.simulate import simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.summary import summarise_batch
from forecasting.backtest.tape.tape import Tape

CAPITALS = tuple(float(capital) for capital in np.logspace(4, 10, 13))
"""From ten thousand to ten billion, two a decade, in the currency of the prices."""


@dataclass(frozen=True, eq=False)
class Capacity:
    """Net results by capital.

    Attributes:
        capitals: Ascending, in the currency of the prices; empty where capacity is unknown.
        cagr: Annual growth after all costs, decimal.
        sharpe: Annual Sharpe ratio after all costs.
        half: Capital at which growth has fallen to half of the smallest capital's; None where that
            does not happen, or the smallest one does not grow.
        zero: Capital at which growth has fallen to zero; None likewise.
        note: Why capacity is unknown, or what a reader has to know; empty otherwise.
    """

    capitals: Float[np.ndarray, " capital"]
    cagr: Float[np.ndarray, " capital"]
    sharpe: Float[np.ndarray, " capital"]
    half: float | None
    zero: float | None
    note: str = ""

    def sentence(self) -> str:
        """Where growth has halved and where it ends."""
        if not len(self.capitals):
            return self.note
        if not self.cagr[0] > 0:
            said = f"Capacity: none, a capital of {self.capitals[0]:,.0f} does not grow."
        elif self.half is None:
            said = f"Capacity: above {self.capitals[-1]:,.0f}, where growth has not halved."
        else:
            last = f"is not gone at {self.capitals[-1]:,.0f}"
            ends = last if self.zero is None else f"ends at {_two_digits(self.zero)}"
            said = f"Capacity: growth halves at {_two_digits(self.half)} and {ends}."
        return f"{said} {self.note}".strip()


def capacity(
    tape: Tape,
    policy: Policy,
    costs: Costs,
    account: AccountTerms,
    bars_per_year: float | int,
    capitals: Sequence[float] = CAPITALS,
) -> Capacity:
    """Trade the same decisions with more and more capital.

    Size costs by market impact, which grows with the square root of the order over the traded
    money, and by the participation cap, which delays what is too large. Between two capitals
    growth is taken as linear in their logarithm.

    Args:
        tape: With the mean traded money of each ticker.
        policy: What is wanted at each close.
        costs: With an impact.
        account: Its capital is replaced.
        bars_per_year: Bars in a year.
        capitals: Ascending.
    """
    known = np.isfinite(tape.volume) & tape.present
    if not known.any():
        none = np.empty(0)
        return Capacity(
            none, none, none, None, None, "Capacity unknown: the prices have no volume."
        )
    accounts = [replace(account, capital=capital) for capital in capitals]
    found = summarise_batch(
        simulate_batch(tape, policy, [costs] * len(accounts), accounts), bars_per_year
    )
    grid, growth = np.array(capitals, dtype=float), found["cagr"]
    grows = bool(growth[0] > 0)
    note = "" if costs.impact or account.participation_cap else "No impact, no cap: size is free."
    silent = 1 - known.sum() / tape.present.sum()
    if silent > 0.01:
        note = f"{note} {silent:.0%} of bars have no volume: trades there are free of impact."
    return Capacity(
        capitals=grid,
        cagr=growth,
        sharpe=found["sharpe"],
        half=_falls_to(growth[0] / 2, grid, growth) if grows else None,
        zero=_falls_to(0.0, grid, growth) if grows else None,
        note=note.strip(),
    )


def _two_digits(money: float) -> str:
    """More than two digits of a capacity are not known."""
    return f"{float(f'{money:.2g}'):,.0f}"


def _falls_to(
    level: float, capitals: Float[np.ndarray, " capital"], growth: Float[np.ndarray, " capital"]
) -> float | None:
    """The first capital at which growth is down at a level below the first one's."""
    below = np.flatnonzero(growth <= level)
    if not len(below):
        return None
    at = int(below[0])
    share = (growth[at - 1] - level) / (growth[at - 1] - growth[at])
    return float(capitals[at - 1] * (capitals[at] / capitals[at - 1]) ** share)
