"""The calibration figure draws what the evaluation says."""

import io

import numpy as np
import pytest
from evaluation.forecasters import Volatility
from matplotlib.image import imread

from forecasting.evaluation.evaluate import evaluate
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.plots import calibration
from forecasting.market.panel import Panel


@pytest.fixture(scope="module")
def result(prices: Panel) -> Evaluation:
    return evaluate(Volatility("model", factor=0.5), prices, start="2011-10-03")


def test_figure_shows_histogram_and_coverage_of_every_horizon(result: Evaluation) -> None:
    figure = calibration(result)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:3] == ["1 bar ahead", "5 bars ahead", "21 bars ahead"]
    bars = figure.axes[0].patches
    share = result.pit.query("horizon == 1")["share"].to_numpy()
    np.testing.assert_allclose([1 + bar.get_height() for bar in bars], 20 * share)
    points = figure.axes[3].lines[0].get_ydata()
    model = result.scores.query("forecaster == 'model' and horizon == 1").iloc[0]
    assert points[0] == pytest.approx(100 * (model["cover50"] - 0.5))


def test_figure_is_900_pixels_wide(result: Evaluation) -> None:
    buffer = io.BytesIO()
    calibration(result).savefig(buffer, format="png")
    buffer.seek(0)
    assert imread(buffer).shape[1] == 900


def test_a_single_horizon_draws(prices: Panel) -> None:
    result = evaluate(Volatility("model", horizons=(1,)), prices, start="2011-10-03")
    figure = calibration(result)
    figure.draw_without_rendering()
    assert len(figure.axes) == 2
