"""Intraday bars gathered into days, for what happens between one day and the next.

Unlike `forecasting.market.resampling`, which makes bars to forecast on, an unfinished last day is a
day here, and quotes stay as the source has them: both may be what is wrong.
"""

from dataclasses import replace

import numpy as np

from forecasting.market.panel import COLUMNS, Panel

_LAST_OF_DAY = ("close", "adj_close")


def gather_days(panel: Panel) -> Panel:
    """The panel with one bar for each calendar day of a ticker, stamped with the day.

    First open, last close and adjusted close, sum of the volumes; the other columns are NaN. A
    panel that has at most one bar a day comes back as it is.
    """
    days = panel.times.astype("datetime64[D]")
    axis, row_of_day = np.unique(days, return_inverse=True)
    if len(axis) == len(days):
        return panel
    values = np.full((len(axis), len(panel.tickers), len(COLUMNS)), np.nan)
    for k in range(len(panel.tickers)):
        rows = np.flatnonzero(panel.mask[:, k])
        if not len(rows):
            continue
        into, starts = np.unique(row_of_day[rows], return_index=True)
        ends = np.r_[starts[1:], len(rows)] - 1
        values[into, k, COLUMNS.index("open")] = panel.column("open")[rows[starts], k]
        for name in _LAST_OF_DAY:
            values[into, k, COLUMNS.index(name)] = panel.column(name)[rows[ends], k]
        volume = np.add.reduceat(panel.column("volume")[rows, k], starts)
        values[into, k, COLUMNS.index("volume")] = volume
    times = axis.astype("datetime64[ns]")
    return replace(panel, times=times, values=values, interval="1d", member=None, membership=None)
