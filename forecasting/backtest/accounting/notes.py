"""What a reader of a ledger has to know: delistings, ruin, holdings without a last bar."""

import numpy as np

from forecasting.backtest.accounting.accounts import Accounts
from forecasting.backtest.tape.tape import Basis
from forecasting.market.panel import day


def notes_of(accounts: Accounts) -> tuple[str, ...]:
    """Sentences about the first configuration, at the end of the tape."""
    tape, notes = accounts.tape, []
    delisting_return = accounts.conditions.delisting_return[0]
    if tape.basis is Basis.ADJUSTED and accounts.conditions.whole_shares[0]:
        notes.append("Whole shares of adjusted prices: not the shares that traded then.")
    for bar, due in accounts.payouts:
        for ticker in np.flatnonzero(due[0]):
            last = np.flatnonzero(tape.present[: bar + 1, ticker])[-1]
            notes.append(
                f"{tape.tickers[ticker]} has no bar after {day(tape.times[last])} and was taken "
                f"for delisted on {day(tape.times[bar])}: its holding was paid out at its last "
                f"price {delisting_return:+.0%}."
            )
    if accounts.resting[0]:
        ruined_at = tape.times[accounts.ruined_at[0]]
        notes.append(f"The account was ruined at the close of {day(ruined_at)}.")
    for ticker in np.flatnonzero((accounts.shares[0] != 0) & (accounts.absent > 0)):
        last = len(tape.times) - 1 - accounts.absent[ticker]
        notes.append(
            f"{tape.tickers[ticker]} has no bar after {day(tape.times[last])}: its holding is "
            "marked at that price to the end, which a delisting may not pay."
        )
    return tuple(notes)
