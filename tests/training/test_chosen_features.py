"""A recipe that names its features: trained, written, read, streamed and trained on with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY
from market.features.panels import full_panel

from forecasting.errors import ConfigError, DataError
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.features import feature_names
from forecasting.market.panel import COLUMNS, Panel
from forecasting.training.train import train

CHOSEN = "[close, rank_reversal, momentum_63, beta_66, log_realized_range_5]"
TEXT = "close+log_realized_range_5+momentum_63+beta_66+rank_reversal"
SHORT = (*TINY, "training.max_steps=2", "training.validate_every=1")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return full_panel()


@pytest.fixture(scope="module")
def model(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> NetworkForecaster:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        overrides = (*SHORT, f"data.features={CHOSEN}")
        train(
            panel, "jamba-tiny", out=home / "model", overrides=overrides, progress=False, twin=False
        )
    return load_forecaster(home / "model")


def test_the_folder_names_them(model):
    assert model.files.recipe.data.features == model.corpus.features == TEXT
    assert model.corpus.feature_names == feature_names(TEXT)


def test_it_streams_as_it_forecasts(model, panel, tmp_path):
    expected = model.forecast(panel)
    stream = StreamingForecaster(model)
    stream.start(replace(panel, times=panel.times[:400], values=panel.values[:400]))
    stream.save(tmp_path / "stream")
    stream = StreamingForecaster.load(model, tmp_path / "stream")
    found = stream.advance(replace(panel, times=panel.times[400:], values=panel.values[400:]))
    for name in ("loc", "scale", "df"):
        np.testing.assert_allclose(
            getattr(found.law, name), getattr(expected.law, name)[400:], rtol=1e-4, atol=1e-6
        )


def start_from(model: NetworkForecaster, panel: Panel, out: Path, *overrides: str) -> None:
    train(
        panel,
        from_model=model.folder,
        out=out,
        overrides=(*SHORT, *overrides),
        progress=False,
        twin=False,
    )


def test_another_training_starts_from_the_same_ones_in_any_order(model, panel, tmp_path):
    turned = "data.features=[beta_66, momentum_63, rank_reversal, log_realized_range_5, close]"
    start_from(model, panel, tmp_path / "next", turned)
    assert load_forecaster(tmp_path / "next").corpus.features == TEXT


def test_other_features_do_not_fit_its_weights(model, panel, tmp_path):
    with pytest.raises(
        ConfigError, match=r"data.features = close\+beta_66: jamba-tiny has close\+"
    ):
        start_from(model, panel, tmp_path / "next", "data.features=close+beta_66")


def test_prices_without_a_column_of_theirs_are_refused(model, panel, tmp_path):
    values = panel.values.copy()
    values[:, 0, COLUMNS.index("realized_range")] = np.nan
    with pytest.raises(DataError, match="lacks realized_range of some ticker"):
        start_from(model, replace(panel, values=values), tmp_path / "next")


def test_an_unknown_feature_is_refused_before_anything_is_written(panel, tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'momentum_63'"):
        train(
            panel,
            "jamba-tiny",
            out=tmp_path / "model",
            overrides=(*SHORT, "data.features=[close, momentum_36]"),
            progress=False,
        )
    assert not (tmp_path / "model").exists()
