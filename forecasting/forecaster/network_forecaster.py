"""A trained network as a `Forecaster`: a whole history in one scan a ticker, or of all tickers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from forecasting.config import Recipe
from forecasting.errors import DataError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.law import Law
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.laws import n_parameters, pack, unpack
from forecasting.forecaster.model_folder import ModelFiles, find_model, read_folder, read_weights
from forecasting.market.features import GAP_FEATURE, feature_names
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.nn.network import Answer, ForecastNetwork


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
        market, which a model trained on many has not seen, and the forecast's notes say so. Of a
        panel with a universe its members are the market, and only their bars are forecast.

        Raises:
            DataError: The panel lacks columns that the model was trained with, is of another
                interval, or a history is too short.
        """
        sequences = self._sequences(prices)
        law = network_law(self.network, sequences).scaled(sequences.return_scale())
        return Forecast(
            name=self.name,
            times=prices.times,
            tickers=prices.tickers,
            horizons=self.horizons,
            price=prices.column("adj_close"),
            law=law.map(sequences.to_grid),
            notes=self.notes(prices.tickers),
        )

    def task_scores(self, prices: Panel) -> dict[str, Float[np.ndarray, "time ticker horizon"]]:
        """What the model forecasts beside the return, of those that it was trained on.

        `rank`: score of the ticker's return among all tickers' at the same bar, in (-1, 1), higher
        is better. `range_volatility`: median forecast of the volatility of one bar over the next h,
        from ranges and overnight gaps, decimal. NaN where there is no forecast. A task whose
        targets the training prices lacked answers with its start: rank 0, today's volatility.

        Raises:
            DataError: As `forecast`.
        """
        sequences = self._sequences(prices)
        answers = task_answers(self.network, sequences)
        if "range_variance" in answers:
            ratio = np.exp(0.5 * answers.pop("range_variance"))
            answers["range_volatility"] = sequences.volatility[:, None] * ratio
        return {name: sequences.to_grid(values) for name, values in answers.items()}

    def _sequences(self, prices: Panel) -> Sequences:
        self.require_interval(prices)
        data = self.files.recipe.data
        return make_sequences(
            prices,
            variant=self.corpus.features,
            horizons=data.horizons,
            decay=data.volatility_decay,
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
            was = "was" if len(strangers) == 1 else "were"
            notes.append(
                f"{len(strangers)} of {len(tickers)} tickers {was} not in training "
                f"({', '.join(strangers[:5])}{' ...' if len(strangers) > 5 else ''})."
            )
        return tuple(notes)


def network_law(network: ForecastNetwork, sequences: Sequences) -> Law:
    """The law of the scaled target, for each row and horizon."""
    distribution = network.config.distribution
    packed = np.empty((*sequences.targets.shape, n_parameters(distribution)))
    for rows, at, answer in _answers(network, sequences):
        packed[rows] = pack(answer.law)[at].double().numpy()
    return unpack(packed, distribution)


def task_answers(
    network: ForecastNetwork, sequences: Sequences
) -> dict[str, Float[np.ndarray, "row horizon"]]:
    """What the heads of the network's tasks say of each row, in the units of their targets."""
    said = {str(task): np.empty(sequences.targets.shape) for task in network.config.tasks}
    for rows, at, answer in _answers(network, sequences):
        for task, values in answer.tasks.items():
            said[task][rows] = values[at].double().numpy()
    return said


# Where, in an answer, its rows lie.
Place = int | tuple[Tensor, Tensor]


def _answers(
    network: ForecastNetwork, sequences: Sequences
) -> Iterator[tuple[slice, Place, Answer]]:
    """The network's answers to all histories: to which rows, and where in the answer they lie.

    Ticker by ticker; by a network that looks across them all at once, padded on the right.
    """
    features = torch.from_numpy(sequences.features)
    if network.config.cross_asset != "none":
        tickers = torch.from_numpy(sequences.ticker)
        offsets = torch.from_numpy(sequences.offsets)
        at = (tickers, torch.arange(len(features)) - offsets[tickers])
        histories = (len(offsets) - 1, int(offsets.diff().max()))
        padded = features.new_zeros(*histories, features.shape[1])
        padded[at] = features
        bar = torch.full(histories, -1)
        bar[at] = torch.from_numpy(sequences.origin)
        with torch.inference_mode():
            answer = network.answer(padded, bar)
        yield slice(None), at, answer
        return
    for k in range(len(sequences.panel.tickers)):
        rows = sequences.rows(k)
        if rows.start < rows.stop:
            with torch.inference_mode():
                answer = network.answer(features[rows].unsqueeze(0))
            yield rows, 0, answer


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
