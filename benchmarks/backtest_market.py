"""The market and the strategy that the backtest benchmarks trade."""

import numpy as np
from jaxtyping import Float

from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate


def market(tickers: int, bars: int, *, events: bool) -> Panel:
    """A simulated market of daily bars; with events: splits, dividends, halts, delistings."""
    return simulate("leverage", tickers, bars, events=events)


def reversal_weights(panel: Panel) -> Float[np.ndarray, "time ticker"]:
    """Against each ticker's last return, in proportion to it; gross 1, known at the close."""
    log_price = np.log(panel.column("adj_close"))
    against = -np.nan_to_num(np.diff(log_price, axis=0, prepend=np.nan))
    gross = np.abs(against).sum(axis=1, keepdims=True)
    return np.divide(against, gross, out=np.zeros_like(against), where=gross > 0)


def noise_forecast(panel: Panel) -> Forecast:
    """A forecast that knows nothing, at horizons of 1 and 5 bars."""
    rng, shape = np.random.default_rng(0), (*panel.mask.shape, 2)
    present = np.broadcast_to(panel.mask[:, :, None], shape)
    law = StudentT(
        loc=np.where(present, 1e-3 * rng.standard_normal(shape), np.nan),
        scale=np.where(present, 0.01 * np.sqrt([1.0, 5.0]), np.nan),
        df=np.where(present, 5.0, np.nan),
    )
    price = panel.column("adj_close")
    return Forecast("noise", panel.times, panel.tickers, (1, 5), price, law)
