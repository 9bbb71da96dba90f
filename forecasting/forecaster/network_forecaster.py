"""A trained network as a `Forecaster`: a whole history in one scan a ticker, or of all tickers."""

from pathlib import Path

import numpy as np
import torch

from forecasting.config import Recipe
from forecasting.errors import DataError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.model_folder import ModelFiles, find_model, read_folder, read_weights
from forecasting.market.features import GAP_FEATURE, feature_names
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.nn.network import ForecastNetwork


class NetworkForecaster:
    """A trained model: forecasts every bar of every ticker from that bar's past alone.

    Attributes:
        name: Name of the recipe.
        horizons: Bars ahead.
        folder: Where the model lies, None if it lies nowhere yet.
        files: Recipe, corpus manifest, metrics and card.
        network: The network, in evaluation mode.
    """

    def __init__(
        self, files: ModelFiles, network: ForecastNetwork, folder: Path | None = None
    ) -> None:
        self.files = files
        self.network = network.eval()
        self.folder = folder
        self.name = files.recipe.name
        self.horizons = files.recipe.data.horizons

    @property
    def corpus(self) -> Corpus:
        """What the model was trained on."""
        return self.files.corpus

    def forecast(self, prices: Panel) -> Forecast:
        """Forecast every complete bar of every ticker of a panel.

        Market features are the cross-section of the panel given: a panel of one ticker is its own
        market, which a model trained on many has not seen, and the forecast's notes say so.

        Raises:
            DataError: The panel lacks columns that the model was trained with, is of another
                interval, or a history is too short.
        """
        self.require_interval(prices)
        data = self.files.recipe.data
        sequences = make_sequences(
            prices,
            variant=self.corpus.features,
            horizons=data.horizons,
            decay=data.volatility_decay,
        )
        law = network_law(self.network, sequences)
        scale = sequences.return_scale()
        return Forecast(
            name=self.name,
            times=prices.times,
            tickers=prices.tickers,
            horizons=self.horizons,
            price=prices.column("adj_close"),
            loc=sequences.to_grid(law[..., 0] * scale),
            scale=sequences.to_grid(law[..., 1] * scale),
            df=sequences.to_grid(law[..., 2]),
            notes=self.notes(prices.tickers),
        )

    def require_interval(self, prices: Panel) -> None:
        """Refuse bars of another interval.

        Raises:
            DataError: They are.
        """
        if prices.interval != self.corpus.interval:
            raise DataError(
                f"{prices.source} has {prices.interval} bars: {self.name} was trained on "
                f"{self.corpus.interval} bars. Use prices of that interval, or train on these."
            )

    def notes(self, tickers: tuple[str, ...]) -> tuple[str, ...]:
        """What a reader of a forecast of these tickers has to know."""
        notes = []
        if len(tickers) < len(self.corpus.tickers) / 2:
            few = len(tickers)
            notes.append(
                f"Market features come from {few} ticker{'s' if few > 1 else ''}; {self.name} was "
                f"trained on {len(self.corpus.tickers)}."
            )
        strangers = sorted(t for t in tickers if not self.corpus.knows(t))
        if strangers:
            notes.append(
                f"{len(strangers)} of {len(tickers)} tickers were not in training "
                f"({', '.join(strangers[:5])}{' ...' if len(strangers) > 5 else ''})."
            )
        return tuple(notes)


def network_law(network: ForecastNetwork, sequences: Sequences) -> np.ndarray:
    """Location, scale and degrees of freedom of the scaled target, for each row and horizon.

    Returns:
        Array of shape (row, horizon, 3), float64.
    """
    if network.config.cross_asset != "none":
        return _market_law(network, sequences)
    law = np.empty((*sequences.targets.shape, 3))
    features = torch.from_numpy(sequences.features)
    with torch.inference_mode():
        for k in range(len(sequences.panel.tickers)):
            rows = sequences.rows(k)
            if rows.start < rows.stop:
                params, _ = network(features[rows].unsqueeze(0))
                law[rows] = torch.stack(tuple(params), dim=-1)[0].double().numpy()
    return law


def _market_law(network: ForecastNetwork, sequences: Sequences) -> np.ndarray:
    """The same of a network that looks across tickers: all of them at once, padded on the right."""
    histories = len(sequences.panel.tickers), int(np.diff(sequences.offsets).max())
    age = np.arange(len(sequences.origin)) - sequences.offsets[sequences.ticker]
    at = (sequences.ticker, age)
    features = np.zeros((*histories, sequences.features.shape[1]), np.float32)
    features[at] = sequences.features
    bar = np.full(histories, -1)
    bar[at] = sequences.origin
    with torch.inference_mode():
        params, _ = network(torch.from_numpy(features), torch.from_numpy(bar))
    return torch.stack(tuple(params), dim=-1).numpy()[at].astype(np.float64)


def build_network(recipe: Recipe, features: tuple[str, ...]) -> ForecastNetwork:
    """An untrained network of a recipe; its weights depend on torch's random state."""
    gap = features.index(GAP_FEATURE)
    return ForecastNetwork(recipe.network, len(features), len(recipe.data.horizons), gap)


def load_forecaster(name_or_folder: str | Path) -> NetworkForecaster:
    """Load a trained model by folder, or by name under `models/` or `runs/`.

    Raises:
        ModelFileError: The folder is missing, incomplete, damaged, of another shape, or was
            trained on features that are computed no more.
    """
    folder = find_model(name_or_folder)
    files = read_folder(folder)
    if files.corpus.feature_names != feature_names(files.corpus.features):
        raise ModelFileError(
            f"{folder} was trained on other features ({', '.join(files.corpus.feature_names)}): "
            f"expected those of this version's {files.corpus.features!r}. Train the model again."
        )
    with torch.random.fork_rng(devices=[]):
        network = build_network(files.recipe, files.corpus.feature_names)
    network.load_state_dict(read_weights(folder, network.state_dict()))
    return NetworkForecaster(files, network, folder)
