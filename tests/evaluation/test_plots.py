"""The figures draw what the evaluation says."""

import io

import numpy as np
import pytest
from evaluation.forecasters import Volatility
from matplotlib.image import imread

from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.log_har import LogHarT
from forecasting.evaluation.evaluate import evaluate
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.plots import calibration, gains_by_part, reliability
from forecasting.market.panel import Panel


@pytest.fixture(scope="module")
def result(prices: Panel) -> Evaluation:
    kinds = (EwmaT, LogHarT)
    return evaluate(Volatility("model", factor=0.5), prices, start="2011-08-01", baselines=kinds)


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
    model = Volatility("model", horizons=(1,))
    result = evaluate(model, prices, start="2011-10-03", baselines=(EwmaT,))
    for figure in (calibration(result), gains_by_part(result)):
        figure.draw_without_rendering()
        assert len(figure.axes) == 2


def test_gains_of_every_year_and_regime_are_drawn(result: Evaluation) -> None:
    figure = gains_by_part(result)
    figure.draw_without_rendering()
    assert [axis.get_title() for axis in figure.axes[:3]] == [
        "1 bar ahead",
        "5 bars ahead",
        "21 bars ahead",
    ]
    for axis, by in zip(figure.axes[::3], ("year", "volatility"), strict=True):
        rows = result.breakdown[result.breakdown["by"] == by].query("horizon == 1")
        drawn = [float(y) for bars in axis.containers for y in bars.lines[0].get_ydata()]
        np.testing.assert_allclose(drawn, rows["gain"])
        assert [label.get_text() for label in axis.get_xticklabels()] == list(
            rows["group"].unique()
        )


def test_reliability_draws_the_table(result: Evaluation) -> None:
    figure = reliability(result)
    figure.draw_without_rendering()
    for axis, horizon in zip(figure.axes, result.horizons, strict=True):
        rows = result.reliability[result.reliability["horizon"] == horizon]
        points, right, together = axis.get_lines()
        np.testing.assert_allclose(points.get_xdata().astype(float), 100 * rows["forecast"])
        np.testing.assert_allclose(points.get_ydata().astype(float), 100 * rows["frequency"])
        np.testing.assert_array_equal(right.get_xdata(), right.get_ydata())
        assert len(set(together.get_ydata())) == 1
