"""What events do to the bars: raw prices jump, the adjusted close does not.

With P the price that the market would have had, s_u a split's ratio and d_u a distribution as a
share of the last close before it:

    raw_t    = P_t * prod_{u <= t} (1 - d_u) / s_u        open, high, low, close
    volume_t = V_t * prod_{u <= t} s_u
    dividend_t = d_t * close_{t-1}
    adj_close_t = raw close_t * prod_{u > t} (1 - d_u) / s_u

The last line is the CRSP and Yahoo convention: at each split all closes before it are divided by
the ratio, at each dividend multiplied by 1 - dividend / close_{t-1}. So adj_close is proportional
to P, and close_t s_t / (close_{t-1} - dividend_t) = P_t / P_{t-1}. Its level knows all later
events, as Yahoo's does. Volume is rounded bar by bar.

Sources: CRSP Data Descriptions Guide, price adjustment; Yahoo help, What is the adjusted close?
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from forecasting.market.panel import COLUMNS
from forecasting.market.simulation.event import Event
from forecasting.market.simulation.truth import Truth

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _ADJ_CLOSE, _DIVIDEND, _SPLIT = (
    COLUMNS.index(name)
    for name in ("open", "high", "low", "close", "volume", "adj_close", "dividend", "split")
)
_QUOTES = [_OPEN, _HIGH, _LOW, _CLOSE]


def apply_events(
    values: Float[np.ndarray, "time ticker column"],
    events: Sequence[Event],
    tickers: Sequence[str],
    bars_a_day: int = 1,
) -> None:
    """Write the events into the bars of a market, in place.

    Args:
        values: Bars without events, in the order of `COLUMNS`.
        events: What happens; no two of a ticker on one day.
        tickers: Names of the axis.
        bars_a_day: Bars of one day. A dividend and a split stand on the first bar of their day.
    """
    by_ticker: dict[str, list[Event]] = {}
    for event in events:
        by_ticker.setdefault(event.ticker, []).append(event)
    for k, ticker in enumerate(tickers):
        if ticker in by_ticker:
            _apply(values[:, k], by_ticker[ticker], bars_a_day)


def mask_truth(
    truth: Truth,
    events: Sequence[Event],
    tickers: Sequence[str],
    bars: Bool[np.ndarray, "day ticker"],
) -> Truth:
    """The truth beside the events, NaN wherever a return is not one day's draw of the market.

    Args:
        truth: Of the market without events.
        events: What happened.
        tickers: Names of the axis.
        bars: Which tickers have bars on which day.
    """
    known = bars.copy()
    known[1:] &= bars[:-1]
    for event in events:
        if event.kind == "delisting":
            known[event.bar, tickers.index(event.ticker)] = False
    market = truth.market_volatility
    return replace(
        truth,
        location=np.where(known, truth.location, np.nan),
        own_volatility=np.where(known, truth.own_volatility, np.nan),
        expected_volatility=np.where(known, truth.expected_volatility, np.nan),
        market_volatility=None if market is None else np.where(known, market, np.nan),
        events=tuple(events),
    )


def _apply(values: Float[np.ndarray, "time column"], events: Sequence[Event], per_day: int) -> None:
    """Write the events of one ticker into its bars."""
    price, shares = np.ones(len(values)), np.ones(len(values))
    for event in events:
        row = event.bar * per_day
        if event.kind == "split":
            price[row], shares[row] = 1 / event.size, event.size
            values[row, _SPLIT] = event.size
        elif event.kind in ("dividend", "spin_off"):
            price[row] = 1 - event.size
        elif event.kind == "delisting":
            values[row : row + per_day, [*_QUOTES, _ADJ_CLOSE]] *= 1 + event.size
    raw = np.cumprod(price)
    values[:, _QUOTES] *= raw[:, None]
    values[:, _ADJ_CLOSE] *= raw[-1]
    values[:, _VOLUME] = np.round(values[:, _VOLUME] * np.cumprod(shares))
    for event in events:
        row = event.bar * per_day
        if event.kind in ("dividend", "spin_off"):
            values[row, _DIVIDEND] = event.size * values[row - 1, _CLOSE]
    _remove(values, events, per_day)


def _remove(
    values: Float[np.ndarray, "time column"], events: Sequence[Event], per_day: int
) -> None:
    for event in events:
        row = event.bar * per_day
        if event.kind == "listing":
            values[:row] = np.nan
        elif event.kind == "delisting":
            values[row + per_day :] = np.nan
        elif event.kind == "halt":
            values[row : row + int(event.size) * per_day] = np.nan
