"""The figures draw what the tables say, with units, and all of them are 900 pixels wide or less."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from forecasting.forecaster.inside import plots
from forecasting.forecaster.inside.attention_map import AttentionMap, attention_map
from forecasting.forecaster.inside.look_inside import Inside, look_inside
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster


@pytest.fixture(scope="module")
def model(model_folder) -> NetworkForecaster:
    return load_forecaster(model_folder)


@pytest.fixture(scope="module")
def seen(model, prices) -> Inside:
    return look_inside(model, prices)


@pytest.fixture(scope="module")
def shown(model, prices) -> AttentionMap:
    return attention_map(model, prices, "AAA", bars=40)


@pytest.fixture(scope="module")
def figures(seen, shown) -> dict[str, Figure]:
    return {
        "memory": plots.memory_figure(seen.memory),
        "selectivity": plots.selectivity_figure(seen.selectivity),
        "experts": plots.experts_figure(seen.experts),
        "attention": plots.attention_figure(seen.attention),
        "map": plots.map_figure(shown),
    }


@pytest.mark.parametrize("name", ["memory", "selectivity", "experts", "attention", "map"])
def test_every_axis_says_what_it_shows(figures, name):
    figure = figures[name]
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] * figure.dpi <= 900
    assert figure.axes[0].get_ylabel()
    # Time needs no name.
    named = [axis.get_xlabel() or axis.get_title() or axis.get_ylabel() for axis in figure.axes]
    assert all(named)


def test_memory_ends_at_all_of_the_weight(figures, seen):
    lines = figures["memory"].axes[0].lines
    assert [line.get_label() for line in lines] == ["layer 0", "layer 2"]
    np.testing.assert_allclose([line.get_ydata()[-1] for line in lines], 100)
    first = seen.memory.states.query("layer == 0")["half_life"]
    assert lines[0].get_xdata()[-1] == first.max()


def test_steps_are_those_of_the_table(figures, seen):
    table = seen.selectivity.table.query("by == 'move' and layer == 2")
    drawn = figures["selectivity"].axes[0].containers[1].lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, table["step"])


def test_bars_of_a_regime_add_up(figures, seen):
    axis = figures["experts"].axes[0]
    for bars in axis.containers:
        assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
    assert len(axis.containers) == (seen.experts.loads["dates"] > 0).sum()


def test_the_map_is_white_where_nothing_can_be_seen(figures, shown):
    (image,) = figures["map"].axes[0].images
    drawn = image.get_array().filled(np.nan)
    lag = np.subtract.outer(np.arange(40), np.arange(40))
    np.testing.assert_array_equal(np.isfinite(drawn), (lag >= 0) & (lag < 16))
    assert drawn[39, 39] == pytest.approx(shown.weights[39, 39] * 16)


def test_megalodon_has_no_memory_over_time(seen):
    steady = plots.memory_figure(type(seen.memory)(seen.memory.states, seen.memory.over_time[[]]))
    steady.draw_without_rendering()
    assert len(steady.axes) == 1
