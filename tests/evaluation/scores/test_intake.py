"""What cannot be scored is refused, by name, ticker and bar."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.evaluation.scores.cells import common_cells
from forecasting.evaluation.scores.variance_proxy import variance_proxy
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel

HORIZONS = (1, 5)


def forecast_of(panel: Panel, name: str = "model", **parameters: float) -> Forecast:
    """Zero location, scale 0.02, five degrees of freedom; single numbers at one cell on request."""
    shape = (*panel.mask.shape, len(HORIZONS))
    values = {"loc": np.zeros(shape), "scale": np.full(shape, 0.02), "df": np.full(shape, 5.0)}
    for key, value in parameters.items():
        values[key][40, 1, 1] = value
    price = panel.column("adj_close")
    return Forecast(name, panel.times, panel.tickers, HORIZONS, price, StudentT(**values))


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("scale", 0.0, "scale 0 .* expected a positive scale"),
        ("scale", -0.01, "scale -0.01 .* expected a positive scale"),
        ("scale", np.inf, "scale inf .* expected finite numbers"),
        ("loc", -np.inf, "loc -inf .* expected finite numbers"),
        ("df", 1.0, "df 1 .* above 1"),
    ],
)
def test_what_is_no_law_is_refused(prices: Panel, parameter: str, value: float, said: str) -> None:
    bad = forecast_of(prices, "broken", **{parameter: value})
    with pytest.raises(DataError, match=rf"broken gives BBB a law with {said}") as refusal:
        common_cells(prices, [forecast_of(prices), bad])
    assert str(prices.times[40])[:10] in str(refusal.value)
    assert "5 bars ahead" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_infinite_quantile_is_refused(prices: Panel) -> None:
    model = forecast_of(prices)
    values = np.tile(0.02 * np.sinh(5 * (LEVELS - 0.5)), (*model.law.shape, 1))
    values[40, 1, 1, -1] = np.inf
    law = QuantileLaw(values, np.full(model.law.shape, 5.0))
    with pytest.raises(DataError, match="model gives BBB a law with values inf"):
        common_cells(prices, [replace(model, law=law)])


@pytest.mark.parametrize("horizons", [slice(None), slice(1, 2)])
def test_a_forecaster_that_says_nothing_is_refused(prices: Panel, horizons: slice) -> None:
    silent = forecast_of(prices, "silent")
    silent.law.scale[:, :, horizons] = np.nan
    ahead = HORIZONS[horizons][0]
    with pytest.raises(DataError, match=f"silent has no forecast at all {ahead} bars ahead"):
        common_cells(prices, [forecast_of(prices), silent])


def test_other_bars_are_refused(prices: Panel) -> None:
    other = forecast_of(prices, "other")
    shifted = replace(other, times=other.times + np.timedelta64(1, "D"))
    with pytest.raises(
        DataError, match=r"other forecasts 600 bars .* first difference is at bar 1"
    ):
        common_cells(prices, [forecast_of(prices), shifted])
    with pytest.raises(DataError, match=r"other forecasts \d+ bars .* difference is at bar \d+"):
        common_cells(prices, [forecast_of(prices), other.between(None, "2011-01-01")])


def test_other_tickers_are_refused(prices: Panel) -> None:
    other = forecast_of(prices, "other")
    with pytest.raises(DataError, match=r"other forecasts 2 tickers.* CCC is not in both"):
        common_cells(prices, [forecast_of(prices), other.select(["AAA", "BBB"])])
    with pytest.raises(DataError, match="their order differs"):
        common_cells(prices, [other.select(prices.tickers[::-1])])


def test_other_horizons_and_no_forecasts_are_refused(prices: Panel) -> None:
    other = replace(forecast_of(prices, "other"), horizons=(1, 6))
    with pytest.raises(DataError, match=r"other forecasts \[1, 6\] bars ahead: expected \[1, 5\]"):
        common_cells(prices, [forecast_of(prices), other])
    with pytest.raises(DataError, match="no forecasts came"):
        common_cells(prices, [])


def test_a_span_shorter_than_the_horizon_is_refused(prices: Panel) -> None:
    span = prices.at(slice(0, 4))
    with pytest.raises(DataError, match="nothing to score at horizon 5"):
        common_cells(span, [forecast_of(prices).between(None, span.times[-1])])


def test_gaps_are_no_fault_and_cells_know_their_variance(prices: Panel) -> None:
    gappy = forecast_of(prices, scale=np.nan)
    training, span = prices.between(None, "2011-03-31"), prices.between("2011-04-01")
    cells, _ = common_cells(span, [gappy.between("2011-04-01")], training=training)
    proxy = variance_proxy(span, HORIZONS, training)
    for j, part in enumerate(cells):
        assert part.variance_proxy == proxy.names[j]
        assert part.variance is not None
        np.testing.assert_array_equal(part.variance, proxy.values[part.date, part.ticker, j])
