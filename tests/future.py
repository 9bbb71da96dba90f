"""Changing the future: the one perturbation that every causal thing must survive."""

from dataclasses import replace

import numpy as np

from forecasting.market.panel import COLUMNS, Panel

KINDS = ("noise", "x1000", "missing", "gone")


def change_future(panel: Panel, after: int, kind: str, seed: int = 0) -> Panel:
    """The panel with every bar later than index `after` changed.

    `noise` multiplies all prices and volumes by random factors, `x1000` by a thousand, `missing`
    makes the bars NaN, `gone` cuts them off.
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
        bars = np.exp(np.random.default_rng(seed).normal(0, 0.2, future.shape[:2]))
        future *= bars[:, :, None]
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
