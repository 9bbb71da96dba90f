"""Prices in, causal arrays out: sources, panel, features, targets, splits. No torch here."""

from forecasting.market.panel import COLUMNS as COLUMNS
from forecasting.market.panel import Panel as Panel
from forecasting.market.sequences import Sequences as Sequences
from forecasting.market.sequences import make_sequences as make_sequences
from forecasting.market.sources import PriceSource as PriceSource
from forecasting.market.sources import load_prices as load_prices
