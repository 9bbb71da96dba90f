"""The fan chart draws, and what it draws at the horizons are the forecast's own price bands."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import COLUMNS, Panel


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def panel_of(forecast: Forecast) -> Panel:
    """Prices of the forecast's bars and two days more, which the chart must not show."""
    times = np.append(forecast.times, forecast.times[-1] + np.array([3, 4], dtype="timedelta64[D]"))
    values = np.full((len(times), 2, len(COLUMNS)), np.nan)
    values[:5, :, COLUMNS.index("adj_close")] = forecast.price
    values[5:, :, COLUMNS.index("adj_close")] = 1e6
    return Panel(times, forecast.tickers, values)


def test_draws_a_panel_for_every_ticker_with_a_forecast(forecast: Forecast) -> None:
    figure = forecast.plot(panel_of(forecast))
    figure.draw_without_rendering()
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title()[:3] for axis in shown] == ["AAA", "BBB"]
    assert "2020-01-10" in shown[0].get_title()
    assert "2020-01-08" in shown[1].get_title()


def test_bands_are_exact_at_the_horizons(forecast: Forecast) -> None:
    axis = forecast.plot(tickers=["AAA"]).axes[0]
    bands = [item for item in axis.collections if isinstance(item, PolyCollection)]
    assert len(bands) == 3
    expected = forecast.price_bands((0.025, 0.975))[4, 0]
    corners = bands[0].get_paths()[0].vertices
    for j, horizon in enumerate(forecast.horizons):
        drawn = corners[np.isclose(corners[:, 0], horizon), 1]
        np.testing.assert_allclose([drawn.min(), drawn.max()], expected[j], rtol=1e-9)


def test_history_ends_at_the_origin(forecast: Forecast) -> None:
    axis = forecast.plot(panel_of(forecast), tickers=["BBB"]).axes[0]
    x, y = axis.lines[0].get_data()
    np.testing.assert_array_equal(y, forecast.price[:3, 1])
    assert x[-1] == 0


def test_a_forecast_of_nothing_draws_an_empty_figure(forecast: Forecast) -> None:
    nothing = replace(forecast, law=forecast.law.map(lambda x: np.full_like(x, np.nan)))
    assert not nothing.plot().axes[0].lines
