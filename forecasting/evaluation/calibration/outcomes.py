"""What became known of a forecast, and when: the feedback that calibration learns from."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from forecasting.forecast.band_warp import log_odds
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.targets import future_log_returns

Scores = Float[np.ndarray, "time ticker horizon"]
LabelEnds = Int[np.ndarray, "time ticker horizon"]


def bars_of(forecast: Forecast, prices: Panel) -> tuple[Panel, int]:
    """The bars of the forecast's tickers, and the index of the forecast's first bar among them.

    Raises:
        ValueError: The forecast's bars are no stretch of the prices', or a ticker has no prices.
    """
    first = int(np.searchsorted(prices.times, forecast.times[0])) if len(forecast.times) else 0
    stretch = prices.times[first : first + len(forecast.times)]
    if not np.array_equal(stretch, forecast.times):
        raise ValueError(f"the forecast of {forecast.name} is not of a stretch of these bars")
    if missing := set(forecast.tickers) - set(prices.tickers):
        raise ValueError(f"no prices of {sorted(missing)}, which {forecast.name} forecasts")
    columns = [prices.tickers.index(ticker) for ticker in forecast.tickers]
    bars = replace(
        prices,
        tickers=forecast.tickers,
        values=prices.values[:, columns],
        member=None if prices.member is None else prices.member[:, columns],
    )
    return bars, first


def outcome_scores(forecast: Forecast, bars: Panel, first: int) -> tuple[Scores, LabelEnds]:
    """Log-odds of each outcome under its forecast, and when they become known.

    Args:
        forecast: Any.
        bars: Of its tickers.
        first: Index of its first bar among them.

    Returns:
        Log-odds, NaN where there is no forecast, no outcome yet, or the ticker is no member of the
        universe at the origin; and the index in `forecast.times` of the bar at whose close they
        become known, past the end for outcomes later than the last forecast.
    """
    rows = slice(first, first + len(forecast.times))
    returns, label_end = future_log_returns(bars, forecast.horizons)
    returns = returns[rows]
    if bars.member is not None:
        returns[~bars.member[rows]] = np.nan
    return log_odds(forecast.law, returns), label_end[rows] - first
