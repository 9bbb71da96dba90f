"""A model's recipe trained again on a simulated market: smaller, shorter, otherwise the same."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from forecasting.config import Recipe
from forecasting.forecaster.model_folder import ModelFiles
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import feature_set
from forecasting.market.panel import Panel
from forecasting.training.distillation import fit_recipe
from forecasting.training.examples import prepare

VALIDATION_START, TEST_START = 0.4, 0.5
"""Shares of a simulated market's bars."""
_CONTEXT, _BATCH, _VALIDATE = 128, 8, 20


@dataclass(frozen=True)
class Retraining:
    """Trains a model's recipe on other prices, with fewer and shorter windows.

    Attributes:
        model: Whose recipe and features it is.
        steps: Optimiser steps.
    """

    model: NetworkForecaster
    steps: int

    def __call__(self, market: Panel, seed: int) -> NetworkForecaster:
        """Train on the bars before the share `TEST_START` of a market."""
        recipe = self.recipe(market, seed)
        examples = prepare(recipe, market)
        with TemporaryDirectory() as place:
            fitted = fit_recipe(
                recipe,
                examples.sequences,
                examples.split,
                checkpoints=Path(place),
                progress=False,
            )
        return NetworkForecaster(ModelFiles(recipe, examples.corpus, {}, ""), fitted.network.cpu())

    def recipe(self, market: Panel, seed: int) -> Recipe:
        """The recipe to train with."""
        own = self.model.files.recipe
        taught = own.training.distillation
        one_teacher = taught and taught.model_copy(update={"teachers": 1})
        training = own.training.model_copy(
            update={
                "context_length": min(own.training.context_length, _CONTEXT),
                "batch_size": min(own.training.batch_size, _BATCH),
                "max_steps": self.steps,
                "validate_every": _VALIDATE,
                "warmup_steps": self.steps // 6,
                "seed": seed,
                "distillation": one_teacher,
            }
        )
        data = own.data.model_copy(
            update={
                "features": self.features(market),
                "holdout": None,
                "validation_start": VALIDATION_START,
                "test_start": TEST_START,
            }
        )
        return own.model_copy(update={"data": data, "training": training})

    def features(self, market: Panel) -> str:
        """Those of the model that the market has the columns for."""
        chosen = feature_set(self.model.corpus.features)
        able = [name for name in chosen.names if not feature_set(name).missing(market)]
        return feature_set("+".join(able)).text
