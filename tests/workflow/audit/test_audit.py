"""The audit of a trained model: an honest one passes, and each planted leak is named."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.audit.audit import Audit
from forecasting.evaluation.audit.finding import Outcome
from forecasting.forecaster.audit_stamp import AUDIT, read_stamp
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.panel import Panel
from forecasting.workflow.audit import answers, stages
from forecasting.workflow.audit.audit import SLOW, TESTS, audit
from forecasting.workflow.audit.statistics import Statistics
from forecasting.workflow.audit.structure import Structure

QUICK = tuple(test for test in TESTS if test not in SLOW)


@pytest.fixture
def model(model_folder: Path, tmp_path: Path) -> NetworkForecaster:
    """The tiny model in a folder of its own, its head widened so that no two tickers tie."""
    shutil.copytree(model_folder, tmp_path / "model")
    model = load_forecaster(tmp_path / "model")
    torch.manual_seed(0)
    with torch.no_grad():
        model.network.head.proj.weight.normal_(std=0.1)
    return model


def failed(findings) -> list[tuple[str, str]]:
    return [(each.test, each.stage) for each in findings if each.outcome is Outcome.FAILED]


def test_an_honest_model_fails_nowhere_and_is_stamped(model, prices):
    said: list[tuple[str, int, int]] = []
    made = audit(
        model,
        prices,
        strategy="long_short",
        tests=QUICK,
        track=False,
        progress=lambda *args: said.append(args),
    )
    assert failed(made.findings) == []
    assert made.outcome is Outcome.NOT_RUN
    assert set(made.missing) >= set(SLOW)
    stages = [each.stage for each in made.findings if each.test == "future perturbation"]
    assert stages[:6] == [
        *("source", "features", "market features", "scalers", "windows", "network"),
    ]
    assert {"calibration", "test filter", "carried state"} <= set(stages)
    assert [words for words, _, _ in said] == [*QUICK, "done"]
    assert model.folder is not None
    assert read_stamp(model.folder) == made.headline
    assert (model.folder / "audit.md").read_text().startswith(f"# {made.headline}\n")
    assert Audit.from_dict(made.to_dict()) == made


@pytest.mark.slow
def test_the_whole_audit_passes_and_is_tracked(model_folder, tmp_path, prices):
    shutil.copytree(model_folder, tmp_path / "model")
    made = audit(load_forecaster(tmp_path / "model"), prices)
    assert failed(made.findings) == []
    assert not set(SLOW) & set(made.missing)
    assert (tmp_path / "model" / AUDIT).is_file()


def test_a_scaler_of_the_whole_sample_is_named(model, prices):
    model.network.feature_mean += 0.05
    fold, scalers = Statistics(model, prices).fold_audit()
    assert fold.outcome is Outcome.PASSED
    assert (scalers.stage, scalers.outcome) == ("scalers", Outcome.FAILED)
    assert "fitted on other bars" in scalers.measured


def test_other_prices_are_not_taken_for_those_of_the_training(model, prices):
    values = prices.values.copy()
    values[100, 0] *= 1.01
    statistics = Statistics(model, replace(prices, values=values))
    _, scalers = statistics.fold_audit()
    assert scalers.outcome is Outcome.NOT_RUN
    [vintage] = statistics.vintages()
    assert vintage.outcome is Outcome.FAILED


def whole_sample_features(compute):
    def leaky(panel: Panel, variant: str, decay: float):
        features, volatility = compute(panel, variant, decay)
        return features - np.nanmean(features, axis=0), volatility

    return leaky


def test_features_that_look_ahead_are_named(model, prices, monkeypatch):
    monkeypatch.setattr(stages, "compute_features", whole_sample_features(stages.compute_features))
    structure = Structure(model, prices, "long_short")
    assert failed(structure.future_perturbation()) == [("future perturbation", "features")]
    assert failed(structure.truncation()) == [("truncation equivalence", "features")]


def test_a_network_that_looks_ahead_is_named(model, prices, monkeypatch):
    forecast = NetworkForecaster.forecast

    def leaky(self, panel):
        made = forecast(self, panel)
        return replace(made, law=made.law.map(lambda values: np.roll(values, -1, axis=0)))

    monkeypatch.setattr(NetworkForecaster, "forecast", leaky)
    assert failed(Structure(model, prices, "long_short").future_perturbation()) == [
        ("future perturbation", "network")
    ]


def test_a_memory_that_is_not_the_history_is_named(model, prices, monkeypatch):
    advance = StreamingForecaster.advance

    def forgetful(self, panel):
        made = advance(self, panel)
        self.state = {name: torch.zeros_like(value) for name, value in self.state.items()}
        return made

    monkeypatch.setattr(StreamingForecaster, "advance", forgetful)
    assert failed(Structure(model, prices, "long_short").truncation()) == [
        ("truncation equivalence", "carried state")
    ]


def test_a_test_filter_that_reads_outcomes_is_named(model, prices, monkeypatch):
    common = answers.common_cells

    def leaky(span, forecasts):
        cells, notes = common(span, forecasts)
        calm = [np.abs(part.returns) < 0.02 for part in cells]
        return [
            SimpleNamespace(date=part.date[keep], ticker=part.ticker[keep])
            for part, keep in zip(cells, calm, strict=True)
        ], notes

    monkeypatch.setattr(answers, "common_cells", leaky)
    assert failed(Structure(model, prices, "long_short").future_perturbation()) == [
        ("future perturbation", "test filter")
    ]


def test_a_strategy_that_peeks_is_named(model, prices, tmp_path):
    path = tmp_path / "peek.py"
    path.write_text(
        "import numpy as np\n"
        "def weights(forecast):\n"
        "    return np.sign(np.roll(np.nan_to_num(forecast.mean[:, :, 0]), -1, axis=0))\n"
    )
    [finding] = Structure(model, prices, str(path)).future_perturbation()
    assert finding.stage == f"strategy orders ({path})"
    assert "looks ahead" in finding.measured


@pytest.mark.parametrize("rows", [slice(450, None), slice(None, 400), slice(350, None)])
def test_prices_on_one_side_of_the_test_span_only(model, prices, rows):
    with pytest.raises(DataError, match="where the test span of jamba-tiny begins"):
        audit(model, prices.at(rows), track=False)


def test_wrong_arguments(model, prices):
    with pytest.raises(ConfigError, match="no strategy"):
        audit(model, prices, strategy="long_shot", track=False)
    with pytest.raises(ValueError, match="no leak test"):
        audit(model, prices, tests=("magic",), track=False)
