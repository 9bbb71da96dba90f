"""Prices made ready for training: features, targets, purged split, corpus manifest."""

from dataclasses import dataclass

import numpy as np

from forecasting.config import Recipe
from forecasting.errors import ConfigError
from forecasting.forecaster.corpus import Corpus, describe_corpus
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import Split, SplitDates, resolve_dates, split_rows
from forecasting.training.fit import starting_laws


@dataclass(frozen=True, eq=False)
class Examples:
    """Prices made ready for training."""

    sequences: Sequences
    split: Split
    dates: SplitDates
    corpus: Corpus


def prepare(recipe: Recipe, prices: Panel) -> Examples:
    """Features, targets, purged split and corpus manifest of a recipe on some prices.

    Raises:
        ConfigError: The windows are longer than any history.
        DataError: The prices are too short, or lack the columns of the recipe's features.
    """
    data = recipe.data
    dates = resolve_dates(prices, data.validation_start, data.test_start)
    sequences = make_sequences(
        prices, variant=data.features, horizons=data.horizons, decay=data.volatility_decay
    )
    split = split_rows(sequences, dates)
    longest = int(np.diff(sequences.offsets).max())
    if recipe.training.context_length > longest:
        raise ConfigError(
            f"training.context_length = {recipe.training.context_length}: the longest history of "
            f"{prices.source} has {longest} complete bars. Set at most that, or use more history."
        )
    starting_laws(sequences, split)  # refuses what cannot be fitted before anything is written
    return Examples(sequences, split, dates, describe_corpus(sequences, dates))
