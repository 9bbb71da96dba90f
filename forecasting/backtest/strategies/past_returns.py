"""What past prices alone say of each ticker, on the bars of a forecast, for the baselines.

A ticker's returns close over bars that it does not have: its own bars count. The prices may begin
long before the forecast; row t of an answer is known at the close of the forecast's bar t.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.symbols import require_tickers


def past_return(
    forecast: Forecast, prices: Panel, bars: int, skip: int = 0
) -> Float[np.ndarray, "time ticker"]:
    """Log return from `bars` to `skip` own bars ago; NaN without that history or at no bar.

    Raises:
        DataError: The prices lack a ticker of the forecast.
    """

    def moved(log_price: np.ndarray) -> np.ndarray:
        change = np.full_like(log_price, np.nan)
        if len(log_price) > bars:
            change[bars:] = log_price[bars - skip : len(log_price) - skip] - log_price[:-bars]
        return change

    return _on_own_bars(forecast, prices, moved)


def past_volatility(
    forecast: Forecast, prices: Panel, bars: int
) -> Float[np.ndarray, "time ticker"]:
    """Standard deviation of the last `bars` own log returns; NaN with fewer or at no bar.

    Raises:
        DataError: The prices lack a ticker of the forecast.
    """

    def deviation(log_price: np.ndarray) -> np.ndarray:
        found = np.full_like(log_price, np.nan)
        if len(log_price) > bars:
            windows = np.lib.stride_tricks.sliding_window_view(np.diff(log_price), bars)
            found[bars:] = windows.std(axis=1, ddof=1)
        return found

    return _on_own_bars(forecast, prices, deviation)


def on_rows(forecast: Forecast, prices: Panel) -> np.ndarray:
    """Row of the prices that is each bar of the forecast; -1 where they have no such bar."""
    rows = np.searchsorted(prices.times, forecast.times)
    inside = np.minimum(rows, len(prices.times) - 1)
    return np.where(prices.times[inside] == forecast.times, inside, -1)


def adjusted_closes(forecast: Forecast, prices: Panel) -> Float[np.ndarray, "bar ticker"]:
    """Adjusted closes of the forecast's tickers on all bars of the prices; NaN without a bar.

    Raises:
        DataError: The prices lack a ticker of the forecast.
    """
    require_tickers(forecast.tickers, prices.tickers, prices.source)
    columns = [prices.tickers.index(ticker) for ticker in forecast.tickers]
    return prices.column("adj_close")[:, columns]


def _on_own_bars(
    forecast: Forecast, prices: Panel, compute: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """A function of each ticker's own log prices, put on the bars of the forecast."""
    log_price = np.log(adjusted_closes(forecast, prices))
    found = np.full_like(log_price, np.nan)
    for k, path in enumerate(log_price.T):
        own = np.isfinite(path)
        found[own, k] = compute(path[own])
    rows = on_rows(forecast, prices)
    return np.where((rows >= 0)[:, None] & forecast.mask, found[rows], np.nan)
