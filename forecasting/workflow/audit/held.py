"""The network with its market held: does it answer for a ticker from that ticker's inputs alone?

Leaving tickers out changes the market features of the others, which is declared, and so hides what
else they may change. Here every ticker keeps the inputs that it has among all.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.evaluation.audit.stage import Stage
from forecasting.forecaster.network_forecaster import NetworkForecaster, network_law
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.tables.feature_table import FeatureTable
from forecasting.workflow.audit.answers import NETWORK_TOLERANCE, quantiles_of


def held_stage(model: NetworkForecaster, prices: Panel) -> Stage:
    """Quantiles of the network's answers for some of the tickers of `prices`."""
    data = model.files.recipe.data
    among_all = make_sequences(
        prices,
        variant=model.corpus.features,
        horizons=data.horizons,
        decay=data.volatility_decay,
        mapped=False,
    )

    def compute(panel: Panel) -> np.ndarray:
        columns = [prices.tickers.index(ticker) for ticker in panel.tickers]
        own = replace(among_all, panel=panel, table=_of_tickers(among_all.table, columns))
        law = network_law(model.network, own).scaled(own.return_scale())
        return own.to_grid(quantiles_of(law))

    return Stage("network, market held", compute, NETWORK_TOLERANCE, per_ticker=True)


def _of_tickers(table: FeatureTable, tickers: Sequence[int]) -> FeatureTable:
    """The rows and bars of some tickers, as they are in the table of all."""
    rows = [np.arange(table.offsets[k], table.offsets[k + 1]) for k in tickers]
    bars = [np.arange(table.bar_offsets[k], table.bar_offsets[k + 1]) for k in tickers]
    offsets, bar_offsets = (np.cumsum([0, *map(len, parts)]) for parts in (rows, bars))
    moved = [
        table.bar[own] - table.bar_offsets[k] + first
        for k, own, first in zip(tickers, rows, bar_offsets[:-1], strict=True)
    ]
    chosen, their_bars = np.concatenate(rows), np.concatenate(bars)
    return FeatureTable(
        features=table.features[chosen],
        volatility=table.volatility[chosen],
        bar=np.concatenate(moved),
        offsets=offsets,
        log_price=table.log_price[their_bars],
        time=table.time[their_bars],
        bar_offsets=bar_offsets,
        n_times=table.n_times,
    )
