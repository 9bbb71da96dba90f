from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from evaluation.forecasters import Volatility
from scipy import stats

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.information import (
    feature_alarm,
    forecast_statistics,
    information_alarm,
)
from forecasting.evaluation.audit.label_shift import label_shift
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.targets import future_log_returns


def market(n_bars: int = 400, n_tickers: int = 6, seed: int = 0) -> Panel:
    return simulate("volatility", n_tickers, n_bars, seed)


def forecast_of(mean: np.ndarray, panel: Panel, horizons: tuple[int, ...] = (1,)) -> Forecast:
    scale = np.where(np.isfinite(mean), 0.02, np.nan)
    law = StudentT(mean, scale, np.full_like(scale, 5.0))
    return Forecast("made up", panel.times, panel.tickers, horizons, panel.column("adj_close"), law)


def knowing(panel: Panel, ic: float, seed: int = 0, horizon: int = 1) -> Forecast:
    """A forecast whose mean has about this correlation with what comes."""
    future, _ = future_log_returns(panel, (horizon,))
    noise = np.random.default_rng(seed).normal(0, 1, future.shape) * np.nanstd(future)
    return forecast_of(ic**2 * future + ic * np.sqrt(1 - ic**2) * noise, panel, (horizon,))


def test_statistics_equal_those_of_scipy() -> None:
    panel = market(60)
    forecast = knowing(panel, 0.3)
    mean, future = forecast.mean[:-1, :, 0], future_log_returns(panel, (1,))[0][:-1, :, 0]
    found = {each.name: each.value for each in forecast_statistics(forecast, panel)}
    across = list(zip(mean, future, strict=True))
    along = list(zip(mean.T, future.T, strict=True))
    expected = {
        "IC": np.mean([stats.pearsonr(m, r).statistic for m, r in across]),
        "rank IC": np.mean([stats.spearmanr(m, r).statistic for m, r in across]),
        "IC over time": np.mean([stats.pearsonr(m, r).statistic for m, r in along]),
        "rank IC over time": np.mean([stats.spearmanr(m, r).statistic for m, r in along]),
        "direction": np.mean(np.sign(mean) == np.sign(future)),
        "R2": 1 - np.sum((future - mean) ** 2) / np.sum(future**2),
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("horizon", [1, 5])
def test_only_what_is_too_good_to_be_true_raises_the_alarm(horizon: int) -> None:
    panel = market(800)
    for ic, outcome in ((0.04, Outcome.PASSED), (0.6, Outcome.FAILED)):
        finding = information_alarm(knowing(panel, ic, horizon=horizon), panel)
        assert finding.outcome is outcome, finding
        assert (finding.test, finding.stage) == ("information alarm", "network")


def test_a_short_span_raises_no_alarm_by_luck_and_is_no_pass() -> None:
    panel = market(59)
    findings = [information_alarm(knowing(panel, 0.02, seed), panel) for seed in range(50)]
    assert {finding.outcome for finding in findings} == {Outcome.NOT_RUN}
    assert "too few dates" in findings[0].measured


def test_a_strong_leak_is_seen_on_a_short_span() -> None:
    panel = market(60)
    assert information_alarm(knowing(panel, 0.9), panel).outcome is Outcome.FAILED


def test_noise_raises_no_alarm() -> None:
    panel = market(300)
    rng = np.random.default_rng(0)
    for _ in range(50):
        said = forecast_of(rng.normal(0, 0.002, (*panel.mask.shape, 1)), panel)
        assert information_alarm(said, panel).outcome is not Outcome.FAILED


def test_who_says_up_where_nearly_all_goes_up_knows_nothing() -> None:
    panel = market(500)
    drift = np.exp(0.015 * np.arange(len(panel.times)))[:, None, None]
    rising = replace(panel, values=panel.values * drift)
    said = forecast_of(np.full((*panel.mask.shape, 1), 0.001), rising)
    found = {each.name: each for each in forecast_statistics(said, rising)}
    assert found["direction"].value > 0.7
    assert not found["direction"].alarming


def test_no_mean_cannot_be_too_good() -> None:
    panel = market(200)
    finding = information_alarm(Volatility("EWMA").forecast(panel), panel)
    assert finding.outcome is Outcome.PASSED
    assert "no mean" in finding.measured


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n_tickers", [2, 6])
def test_a_feature_that_is_the_target_is_named(sign: int, n_tickers: int) -> None:
    panel = market(300, n_tickers)
    past = np.diff(np.log(panel.column("adj_close")), axis=0, prepend=np.nan)
    future = future_log_returns(panel, (1,))[0][:, :, 0]
    honest = feature_alarm(np.stack([past, np.abs(past)], axis=-1), ("return", "size"), panel)
    assert honest.outcome is Outcome.PASSED
    planted = np.stack([past, sign * future], axis=-1)
    finding = feature_alarm(planted, ("return", "tomorrow"), panel)
    assert (finding.outcome, finding.stage) == (Outcome.FAILED, "features")
    assert finding.measured.startswith("tomorrow: |")


def test_bars_of_no_member_do_not_count() -> None:
    panel = market(400)
    member = np.zeros(panel.mask.shape, dtype=bool)
    member[:200] = True
    told = knowing(panel, 0.9).law.loc.copy()
    told[:200] = np.random.default_rng(0).normal(0, 0.001, told[:200].shape)
    forecast = forecast_of(told, panel)
    assert information_alarm(forecast, panel).outcome is Outcome.FAILED
    among_members = information_alarm(forecast, replace(panel, member=member))
    assert among_members.outcome is not Outcome.FAILED


def test_nothing_forecast_is_no_pass() -> None:
    panel = market(200)
    nothing = forecast_of(np.full((*panel.mask.shape, 1), np.nan), panel)
    assert information_alarm(nothing, panel).outcome is Outcome.NOT_RUN
    assert label_shift(nothing, panel).outcome is Outcome.NOT_RUN


@pytest.mark.parametrize("test", [information_alarm, label_shift])
def test_a_forecast_of_other_bars_is_refused(test: Callable[..., Finding]) -> None:
    panel = market(200)
    with pytest.raises(ValueError, match="not of the bars"):
        test(knowing(panel, 0.5), panel.at(slice(1, None)))


def test_one_ticker_is_judged_over_time() -> None:
    panel = market(300, 1)
    assert information_alarm(knowing(panel, 0.02), panel).outcome is Outcome.PASSED
    assert information_alarm(knowing(panel, 0.6), panel).outcome is Outcome.FAILED
