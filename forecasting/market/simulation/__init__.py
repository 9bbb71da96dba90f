"""Simulated markets whose truth is known: what a forecaster may find, and what it must not.

`--prices simulated-MARKET`, or `simulated` for the first of them:

    market          to find               law of the log returns
    volatility      volatility            AR(1) log volatility, half of it shared by all tickers
    random-walk     nothing               Student-t with 5 degrees of freedom, independent
    signal          mean                  yesterday's return reversed, correlation 0.05
    leverage        volatility            leverage, calm and crisis, jumps, overnight gaps, betas
    cross-section   who beats the others  expected ranks in yesterday's volume, rank IC 0.05

Settings follow a colon: `simulated-leverage:seed=3,tickers=12,bars=2000,events=1`.

    tickers=N       1 to 5,000, by default 8: SIM01, SIM02, ...
    bars=N          business days from 2000-01-03, 2 to 60,000; by default 3,000, and 60 where the
                    bars are shorter than a day (at most 60 million bars in all)
    seed=N          by default 0; equal settings give equal prices
    interval=1h     or 30m, 15m, 5m, 1m: bars of the session from 09:30 to 16:00 with open, close
                    and volume of the daily bars of the same settings; their range is wider
    events=1        splits, dividends, spin-offs, halts, late listings and delistings; the market
                    behind them stays the same, and adj_close undoes them
    ic=0.05         of cross-section: expected daily rank IC, 0 to 0.5

Behind an overnight step (a fifth of the day's variance) lies a path of sixteen steps that gives
open, high, low and close; the adjusted close is the close, the volume is noise (but in
`cross-section`), unless events say otherwise. Each law's docstring has its formula and its source;
`simulate_with_truth` returns what it was drawn from, `stream_minutes` any number of minute bars in
constant memory.
"""

from forecasting.market.simulation.event import Event as Event
from forecasting.market.simulation.markets import MARKETS as MARKETS
from forecasting.market.simulation.minute_stream import stream_minutes as stream_minutes
from forecasting.market.simulation.simulate import simulate as simulate
from forecasting.market.simulation.simulate import simulate_with_truth as simulate_with_truth
from forecasting.market.simulation.source import SimulatedSource as SimulatedSource
from forecasting.market.simulation.truth import Truth as Truth
