"""The Forecast value: what is derived from it, and which part of it is taken."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecasting.errors import DataError
from forecasting.forecast.forecast import BAND_LEVELS, Forecast
from forecasting.forecast.forecaster import Forecaster


def test_mask_is_true_where_every_horizon_is_forecast(forecast: Forecast) -> None:
    expected = np.array([[0, 1], [1, 0], [1, 1], [1, 0], [1, 0]], dtype=bool)
    np.testing.assert_array_equal(forecast.mask, expected)


def test_derived_quantities_equal_scipy(forecast: Forecast) -> None:
    law = stats.t(forecast.law.df, forecast.law.loc, forecast.law.scale)
    np.testing.assert_array_equal(forecast.mean, forecast.law.loc)
    np.testing.assert_allclose(forecast.volatility, forecast.law.scale * np.sqrt(5 / 3), rtol=1e-12)
    np.testing.assert_allclose(forecast.prob_up(), law.sf(0), rtol=1e-9)
    np.testing.assert_allclose(forecast.value_at_risk(0.01), law.ppf(0.01), rtol=1e-9)
    for j, level in enumerate(BAND_LEVELS):
        np.testing.assert_allclose(forecast.quantiles()[..., j], law.ppf(level), atol=1e-12)


def test_price_bands_are_price_times_exp_of_the_quantiles(forecast: Forecast) -> None:
    bands = forecast.price_bands((0.1, 0.9))
    expected = 104.0 * np.exp(forecast.quantiles((0.1, 0.9))[2, 0, 1])
    np.testing.assert_allclose(bands[2, 0, 1], expected, rtol=1e-12)
    assert bands.shape == (5, 2, 2, 2)


def test_quantiles_ascend_and_shortfall_lies_below_value_at_risk(forecast: Forecast) -> None:
    quantiles = forecast.quantiles((0.01, 0.3, 0.5, 0.51, 0.99))[forecast.mask]
    assert (np.diff(quantiles, axis=-1) > 0).all()
    known = forecast.mask
    assert (forecast.expected_shortfall()[known] < forecast.value_at_risk()[known]).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 5.0])
def test_refuses_levels_that_are_no_probabilities(forecast: Forecast, level: float) -> None:
    with pytest.raises(ValueError, match="levels must lie"):
        forecast.quantiles((0.5, level))


def test_between_takes_origins_up_to_the_end_of_the_last_day(forecast: Forecast) -> None:
    part = forecast.between("2020-01-07", "2020-01-09")
    np.testing.assert_array_equal(part.times, forecast.times[1:4])
    np.testing.assert_array_equal(part.law.loc, forecast.law.loc[1:4])
    assert len(forecast.between("2021-01-01").times) == 0
    np.testing.assert_array_equal(forecast.between().price, forecast.price)


def test_select_takes_tickers_in_the_given_order(forecast: Forecast) -> None:
    swapped = forecast.select(["BBB", "AAA"])
    assert swapped.tickers == ("BBB", "AAA")
    np.testing.assert_array_equal(swapped.law.scale, forecast.law.scale[:, ::-1])
    with pytest.raises(DataError, match="'ZZZ' is not in the forecast of test"):
        forecast.select(["ZZZ"])


def test_to_frame_has_one_row_a_forecast_and_horizon(forecast: Forecast) -> None:
    frame = forecast.to_frame()
    assert len(frame) == 2 * forecast.mask.sum()
    row = frame.query("ticker == 'AAA' and horizon == 5").iloc[1]
    assert row["origin"] == forecast.times[2]
    assert row["price"] == forecast.price[2, 0]
    law = stats.t(5, forecast.law.loc[2, 0, 1], forecast.law.scale[2, 0, 1])
    derived = [row["volatility"], row["prob_up"], row["q05"], row["q75"]]
    np.testing.assert_allclose(
        derived, [law.std(), law.sf(0), law.ppf(0.05), law.ppf(0.75)], rtol=1e-9
    )


def test_latest_is_each_tickers_own_newest_forecast(forecast: Forecast) -> None:
    latest = forecast.latest()
    origins = latest.groupby("ticker")["origin"].unique()
    assert list(origins["AAA"]) == [forecast.times[4]]
    assert list(origins["BBB"]) == [forecast.times[2]]
    everything = forecast.to_frame()
    assert latest.merge(everything, how="left", indicator=True)["_merge"].eq("both").all()


def test_a_forecast_of_nothing_gives_an_empty_table(forecast: Forecast) -> None:
    nothing = replace(forecast, law=forecast.law.map(lambda x: np.full_like(x, np.nan)))
    assert len(nothing.latest()) == 0
    assert list(nothing.latest().columns) == list(forecast.to_frame().columns)


@pytest.mark.parametrize(
    "axis", [{"times": np.array([], "datetime64[ns]")}, {"tickers": ("AAA",)}, {"horizons": (1,)}]
)
def test_refuses_axes_of_another_length(forecast: Forecast, axis: dict) -> None:
    with pytest.raises(ValueError, match=r"loc has shape \(5, 2, 2\), expected"):
        replace(forecast, **axis)


def test_protocol_asks_for_name_horizons_and_forecast() -> None:
    class Complete:
        name = "x"
        horizons = (1,)

        def forecast(self, prices: object) -> None: ...

    assert isinstance(Complete(), Forecaster)
    assert not isinstance(object(), Forecaster)
