"""Small markets and forecasts of them, for the tests of this room."""

import numpy as np
import pandas as pd

from forecasting.backtest.tape.tape import Basis, Tape
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import COLUMNS, Panel


def make_panel(closes: np.ndarray, opens: np.ndarray | None = None) -> Panel:
    """Daily bars of given adjusted closes (and opens); a NaN close is a missing bar."""
    values = np.full((*closes.shape, len(COLUMNS)), np.nan)
    values[:, :, COLUMNS.index("adj_close")] = closes
    if opens is not None:
        values[:, :, COLUMNS.index("close")] = closes
        values[:, :, COLUMNS.index("open")] = opens
    times = pd.bdate_range("2020-01-01", periods=len(closes)).to_numpy().astype("datetime64[ns]")
    tickers = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: closes.shape[1]])
    return Panel(times, tickers, values, source="test market")


def make_raw_tape(
    closes: np.ndarray, opens: np.ndarray | None = None, **changes: np.ndarray | None
) -> Tape:
    """A tape of raw daily prices, filled at the open if there is one; a NaN close has no bar.

    Without `changes` (fields of the tape) nothing splits or pays, and there is no spread, no known
    volatility and no known volume.
    """
    present = np.isfinite(closes)
    newest = np.maximum.accumulate(np.where(present, np.arange(len(closes))[:, None], -1), axis=0)
    known = np.take_along_axis(closes, np.maximum(newest, 0), axis=0)
    times = pd.bdate_range("2020-01-01", periods=len(closes)).to_numpy().astype("datetime64[ns]")
    fields = {
        "fill": np.where(present, closes if opens is None else opens, np.nan),
        "mark": np.where(newest >= 0, known, 0.0),
        "present": present,
        "split": np.ones(closes.shape),
        "dividend": np.zeros(closes.shape),
        "half_spread": np.zeros(closes.shape),
        "volatility": np.full(closes.shape, np.nan),
        "volume": np.full(closes.shape, np.nan),
        "elapsed": np.diff(times, prepend=times[:1]) / np.timedelta64(365, "D"),
    }
    tickers = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: closes.shape[1]])
    return Tape(times, tickers, Basis.RAW, **(fields | changes))


def random_walk(n_bars: int, n_tickers: int, seed: int) -> Panel:
    """Driftless closes and opens; the price itself is a martingale."""
    rng = np.random.default_rng(seed)
    steps = 0.01 * rng.standard_normal((2 * n_bars, n_tickers)) - 0.01**2 / 2
    path = 100 * np.exp(np.cumsum(steps, axis=0))
    return make_panel(path[1::2], path[::2])


def make_forecast(panel: Panel, loc: np.ndarray, scale: float | np.ndarray = 0.01) -> Forecast:
    """A forecast with df 5 at horizons 1 and 5: `loc` and `scale` at 1, five and sqrt(5) at 5."""
    mask = panel.mask[:, :, None]
    spread = np.broadcast_to(np.asarray(scale, dtype=float), loc.shape)
    return Forecast(
        name="test forecaster",
        times=panel.times,
        tickers=panel.tickers,
        horizons=(1, 5),
        price=panel.column("adj_close"),
        law=StudentT(
            loc=np.where(mask, np.stack([loc, 5 * loc], axis=2), np.nan),
            scale=np.where(mask, np.stack([spread, np.sqrt(5) * spread], axis=2), np.nan),
            df=np.where(mask, 5.0, np.nan) * np.ones(2),
        ),
    )


def noise_forecast(panel: Panel, seed: int) -> Forecast:
    """A forecast that knows nothing."""
    rng = np.random.default_rng(seed)
    return make_forecast(panel, 0.001 * rng.standard_normal(panel.mask.shape))
