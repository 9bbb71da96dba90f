"""The table of features that a model reads, as it reads it when it forecasts."""

from collections.abc import Sequence

import numpy as np

from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.symbols import require_tickers


def read_prices(
    model: NetworkForecaster,
    prices: Panel,
    tickers: Sequence[str] | None = None,
    end: np.datetime64 | str | None = None,
) -> Sequences:
    """The rows of all tickers up to a day; the others are the market of those that are asked for.

    Raises:
        DataError: A ticker is not there, no bar is, or the model cannot read these prices.
    """
    require_tickers(tickers or (), prices.tickers, prices.source)
    model.require_interval(prices)
    data = model.files.recipe.data
    return make_sequences(
        prices.between(None, end),
        variant=model.corpus.features,
        horizons=data.horizons,
        decay=data.volatility_decay,
    )
