"""Small trainings: a recipe of nine steps, dropout on, and a market on which it improves.

The market is too short for echoes: most of their training rows have none.
"""

import shutil
import warnings
from pathlib import Path

import pytest

from forecasting.config import Recipe, load_recipe
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.training.examples import Examples, prepare
from forecasting.training.train import train

SMALL = (
    "data.features=ohlcv",
    "network.hidden_size=16",
    "network.intermediate_size=16",
    "network.mamba_d_state=4",
    "network.sliding_window=16",
    "network.dropout=0.3",
    "training.context_length=32",
    "training.batch_size=4",
    "training.learning_rate=0.003",
    "training.max_steps=9",
    "training.validate_every=3",
    "training.warmup_steps=2",
)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return load_recipe("jamba-tiny", SMALL)


@pytest.fixture(scope="session")
def market() -> Panel:
    return simulate("volatility", n_tickers=4, n_bars=700)


@pytest.fixture(scope="session")
def examples(recipe: Recipe, market: Panel) -> Examples:
    return prepare(recipe, market)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs; to make one takes MLflow seconds, to copy it nothing."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about MLflow's own insides
        mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of the embedded store of this test's own home."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "runs").mkdir()
    shutil.copy(empty_store, tmp_path / "runs" / "mlflow.db")
    return f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"


@pytest.fixture(scope="session")
def trained(
    recipe: Recipe, market: Panel, empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a training with its twin that nobody interrupted; do not change it."""
    home = tmp_path_factory.mktemp("home")
    (home / "runs").mkdir()
    shutil.copy(empty_store, home / "runs" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train(market, recipe, out=home / "model", progress=False)
    return home / "model"
