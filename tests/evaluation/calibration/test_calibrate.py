"""Calibration of whole forecasts: causal, blind to the order of tickers, and of use."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluation.forecasters import Volatility
from future import KINDS, change_future

from forecasting.errors import DataError
from forecasting.evaluation.calibration.calibrate import Calibrated, calibrate, run_calibration
from forecasting.evaluation.calibration.groups import volatility_groups
from forecasting.forecast.band_warp import BAND_LEVELS, NOMINAL
from forecasting.forecast.calibrated_law import CalibratedLaw
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.targets import future_log_returns

BREAK = 700
EWMA = Volatility("ewma")


def thresholds(forecast: Forecast) -> np.ndarray:
    assert isinstance(forecast.law, CalibratedLaw)
    return forecast.law.threshold


def coverage(forecast: Forecast, panel: Panel, j: int, level: float = 0.9) -> np.ndarray:
    """Share of each bar's outcomes inside the central band."""
    returns, _ = future_log_returns(panel, forecast.horizons)
    inside = np.abs(forecast.law.distribution(returns) - 0.5) <= level / 2
    known = np.isfinite(returns[:, :, j]) & forecast.law.known[:, :, j]
    return np.where(known, inside[:, :, j], 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def test_coverage_breaks_with_the_market_and_recovers(
    broken_market: Panel, stale: Forecaster
) -> None:
    before = stale.forecast(broken_market)
    after = calibrate(before, broken_market)
    for j, slack in ((0, 0.015), (1, 0.03)):
        uncalibrated, calibrated = (coverage(f, broken_market, j) for f in (before, after))
        assert calibrated[100 : BREAK - 10].mean() == pytest.approx(0.9, abs=slack)
        assert uncalibrated[BREAK:-10].mean() < 0.7
        assert calibrated[BREAK : BREAK + 40].mean() < 0.85
        assert calibrated[BREAK + 250 : -10].mean() == pytest.approx(0.9, abs=slack)
    returns, _ = future_log_returns(broken_market, before.horizons)
    late = slice(BREAK + 250, -10)
    gain = after.law.log_density(returns) - before.law.log_density(returns)
    worse = after.law[late].crps(returns[late]) - before.law[late].crps(returns[late])
    assert gain[late, :, 0].mean() > 0.3
    assert worse[:, :, 0].mean() < 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing(broken_market: Panel, kind: str) -> None:
    """The state of every bar to the last bit, through a forecaster that is causal itself."""
    panel, after = broken_market.between("2000-01-01", "2001-12-31"), 400
    whole = Calibrated(EWMA).forecast(panel)
    other = Calibrated(EWMA).forecast(change_future(panel, after, kind))
    past = slice(0, after + 1)
    for name, parameter in whole.law.parameters().items():
        changed = other.law.parameters()[name]
        np.testing.assert_array_equal(parameter[past], changed[past], err_msg=name)


def test_the_order_of_tickers_does_not_matter(broken_market: Panel) -> None:
    order = np.random.default_rng(0).permutation(len(broken_market.tickers))
    shuffled = broken_market.select([broken_market.tickers[k] for k in order])
    plain, other = (Calibrated(EWMA).forecast(panel) for panel in (broken_market, shuffled))
    np.testing.assert_array_equal(thresholds(plain)[:, order], thresholds(other))


def test_the_law_is_the_models_until_the_first_outcome(
    broken_market: Panel, stale: Forecaster
) -> None:
    made = stale.forecast(broken_market)
    start = broken_market.times[300]
    found = thresholds(calibrate(made, broken_market, start=start))
    for j, horizon in enumerate(made.horizons):
        nominal = (found[:, :, j] == NOMINAL).all(axis=(1, 2))
        assert nominal[: 300 + horizon].all()
        assert not nominal[300 + horizon :].any()
    sliced = thresholds(calibrate(made.between(start), broken_market))
    np.testing.assert_array_equal(sliced, found[300:])


def test_an_outcome_after_a_halt_counts_when_it_is_known(
    broken_market: Panel, stale: Forecaster
) -> None:
    values = broken_market.values.copy()
    price = values[:, 0, COLUMNS.index("adj_close")]
    price[520:] *= price[499] / price[520]
    values[500:520, 0] = np.nan
    jump = values.copy()
    jump[520:, 0, COLUMNS.index("adj_close")] *= 3  # known at bar 520, of a forecast at bar 499
    quiet, loud = (
        thresholds(Calibrated(stale).forecast(replace(broken_market, values=each)))[:, 0, 0]
        for each in (values, jump)
    )
    assert np.flatnonzero((quiet != loud).any(axis=-1))[0] == 520


def test_only_members_of_the_universe_teach(broken_market: Panel, stale: Forecaster) -> None:
    member = np.zeros(broken_market.mask.shape, dtype=bool)
    member[:, :3] = True
    panel = replace(broken_market, member=member)
    groups = dict.fromkeys(panel.tickers, "all")
    few = run_calibration(stale.forecast(panel), panel, groups=groups)
    alone = panel.select(panel.tickers[:3])
    expected = run_calibration(stale.forecast(alone), alone)
    np.testing.assert_array_equal(few.track.threshold, expected.track.threshold)


def test_state_after_the_last_bar(broken_market: Panel, stale: Forecaster) -> None:
    start = broken_market.times[100]
    run = run_calibration(stale.forecast(broken_market), broken_market, start=start)
    state = run.state()
    assert len(state) == 2 * 3 * len(BAND_LEVELS)
    assert set(state["group"]) == {"calm", "middle", "volatile"}
    assert set(state.query("horizon == 5")["feedback"]) == {len(broken_market.times) - 105}
    assert not state["at_bound"].any()
    wide = state.query("level == 0.9")["model_level"]
    assert (wide > 0.97).all()
    ends = (run.forecast.law.quantile(0.05), run.forecast.law.quantile(0.95))
    low, high = (run.forecast.law.base.distribution(end)[-1] for end in ends)
    assert (high - low).min() == pytest.approx(wide.min())
    assert run.forecast.name == "stale (calibrated)"
    assert "the 90 % band is the one that the model's law calls 9" in run.forecast.notes[-1]
    assert run.forecast.latest()["model_level90"].between(0.97, 1).all()


def test_groups_of_the_caller(broken_market: Panel, stale: Forecaster) -> None:
    made = stale.forecast(broken_market)
    groups = {ticker: k % 2 for k, ticker in enumerate(made.tickers)}
    run = run_calibration(made, broken_market, groups=groups)
    assert run.groups.names == (0, 1)
    even = broken_market.select(made.tickers[::2])
    alone = run_calibration(stale.forecast(even), even)
    np.testing.assert_array_equal(run.track.threshold[:, :, 0], alone.track.threshold[:, :, 0])
    with pytest.raises(DataError, match="no group came for T1: expected one for each of 12"):
        calibrate(made, broken_market, groups={"T0": 0})


def test_volatility_groups_look_back_only(
    make_panel: Callable[[np.ndarray], Panel], random_walk: Panel
) -> None:
    steps = np.random.default_rng(1).normal(0, 0.01, (300, 10)) * np.repeat([3, 1, 2], [3, 4, 3])
    panel = make_panel(steps)
    groups = volatility_groups(panel, 100)
    assert groups.members.tolist() == [2] * 3 + [0] * 4 + [1] * 3
    late = panel.values.copy()
    late[:90, 0] = np.nan
    young = volatility_groups(replace(panel, values=late), 100)
    assert young.members[0] == 1
    assert "1 of 10 tickers had no history before calibration began" in young.notes[0]
    assert volatility_groups(random_walk, 100).names == ("all",)
    assert volatility_groups(panel, 10).names == ("all",)


def test_calls_that_make_no_sense(broken_market: Panel, stale: Forecaster) -> None:
    made = stale.forecast(broken_market)
    with pytest.raises(DataError, match="expected a positive number"):
        calibrate(made, broken_market, learning_rate=0)
    with pytest.raises(ValueError, match="is not of a stretch of these bars"):
        calibrate(replace(made, times=made.times + np.timedelta64(1, "h")), broken_market)
    with pytest.raises(ValueError, match="no prices of"):
        calibrate(made, broken_market.select(["T0"]))


def test_the_wrapper_is_a_forecaster(stale: Forecaster, broken_market: Panel) -> None:
    wrapped = Calibrated(stale, learning_rate=0.1, start="2001-01-01")
    assert isinstance(wrapped, Forecaster)
    assert (wrapped.name, wrapped.horizons) == ("stale (calibrated)", stale.horizons)
    made = stale.forecast(broken_market)
    expected = calibrate(made, broken_market, learning_rate=0.1, start="2001-01-01")
    found = wrapped.forecast(broken_market)
    np.testing.assert_array_equal(thresholds(found), thresholds(expected))
    assert pd.Timestamp(found.times[0]) < pd.Timestamp("2001-01-01")
