"""Who is among the tickers: the sentence that stands beside every result on them."""

import numpy as np

from forecasting.market.panel import Panel, day

SURVIVORS = (
    "Survivorship: no membership table was given, so these tickers are today's survivors; long "
    "portfolios of them look better than anybody could have done."
)
MEMBERS = "Universe: "
"""How the sentence begins that stands in its place where there is a membership table."""
_NAMED = 5


def survivorship(panel: Panel) -> str:
    """What a reader of a result on these prices has to know of how their tickers were chosen."""
    if panel.member is None:
        return SURVIVORS
    traded = panel.member & panel.mask
    at_once = traded.sum(axis=1)
    rows = np.flatnonzero(at_once)
    tickers = int(traded.any(axis=0).sum())
    span = (
        f"{tickers} ticker{'s were members' if tickers != 1 else ' was a member'} between "
        f"{day(panel.times[rows[0]])} and {day(panel.times[rows[-1]])}, {at_once[rows].min()} to "
        f"{at_once[rows].max()} at once"
        if len(rows)
        else "no ticker was a member on these bars"
    )
    table = panel.membership
    source = f" (sha256 {table.sha256[:12]})" if table else ""
    return (
        f"{MEMBERS}{span}, by a dated membership table{source}; the warning of today's survivors "
        "does not apply to it. That the table is right, complete and was known on its dates is "
        f"the user's claim.{_absent(panel)}"
    )


def _absent(panel: Panel) -> str:
    if panel.membership is None or not panel.membership.absent:
        return ""
    n_symbols, absent = panel.membership.n_symbols, panel.membership.absent
    named = ", ".join(absent[:_NAMED]) + (" ..." if len(absent) > _NAMED else "")
    have = "have" if len(absent) != 1 else "has"
    return (
        f" {len(absent)} of its {n_symbols} symbols {have} no prices here ({named}): whoever is "
        "missing may be who failed."
    )
