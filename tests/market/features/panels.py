"""A panel on which every feature of the catalogue has a value."""

import numpy as np
from conftest import make_frames

from forecasting.market.panel import COLUMNS, Panel

DECAY = 0.94


def full_panel(n_bars: int = 600, seed: int = 0) -> Panel:
    """`make_frames` with variances of intraday bars, a split, a dividend and bars that do not move.

    AAA splits three for one and BBB pays a tenth, both at three quarters of the bars.
    """
    panel = Panel.from_frames(make_frames(n_bars, seed), source="test prices")
    rng = np.random.default_rng(seed)
    values = panel.values.copy()
    values[:, :, COLUMNS.index("realized_variance")] = rng.gamma(2, 5e-5, panel.mask.shape)
    values[:, :, COLUMNS.index("realized_range")] = rng.gamma(4, 2e-5, panel.mask.shape)
    quoted = [COLUMNS.index(name) for name in ("open", "high", "low", "close")]
    at = 3 * n_bars // 4
    values[at:, 0, quoted] /= 3
    values[at:, 0, COLUMNS.index("volume")] *= 3
    values[at:, 1, quoted] *= 0.9
    adjusted = COLUMNS.index("adj_close")
    for bar in range(30, n_bars, 37):
        values[bar, :2, adjusted] = values[bar - 1, :2, adjusted]
        values[bar, 0, COLUMNS.index("volume")] = 0.0
    values[~panel.mask] = np.nan
    return Panel(panel.times, panel.tickers, values, source=panel.source)
