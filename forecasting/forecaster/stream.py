"""A trained model that goes on bar by bar, at a cost that does not depend on the history."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int

from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.laws import n_parameters, pack, unpack
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.stream_state import (
    StreamHeader,
    describe_origin,
    read_stream,
    write_stream,
)
from forecasting.market.features.stream import FeatureStream
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.nn.state import State, flat, nested

_FEATURE_ARRAYS = ("last_close", "variance", "tail")


class StreamingForecaster:
    """Forecasts further bars of many tickers as the model would from their whole history.

        stream = StreamingForecaster(model)
        stream.start(history)
        forecast = stream.advance(new_bars)

    What it remembers is bounded: per ticker a few of its last prices, and one row of the network's
    state. A ticker that has no bar keeps its state. A ticker that comes for the first time, also
    without `start`, begins without history: it has no forecast until it has as many bars as the
    features look back.

    Where bars come with a universe, those of members are forecast; outside it a ticker's state
    rests, while its features look back on all its bars.

    Adjusted closes have to stand on one basis: where a source rescales the past at a dividend or a
    split, start again from the rescaled history.

    Attributes:
        model: The trained model.
        features: What the features remember, ticker by ticker.
        state: What the network remembers, one row a ticker of `features.tickers`.
    """

    def __init__(self, model: NetworkForecaster) -> None:
        self.model = model
        data, corpus = model.files.recipe.data, model.corpus
        self.features = FeatureStream(corpus.features, data.volatility_decay)
        self.state: State = model.network.initial_state(0)
        self._distribution = model.network.config.distribution
        self._n_parameters = n_parameters(self._distribution)
        # Notes depend on the tickers alone, which seldom change from bar to bar.
        self._noted: tuple[str, ...] | None = None
        self._notes: tuple[str, ...] = ()

    @torch.inference_mode()
    def start(self, prices: Panel) -> Forecast:
        """Begin anew after a history, in one pass.

        Args:
            prices: Bars of all tickers so far.

        Returns:
            The forecast of these bars, that of `NetworkForecaster.forecast`.

        Raises:
            DataError: The panel lacks columns that the model was trained with, is of another
                interval, a history is too short, or bars are out of order.
        """
        self.model.require_interval(prices)
        data, variant = self.model.files.recipe.data, self.model.corpus.features
        features = FeatureStream.start(prices, variant, data.volatility_decay)
        sequences = make_sequences(
            prices, variant=variant, horizons=data.horizons, decay=data.volatility_decay
        )
        network = self.model.network
        self.features, self.state = features, network.initial_state(len(prices.tickers))
        law = np.empty((*sequences.targets.shape, self._n_parameters))
        for rows in _passes(sequences, across=network.config.cross_asset != "none"):
            slots = sequences.ticker[rows[:, 0]]
            law[rows] = self._advance_network(sequences.features[rows], slots)
        return self._forecast(
            prices, sequences.to_grid(law), sequences.to_grid(sequences.volatility)
        )

    @torch.inference_mode()
    def advance(self, prices: Panel) -> Forecast:
        """Forecast further bars, usually one.

        Market features are the cross-section of the bars given: all tickers of a bar belong into
        one call.

        Args:
            prices: Bars newer than all before; tickers in any order, some left out, some new.

        Returns:
            The rows of these bars of the model's forecast from the whole history.

        Raises:
            DataError: Bars of another interval, not newer than all before, or without true prices;
                nothing has been taken in then.
        """
        self.model.require_interval(prices)
        known = len(self.features.tickers)
        grid, volatility = self.features.advance(prices)
        if newcomers := len(self.features.tickers) - known:
            self.state = _joined([self.state, self.model.network.initial_state(newcomers)])
        slots = self.features.slots(prices.tickers)
        complete = np.isfinite(grid).all(axis=2)
        cells = (*complete.shape, len(self.model.horizons))
        law = np.full((*cells, self._n_parameters), np.nan)
        for t, present in enumerate(complete):
            if present.any():
                bar = grid[t, present, None].astype(np.float32)
                law[t, present] = self._advance_network(bar, slots[present])[:, 0]
        return self._forecast(prices, law, volatility)

    def _advance_network(
        self, features: Float32[np.ndarray, "row bar feature"], slots: Int[np.ndarray, " row"]
    ) -> Float[np.ndarray, "row bar horizon parameter"]:
        """The packed law of the same bars of the tickers at `slots`, whose state moves on."""
        inputs, network = torch.from_numpy(features), self.model.network
        bar = torch.arange(inputs.shape[1]).expand(inputs.shape[:2])
        if np.array_equal(slots, np.arange(len(self.features.tickers))):
            law, self.state = network.advance(inputs, self.state, bar)
        else:
            rows = torch.from_numpy(slots)
            picked = {name: value[rows] for name, value in self.state.items()}
            law, moved = network.advance(inputs, picked, bar)
            for name, value in moved.items():
                self.state[name][rows] = value
        return pack(law).double().numpy()

    def _forecast(
        self,
        prices: Panel,
        law: Float[np.ndarray, "time ticker horizon parameter"],
        volatility: Float[np.ndarray, "time ticker"],
    ) -> Forecast:
        if prices.tickers != self._noted:
            self._noted, self._notes = prices.tickers, self.model.notes(prices.tickers)
        unit = volatility[:, :, None] * np.sqrt(self.model.horizons)
        return Forecast(
            name=self.model.name,
            times=prices.times,
            tickers=prices.tickers,
            horizons=self.model.horizons,
            price=prices.column("adj_close"),
            law=unpack(law, self._distribution).scaled(unit),
            notes=self._notes,
        )

    def save(self, path: str | Path) -> None:
        """Write all that is remembered into one file, whole or not at all.

        Raises:
            ModelFileError: The file cannot be written.
        """
        header = StreamHeader(
            **describe_origin(self.model).model_dump(),
            time=str(self.features.time),
            tickers=self.features.tickers,
            last_times=tuple(str(time) for time in self.features.last_times),
        )
        write_stream(Path(path), header, self._tensors())

    @classmethod
    def load(cls, model: NetworkForecaster, path: str | Path) -> "StreamingForecaster":
        """The stream that `save` wrote, ready for the next bar.

        Args:
            model: The model that it was saved with.
            path: The file.

        Raises:
            ModelFileError: The file is missing, damaged, of another version or of another model.
        """
        stream = cls(model)
        header, tensors = read_stream(Path(path), describe_origin(model), stream._tensors())
        stream.features.time = np.datetime64(header.time, "ns")
        stream.features.tickers = header.tickers
        stream.features.last_times = np.array(header.last_times, dtype="datetime64[ns]")
        for name, tensor in nested(tensors, "features").items():
            setattr(stream.features, name, tensor.numpy())
        stream.state = nested(tensors, "network")
        return stream

    def _tensors(self) -> State:
        """All that is remembered but the times, one row a ticker."""
        arrays = {name: getattr(self.features, name) for name in _FEATURE_ARRAYS}
        features = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return flat({"features": features, "network": self.state})


def _passes(sequences: Sequences, *, across: bool) -> Iterator[Int[np.ndarray, "ticker bar"]]:
    """The rows of the table that go through the network at once, in the order of time.

    One ticker's history after the other; or, `across` tickers, all that trade, for as long as the
    same ones do: a state can pass over a bar that a ticker does not have, but not over padding.
    """
    if not across:
        for k in range(len(sequences.panel.tickers)):
            rows = sequences.rows(k)
            if rows.start < rows.stop:
                yield np.arange(rows.start, rows.stop)[None]
        return
    grid = np.full(sequences.panel.mask.shape, -1)
    grid[sequences.origin, sequences.ticker] = np.arange(len(sequences.origin))
    trades = grid >= 0
    changes = np.flatnonzero((trades[1:] != trades[:-1]).any(axis=1)) + 1
    for market in np.split(grid, changes):
        present = market[0] >= 0
        if present.any():
            yield market[:, present].T


def _joined(states: list[State]) -> State:
    """The rows of several states, one after the other."""
    return {name: torch.cat([state[name] for state in states]) for name in states[0]}
