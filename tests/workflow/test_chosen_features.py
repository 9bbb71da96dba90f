"""A model of a few features is judged beside baselines that need others."""

from pathlib import Path

import pytest
from conftest import TINY

import forecasting as fc
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.market.panel import Panel
from forecasting.workflow import judging

FEW = ("data.features=[return_1, beta_66]", "training.max_steps=2", "training.validate_every=1")
NAMES = {kind.name for kind in BASELINES}


@pytest.fixture(scope="module")
def compared(prices: Panel, tmp_path_factory: pytest.TempPathFactory):
    """The comparison of one recipe with itself, one training."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = fc.compare(
            prices, ["jamba-tiny"], seeds=1, overrides=(*TINY, *FEW), out=home / "out"
        )
    return made, home / "out" / "jamba-tiny" / "seed-0"


def test_it_is_compared(compared: tuple) -> None:
    made, _ = compared
    assert set(made.gains["forecaster"]) == {"jamba-tiny", *NAMES}


def test_it_is_evaluated(compared: tuple, prices: Panel) -> None:
    folder: Path = compared[1]
    model = fc.load_model(folder)
    assert model.corpus.features == "return_1+log_volatility+log_gap+beta_66"
    assert set(judging.evaluate(model, prices, track=False).rivals) == NAMES
