"""Chronos as a baseline: its refusals, and with the extra `peers` a tiny model."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import ConfigError
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.workflow.peers import ChronosAdapter

TEST_START, NOW = 450, 520
INSTALLED = importlib.util.find_spec("chronos") is not None


@pytest.mark.skipif(INSTALLED, reason="chronos is installed")
def test_without_the_package_it_says_so(prices: Panel) -> None:
    sequences = make_sequences(prices)
    with pytest.raises(ConfigError, match=r"expected the package chronos-forecasting\..*\[peers\]"):
        ChronosAdapter.fit(sequences, sequences.last_label < TEST_START)


@pytest.mark.parametrize("folder", ["", "amazon/chronos-bolt-small", "s3://weights/chronos"])
def test_only_a_local_folder_with_weights_is_read(
    folder: str, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "forecasting.workflow.peers.chronos_adapter.require_package", lambda *names: None
    )
    monkeypatch.setattr(ChronosAdapter, "folder", folder)
    sequences = make_sequences(prices)
    with pytest.raises(ConfigError, match=r"there is no Chronos model in .* nothing is down"):
        ChronosAdapter.fit(sequences, sequences.last_label < TEST_START)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, prices: Panel) -> ChronosAdapter:
    import torch
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    sizes = {"d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    patches = {"context_length": 64, "prediction_length": 64, "use_reg_token": True}
    patches |= {"input_patch_size": 16, "input_patch_stride": 16}
    patches["quantiles"] = [level / 10 for level in range(1, 10)]
    torch.manual_seed(0)
    config = T5Config(
        **sizes,
        vocab_size=2,
        pad_token_id=0,
        decoder_start_token_id=0,
        chronos_pipeline_class="ChronosBoltPipeline",
        chronos_config=patches,
        architectures=["ChronosBoltModelForForecasting"],
    )
    weights = tmp_path_factory.mktemp("chronos")
    ChronosBoltModelForForecasting(config).save_pretrained(weights)

    class Tiny(ChronosAdapter):
        name = "tiny-t"
        folder: str | Path = weights
        context = 64

    sequences = make_sequences(prices)
    return Tiny.fit(sequences, sequences.last_label < TEST_START)


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="chronos is not installed")
class TestTiny:
    def test_it_answers_after_its_calibration(self, tiny: ChronosAdapter, prices: Panel) -> None:
        forecast = tiny.forecast(prices)
        assert not forecast.mask[:TEST_START].any()
        np.testing.assert_array_equal(forecast.mask[TEST_START:], prices.mask[TEST_START:])
        assert (forecast.law.scale[forecast.mask] > 0).all()

    def test_the_past_stays_whatever_comes(self, tiny: ChronosAdapter, prices: Panel) -> None:
        values = prices.values.copy()
        values[NOW + 1 :] *= 1.7
        before = tiny.forecast(prices)
        for changed in (replace(prices, values=values), prices.at(slice(0, NOW + 1))):
            now = tiny.forecast(changed)
            for name in ("loc", "scale", "df"):
                np.testing.assert_allclose(
                    getattr(now.law, name)[: NOW + 1],
                    getattr(before.law, name)[: NOW + 1],
                    rtol=1e-5,
                )
