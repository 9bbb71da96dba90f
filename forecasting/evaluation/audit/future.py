"""Changing the future: the one perturbation that every causal thing must survive."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from forecasting.market.panel import COLUMNS, Panel

KINDS = ("noise", "x1000", "missing", "gone")
"""What may become of later bars."""
MEMBER_KINDS = ("shuffled", "nobody", "everybody")
"""What may become of later memberships, where the panel has a universe."""

IN_WORDS = {
    "noise": "later prices are replaced by noise",
    "x1000": "later prices are a thousandfold",
    "missing": "later bars are missing",
    "gone": "later bars are cut off",
    "shuffled": "later memberships are shuffled among the tickers",
    "nobody": "nobody is a member later",
    "everybody": "everybody is a member later",
}
"""Each change as half a sentence."""


def change_future(panel: Panel, after: int, kind: str, seed: int = 0) -> Panel:
    """The panel with every bar later than index `after` changed.

    `noise` multiplies all prices and volumes by random factors, of each bar and by up to a tenth of
    each of its columns, so that ratios such as close over open change too; `x1000` by a thousand,
    `missing` makes the bars NaN, `gone` cuts them off.
    """
    if kind == "gone":
        return panel.at(slice(after + 1))
    values = panel.values.copy()
    future = values[after + 1 :]
    if kind == "missing":
        future[:] = np.nan
    elif kind == "x1000":
        future *= 1000.0
    else:
        rng = np.random.default_rng(seed)
        future *= np.exp(rng.normal(0, 0.2, future.shape[:2]))[:, :, None]
        future *= np.exp(rng.uniform(-0.1, 0.1, future.shape))
        # Wide enough for a bar to stay one: low <= open, close <= high.
        high, low = COLUMNS.index("high"), COLUMNS.index("low")
        future[:, :, high] *= 1.5
        future[:, :, low] /= 1.5
    return replace(panel, values=values)


def change_future_members(panel: Panel, after: int, kind: str, seed: int = 0) -> Panel:
    """The panel with who is a member after bar `after` changed: `shuffled`, `nobody`, `everybody`.

    `shuffled` gives each ticker the membership of another one.
    """
    assert panel.member is not None
    member = panel.member.copy()
    future = member[after + 1 :]
    if kind == "shuffled":
        future[:] = future[:, np.random.default_rng(seed).permutation(future.shape[1])]
    else:
        future[:] = kind == "everybody"
    return replace(panel, member=member)


def kinds_of(panel: Panel) -> tuple[str, ...]:
    """What may become of the later bars of a panel, and of its memberships if it has any."""
    return KINDS if panel.member is None else (*KINDS, *MEMBER_KINDS)


def changed_futures(
    panel: Panel, cuts: Sequence[int], seed: int = 0
) -> Iterator[tuple[int, str, Panel]]:
    """Every change of the bars after every cut: the cut, the kind, and the changed panel.

    A cut is the index of the last bar that stays.
    """
    for after in cuts:
        for kind in kinds_of(panel):
            change = change_future if kind in KINDS else change_future_members
            yield after, kind, change(panel, after, kind, seed + after)
