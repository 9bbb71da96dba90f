"""A network of neuralforecast as a baseline; skipped without the extra `peers`."""

import importlib.util
import logging
from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.workflow.peers import NeuralForecastAdapter

TEST_START, NOW = 450, 520
INSTALLED = importlib.util.find_spec("neuralforecast") is not None


class TinyMlp(NeuralForecastAdapter):
    name = "MLP-t"
    input_size = 32
    options = {"max_steps": 5, "hidden_size": 8, "num_layers": 1}  # noqa: RUF012


@pytest.fixture(scope="module")
def fitted(prices: Panel) -> TinyMlp:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    sequences = make_sequences(prices, horizons=(1, 5))
    return TinyMlp.fit(sequences, sequences.last_label < TEST_START)


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="neuralforecast is not installed")
class TestTrained:
    def test_is_a_forecaster_of_every_bar_after_its_training(
        self, fitted: TinyMlp, prices: Panel
    ) -> None:
        forecast = fitted.forecast(prices)
        assert isinstance(fitted, Forecaster)
        assert not forecast.mask[:TEST_START].any()
        np.testing.assert_array_equal(forecast.mask[TEST_START:], prices.mask[TEST_START:])
        assert (forecast.law.scale[forecast.mask] > 0).all()
        assert (forecast.law.df[forecast.mask] > 2).all()

    def test_the_past_stays_whatever_comes(self, fitted: TinyMlp, prices: Panel) -> None:
        values = prices.values.copy()
        values[NOW + 1 :] *= 1.7
        before = fitted.forecast(prices)
        for changed, tolerance in (
            (replace(prices, values=values), 0),
            (prices.at(slice(0, NOW + 1)), 1e-5),
        ):
            now = fitted.forecast(changed)
            for name in ("loc", "scale", "df"):
                np.testing.assert_allclose(
                    getattr(now.law, name)[: NOW + 1],
                    getattr(before.law, name)[: NOW + 1],
                    rtol=tolerance,
                )

    def test_an_unknown_model_is_refused(self, prices: Panel) -> None:
        class Unknown(TinyMlp):
            model = "Oracle9"

        sequences = make_sequences(prices, horizons=(1,))
        with pytest.raises(ConfigError, match="no model 'Oracle9'"):
            Unknown.fit(sequences, sequences.last_label < TEST_START)


@pytest.mark.skipif(INSTALLED, reason="neuralforecast is installed")
def test_without_the_package_it_says_so(prices: Panel) -> None:
    sequences = make_sequences(prices, horizons=(1,))
    with pytest.raises(ConfigError, match=r"expected the package neuralforecast\..*\[peers\]"):
        TinyMlp.fit(sequences, sequences.last_label < TEST_START)


def test_too_few_rows_are_an_error_with_a_way_out(prices: Panel) -> None:
    sequences = make_sequences(prices, horizons=(1,))
    with pytest.raises(DataError, match="no ticker has 35 rows to train MLP-t on"):
        TinyMlp.fit(sequences, sequences.last_label < 90)
