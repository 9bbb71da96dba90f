"""Variance losses in closed form, Mincer-Zarnowitz against statsmodels, proxies against loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluation.conftest import panel_of
from evaluation.scores.panels import cells_of, common_shocks
from statsmodels.regression.linear_model import WLS

from forecasting.evaluation.scores.date_test import date_weights
from forecasting.evaluation.scores.variance import mincer_zarnowitz, qlike, variance_table
from forecasting.evaluation.scores.variance_proxy import variance_proxy
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel


def test_qlike_is_zero_at_the_truth_and_undefined_at_no_variance() -> None:
    proxy = np.array([1.0, 4.0, 0.0, np.nan])
    np.testing.assert_allclose(qlike(proxy, proxy + (proxy == 0))[:2], 0, atol=1e-15)
    assert np.isnan(qlike(proxy, np.ones(4))[2:]).all()
    assert qlike(np.array([2.0]), np.array([1.0]))[0] == pytest.approx(2 - np.log(2) - 1)


@pytest.mark.parametrize("loss", ["qlike", "mse"])
def test_losses_rank_by_the_true_variance_whatever_the_noise(loss: str) -> None:
    returns = common_shocks(np.random.default_rng(0), 4_000, 3)
    laws = {
        f"x{factor}": StudentT(
            np.zeros(returns.size), np.full(returns.size, factor), np.full(returns.size, 1e5)
        )
        for factor in (0.8, 1.0, 1.25)
    }
    part = replace(cells_of(returns, **laws), variance=returns.ravel() ** 2, variance_proxy="r2")
    table = variance_table([part], list(laws)).set_index("forecaster")
    assert table[loss].idxmin() == "x1.0"
    assert table.loc["x1.0", "ratio"] == pytest.approx(1, abs=0.06)
    assert table.loc["x0.8", "ratio"] == pytest.approx(1 / 0.64, abs=0.1)


def varied(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Forecast variances and unbiased proxies of them."""
    rng = np.random.default_rng(seed)
    h = np.exp(0.5 * rng.normal(size=shape))
    return h.ravel(), (h * common_shocks(rng, *shape) ** 2).ravel()


def test_mincer_zarnowitz_equals_weighted_least_squares() -> None:
    h, v = varied(1, (300, 4))
    part = cells_of(np.zeros((300, 4)))
    fit = mincer_zarnowitz(v, h, part)
    unit = date_weights(part.date) @ h
    other = WLS(v, np.column_stack([np.full(h.size, unit), h]), weights=1 / h**2).fit()
    np.testing.assert_allclose([fit.intercept, fit.slope], other.params)
    influence = fit.of_slope.mean
    assert influence == pytest.approx(fit.slope - 1)


def test_mincer_zarnowitz_keeps_its_size_and_finds_a_wrong_slope() -> None:
    part, found = cells_of(np.zeros((400, 4))), []
    for seed in range(150):
        h, v = varied(seed, (400, 4))
        fit = mincer_zarnowitz(v, h, part)
        found.append((fit.of_intercept.p < 0.05, fit.of_slope.p < 0.05))
    assert (np.mean(found, axis=0) < 0.11).all()
    h, v = varied(0, (400, 4))
    assert mincer_zarnowitz(v, 2 * h, part).of_slope.t < -5


def test_a_constant_forecast_has_no_slope() -> None:
    part = cells_of(np.zeros((100, 2)))
    fit = mincer_zarnowitz(np.ones(200), np.full(200, 0.1), part)
    assert np.isnan([fit.intercept, fit.slope, fit.of_slope.p]).all()


def test_cells_without_a_proxy_or_with_an_infinite_variance_are_left_out_for_all() -> None:
    returns = common_shocks(np.random.default_rng(2), 100, 2)
    df, v = np.full(200, 5.0), returns.ravel() ** 2
    df[0], v[1], v[2] = 2.0, 0.0, np.nan
    laws = {"a": StudentT(np.zeros(200), np.ones(200), df), "b": cells_of(returns).laws}
    laws["b"] = StudentT(np.zeros(200), np.ones(200), np.full(200, 5.0))
    part = replace(cells_of(returns, **laws), variance=v, variance_proxy="r2")
    table = variance_table([part], ["a", "b"])
    assert table["n"].tolist() == [197, 197]
    assert np.isfinite(table["qlike"]).all()
    assert variance_table([replace(part, variance=None)], ["a"]).empty


def test_range_proxy_equals_a_loop_over_own_bars(prices: Panel) -> None:
    found = variance_proxy(prices, (1, 5))
    assert found.names == ("range variance + overnight, unscaled",) * 2
    for k in range(len(prices.tickers)):
        rows = np.flatnonzero(prices.mask[:, k])
        o, hi, lo, c = (prices.column(x)[rows, k] for x in ("open", "high", "low", "close"))
        v = np.log(hi[1:] / lo[1:]) ** 2 / (4 * np.log(2)) + np.log(o[1:] / c[:-1]) ** 2
        for j, h in enumerate((1, 5)):
            for place in (0, 1, 100, len(rows) - h - 1):
                expected = v[place : place + h].sum()
                assert found.values[rows[place], k, j] == pytest.approx(expected)
            assert np.isnan(found.values[rows[-h:], k, j]).all()


def test_closes_alone_leave_the_squared_return() -> None:
    steps = 0.01 * np.random.default_rng(3).normal(size=(50, 2))
    found = variance_proxy(panel_of(steps), (1,), training=panel_of(steps))
    assert found.names == ("squared return",)
    np.testing.assert_allclose(found.values[:-1, :, 0], steps**2)


def test_realised_variance_is_preferred(prices: Panel) -> None:
    frames = {
        ticker: pd.DataFrame(
            {
                name: prices.column(name)[:, k]
                for name in ("open", "high", "low", "close", "adj_close")
            }
            | {"realized_variance": np.full(len(prices.times), 4e-4)},
            index=prices.times,
        ).dropna()
        for k, ticker in enumerate(prices.tickers)
    }
    panel = Panel.from_frames(frames)
    found = variance_proxy(panel, (1,))
    assert found.names == ("realised variance + overnight, unscaled",)
    gap = np.log(panel.column("open")[1, 0] / panel.column("close")[0, 0])
    assert found.values[0, 0, 0] == pytest.approx(4e-4 + gap**2)


def test_scale_comes_from_the_training_bars_alone(prices: Panel) -> None:
    training, span = prices.between(None, "2011-06-30"), prices.between("2011-07-01")
    plain, scaled = variance_proxy(span, (1, 5)), variance_proxy(span, (1, 5), training)
    factor = scaled.values / plain.values
    for j in range(2):
        np.testing.assert_allclose(
            factor[..., j][np.isfinite(factor[..., j])], np.nanmax(factor[..., j])
        )
    later = span.values.copy()
    later[50:] *= np.linspace(1, 9, len(later) - 50)[:, None, None]
    changed = variance_proxy(replace(span, values=later), (1, 5), training)
    assert changed.names == scaled.names
    np.testing.assert_array_equal(changed.values[:45], scaled.values[:45])
    # On the training bars themselves the scaled proxy has the mean of the squared returns.
    own, square = (
        variance_proxy(each, (1,), training).values for each in (training, closes(training))
    )
    assert np.nanmean(own[:-1, :, 0], axis=1).mean() == pytest.approx(
        np.nanmean(square[:-1, :, 0], axis=1).mean()
    )


@pytest.mark.parametrize("bars", [slice(0, 400), slice(400, None)], ids=["yet to come", "gone"])
def test_a_ticker_without_bars_does_not_take_the_ranges_from_the_others(
    prices: Panel, bars: slice
) -> None:
    values = prices.values.copy()
    values[bars, 0] = np.nan
    panel = replace(prices, values=values)
    found = variance_proxy(panel.at(slice(400, None)), (1, 5), panel.at(slice(400)))
    assert all(name.startswith("range variance + overnight, x ") for name in found.names)
    plain = variance_proxy(prices.at(slice(400, None)), (1, 5))
    ratio = found.values[:, 1:] / plain.values[:, 1:]
    np.testing.assert_allclose(ratio[:100], np.broadcast_to(ratio[0], ratio[:100].shape))


def closes(panel: Panel) -> Panel:
    """The panel of a source that has adjusted closes alone."""
    frames = {
        ticker: pd.DataFrame({"adj_close": panel.column("adj_close")[:, k]}, panel.times).dropna()
        for k, ticker in enumerate(panel.tickers)
    }
    return Panel.from_frames(frames)
