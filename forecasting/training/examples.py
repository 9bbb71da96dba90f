"""What a training starts from: prices made ready, and perhaps a model whose weights learn on.

A pre-trained model keeps its units: the features and their normalisation, the usual gap, the
horizons, the decay of the volatility and the law (EWMA-t) that its head departs from. Its weights
were learnt in them, and so the forecasts before the first step are its own (zero-shot); what is
new in a market, its level of volatility included, is for the weights to learn. The baseline that
the scores are compared with is always EWMA-t fitted on the new training rows.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np

from forecasting.config import NetworkConfig, Recipe, load_recipe
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.fit import StudentTFit, fit_student_t
from forecasting.forecaster.corpus import Corpus, Parent, describe_corpus
from forecasting.forecaster.model_folder import RECIPE, weights_hash
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.features import feature_set
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import Split, SplitDates, resolve_dates, split_rows
from forecasting.nn.adapters import Tune, prepare_tuning
from forecasting.nn.network import ForecastNetwork
from forecasting.training.default_recipe import DEFAULT_RECIPE, gentler

_TUNED = "-tuned"
# Rows below which a Student-t fit says nothing.
_LEAST_ROWS = 30


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model to start from, and what of it learns on."""

    model: NetworkForecaster
    tune: Tune

    @cached_property
    def lineage(self) -> tuple[Parent, ...]:
        """The model and those that it started from itself, the oldest first."""
        corpus, weights = self.model.corpus, weights_hash(self.model.network.state_dict())
        own = corpus.as_parent(self.model.name, weights, self.tune)
        return (*corpus.parents, own)

    def network(self, rank: int) -> ForecastNetwork:
        """A copy of the model's network that is ready to learn on."""
        network = deepcopy(self.model.network)
        prepare_tuning(network, self.tune, rank)
        return network

    def require_same_shape(self, recipe: Recipe) -> None:
        """Refuse a recipe under which the weights would mean something else.

        Raises:
            ConfigError: Names the setting, and both values.
        """
        settings = [("network", key) for key in NetworkConfig.model_fields]
        settings += [("data", "horizons"), ("data", "volatility_decay")]
        for section, key in settings:
            asked, given = (
                getattr(getattr(each, section), key) for each in (recipe, self.model.files.recipe)
            )
            if asked != given:
                raise ConfigError(
                    f"{section}.{key} = {asked}: {self.model.name} has {given}, and its weights "
                    "fit no other. Leave it out to start from that model, or train without --from."
                )

    def variant(self, recipe: Recipe, prices: Panel) -> str:
        """The model's features, if recipe and prices allow them.

        Raises:
            ConfigError: The recipe names other features.
            DataError: The prices lack columns of them, or have another interval.
        """
        corpus, name = self.model.corpus, self.model.name
        asked = recipe.data.features
        if asked != "auto" and feature_set(asked).text != corpus.features:
            raise ConfigError(
                f"data.features = {asked}: {name} has {corpus.features}, and its "
                "weights fit no other. Set data.features=auto to start from that model."
            )
        if prices.interval != corpus.interval:
            raise DataError(
                f"{prices.source} has {prices.interval} bars: {name} was trained on "
                f"{corpus.interval} bars. Use prices of that interval, or train without --from."
            )
        if missing := feature_set(corpus.features).missing(prices):
            raise DataError(
                f"{prices.source} lacks {', '.join(missing)} of some ticker: {name} was trained on "
                f"features {corpus.features!r}, which need it. Use a source with these columns, or "
                "start from a model with fewer features."
            )
        return corpus.features


def start_from(from_model: str | Path | None, tune: Tune) -> Pretrained | None:
    """The model to start from, if one is asked for.

    Raises:
        ConfigError: `tune` without a model.
        ModelFileError: The model is missing or damaged.
        ValueError: No such way to tune.
    """
    if tune not in get_args(Tune):
        raise ValueError(f"tune {tune!r}: expected one of {', '.join(get_args(Tune))}")
    if from_model is not None:
        return Pretrained(load_forecaster(from_model), tune)
    if tune != "all":
        raise ConfigError(
            f"tune {tune}: expected a trained model whose weights learn on. Name it by --from, or "
            "leave --tune out."
        )
    return None


def choose_recipe(
    recipe: str | Path | Recipe | None, overrides: tuple[str, ...], start: Pretrained | None
) -> Recipe:
    """The recipe asked for, else that of the model to start from, else the default.

    A model's own recipe gets a new name and learns more gently, unless overrides say otherwise.

    Raises:
        ConfigError: The recipe is not valid.
        ValueError: Overrides of a recipe that is not read from a file.
    """
    if isinstance(recipe, Recipe):
        if overrides:
            raise ValueError("overrides change a recipe that is read by name or from a file")
        return recipe
    if recipe is not None or start is None:
        return load_recipe(recipe or DEFAULT_RECIPE, overrides)
    assert start.model.folder is not None
    name = start.model.name.removesuffix(_TUNED)[: 40 - len(_TUNED)] + _TUNED
    gentle = gentler(start.model.files.recipe)
    return load_recipe(start.model.folder / RECIPE, (f"name={name}", *gentle, *overrides))


@dataclass(frozen=True, eq=False)
class Examples:
    """Prices made ready for training.

    Attributes:
        sequences: Features and targets.
        split: Purged rows of training, validation and test.
        dates: Where validation and test begin.
        corpus: The manifest of the model to be, its parents included.
    """

    sequences: Sequences
    split: Split
    dates: SplitDates
    corpus: Corpus

    @property
    def untaught(self) -> tuple[str, ...]:
        """Tasks that none of the training rows has a target of: nothing can be learnt of them."""
        rows = self.split.train
        tasks = self.sequences.tasks.items()
        return tuple(task for task, values in tasks if np.isnan(values[rows]).all())

    def without_parents(self) -> "Examples":
        """The same for a model that starts from nothing."""
        return replace(self, corpus=describe_corpus(self.sequences, self.dates))


def prepare(recipe: Recipe, prices: Panel, start: Pretrained | None = None) -> Examples:
    """Features, targets, purged split and corpus manifest of a recipe on some prices.

    Args:
        recipe: Its data section decides.
        prices: Panel.
        start: Model to start from; its units are kept.

    Raises:
        ConfigError: The windows are longer than any history, or do not fit the model.
        DataError: The prices are too short, or lack the columns of the features.
    """
    data = recipe.data
    if start is not None:
        start.require_same_shape(recipe)
        _require_no_teachers(recipe)
    variant = data.features if start is None else start.variant(recipe, prices)
    dates = resolve_dates(prices, data.validation_start, data.test_start)
    sequences = make_sequences(
        prices,
        variant=variant,
        horizons=data.horizons,
        decay=data.volatility_decay,
        tasks=recipe.network.tasks,
    )
    split = split_rows(sequences, dates)
    longest = int(np.diff(sequences.offsets).max())
    if recipe.training.context_length > longest:
        raise ConfigError(
            f"training.context_length = {recipe.training.context_length}: the longest history of "
            f"{prices.source} has {longest} complete bars. Set at most that, or use more history."
        )
    starting_laws(sequences, split)  # refuses what cannot be fitted before anything is written
    parents = () if start is None else start.lineage
    return Examples(sequences, split, dates, describe_corpus(sequences, dates, parents))


def _require_no_teachers(recipe: Recipe) -> None:
    if recipe.training.distillation is not None:
        raise ConfigError(
            "training.distillation teaches a network from its start: a model of --from has learnt "
            "already. Set training.distillation=null, or train without --from."
        )


def starting_laws(sequences: Sequences, split: Split) -> list[StudentTFit]:
    """The law of the scaled targets of the training rows, one a horizon: EWMA-t.

    Raises:
        DataError: Too few training rows, or returns that are mostly zero.
    """
    targets = sequences.targets[split.train]
    if len(targets) < _LEAST_ROWS:
        raise DataError(
            f"{len(targets)} training rows are left: expected at least {_LEAST_ROWS}. Use a longer "
            "history, or move data.validation_start."
        )
    return [fit_student_t(z) for z in targets.T]
