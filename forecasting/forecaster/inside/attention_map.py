"""One attention map: what each of some bars of a ticker looked at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from forecasting.errors import DataError
from forecasting.forecaster.inside.attention import CausalAttention, bars_seen
from forecasting.forecaster.inside.layers import attention_layers
from forecasting.forecaster.inside.reading import read_prices
from forecasting.forecaster.inside.watching import watch
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention of one layer on some bars of one ticker.

    Attributes:
        name: Of the model.
        ticker: Whose bars.
        layer: Index in the network.
        times: Of the bars, ascending; a row's weights are known at its close.
        weights: Mean over heads of how much the bar of the row attends to the bar of the column;
            zero above the diagonal. A row sums to 1 less `outside`.
        outside: Weight on bars before the first column.
        visible: How many bars each bar sees, its own and those before the first column included.
    """

    name: str
    ticker: str
    layer: int
    times: np.ndarray
    weights: Float[np.ndarray, "bar seen_bar"]
    outside: Float[np.ndarray, " bar"]
    visible: Int[np.ndarray, " bar"]


def attention_map(
    model: NetworkForecaster,
    prices: Panel,
    ticker: str,
    *,
    end: np.datetime64 | str | None = None,
    bars: int = 126,
    layer: int | None = None,
) -> AttentionMap:
    """Look at the last bars of a ticker up to a day.

    Args:
        model: A trained model.
        prices: Of all tickers that are its market.
        ticker: Whose bars.
        end: Last day; the last of the prices if None.
        bars: How many bars; fewer where the ticker has fewer.
        layer: Which layer; the first with attention if None.

    Raises:
        DataError: The prices cannot be forecast from, the ticker is not there, or the layer has no
            attention.
    """
    sequences = read_prices(model, prices, (ticker,), end)
    layers = attention_layers(model.network)
    if layer is None:
        layer = min(layers, default=None)
    if layer not in layers:
        listed = ", ".join(map(str, layers)) or "none"
        asked = "no layer" if layer is None else f"layer {layer}"
        raise DataError(
            f"{model.name}: {asked} with attention over time (layers with it: {listed}). "
            "Name one of them, or look at another model."
        )
    index = prices.tickers.index(ticker)
    watcher = _MapWatcher(layers[layer], index, bars)
    watch(model.network, sequences, [watcher])
    origin = sequences.origin[sequences.rows(index)]
    weights = watcher.weights
    return AttentionMap(
        name=model.name,
        ticker=ticker,
        layer=layer,
        times=sequences.panel.times[origin[-bars:]],
        weights=weights,
        outside=1 - weights.sum(axis=1),
        visible=bars_seen(layers[layer], np.arange(len(origin))[-bars:]),
    )


class _MapWatcher:
    """Keeps the weights of one ticker's last bars."""

    def __init__(self, module: CausalAttention, ticker: int, bars: int) -> None:
        self.module = module
        self._ticker, self._bars = ticker, bars
        self.weights = np.zeros((0, 0))

    def see(self, ticker: int, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Turn weights by lag into weights by bar."""
        if ticker != self._ticker:
            return
        by_lag = self.module.weights(*inputs)[0].mean(dim=0).double().numpy()[-self._bars :]
        n = len(by_lag)
        row, column = np.tril_indices(n)
        near = row - column < by_lag.shape[1]
        row, column = row[near], column[near]
        self.weights = np.zeros((n, n))
        self.weights[row, column] = by_lag[row, row - column]
