"""Small trainings: a recipe of nine steps, dropout on, and rows to fit it on."""

import pytest

from forecasting.config import Recipe, load_recipe
from forecasting.market.panel import Panel
from forecasting.training.train import Examples, prepare

SMALL = (
    "network.hidden_size=16",
    "network.intermediate_size=16",
    "network.mamba_d_state=4",
    "network.sliding_window=16",
    "network.dropout=0.3",
    "training.context_length=32",
    "training.batch_size=4",
    "training.learning_rate=0.01",
    "training.max_steps=9",
    "training.validate_every=3",
    "training.warmup_steps=2",
)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return load_recipe("jamba-tiny", SMALL)


@pytest.fixture(scope="session")
def examples(recipe: Recipe, close_only: Panel) -> Examples:
    return prepare(recipe, close_only)
