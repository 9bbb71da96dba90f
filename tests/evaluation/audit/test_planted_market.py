from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from evaluation.forecasters import Volatility

from forecasting.evaluation.audit.correlation import over_dates
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.null_market import null_market
from forecasting.evaluation.audit.planted_market import (
    baseline_scores,
    log_scores,
    oracle_scores,
    planted_market,
)
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.linear import LinearT
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate_with_truth
from forecasting.market.targets import future_log_returns


def fitted(kind: type[Baseline], market: Panel) -> Baseline:
    sequences = make_sequences(market, variant="ohlcv", horizons=(1,))
    return kind.fit(sequences, sequences.last_label < len(market.times) // 2)


@dataclass
class KnowsTheDay:
    """Its scale leans to the size of the return that is to come."""

    honest: Baseline
    name: str = "knows the day"
    horizons: tuple[int, ...] = (1,)

    def forecast(self, prices: Panel) -> Forecast:
        forecast = self.honest.forecast(prices)
        law = forecast.law
        assert isinstance(law, StudentT)
        future, _ = future_log_returns(prices, (1,))
        scale = np.sqrt(law.scale * (np.abs(np.nan_to_num(future)) + 0.003))
        return replace(forecast, law=replace(law, scale=scale))


def test_a_pipeline_that_finds_volatility_passes() -> None:
    finding = planted_market(lambda market, _: fitted(LinearT, market), range(3))
    assert (finding.test, finding.outcome) == ("planted market", Outcome.PASSED)
    assert int(finding.measured.split("%")[0]) >= 50


def test_a_pipeline_that_finds_nothing_fails() -> None:
    finding = planted_market(lambda market, _: fitted(EwmaT, market), range(2))
    assert finding.outcome is Outcome.FAILED
    assert "expected at least 20%" in finding.measured


def test_more_than_there_is_to_be_found_is_a_leak() -> None:
    finding = planted_market(lambda market, _: KnowsTheDay(fitted(LinearT, market)), range(2))
    assert finding.outcome is Outcome.FAILED
    assert "it sees the future" in finding.measured


def test_the_oracle_is_better_than_whoever_is_honest() -> None:
    for kind in ("volatility", "leverage"):
        market, truth = simulate_with_truth(kind, 6, 1200, 0)
        best = over_dates(oracle_scores(market, truth, 600)).mean()
        linear = over_dates(log_scores(fitted(LinearT, market).forecast(market), market, 600))
        base = over_dates(baseline_scores(market, 600)).mean()
        assert base < linear.mean() < best


def test_the_oracle_of_a_plain_random_walk_knows_its_law() -> None:
    """Student-t with five degrees of freedom and a standard deviation of 0.015."""
    market, truth = simulate_with_truth("random-walk", 6, 1200, 0)
    returns = future_log_returns(market, (1,))[0][600:, :, 0]
    law = StudentT(np.zeros(1), np.array([0.015 * np.sqrt(3 / 5)]), np.array([5.0]))
    exact = over_dates(law.log_density(returns)).mean()
    assert abs(over_dates(oracle_scores(market, truth, 600)).mean() - exact) < 0.002


@pytest.mark.parametrize("test", [null_market, planted_market])
def test_a_training_that_forecasts_nothing_is_no_pass(test: Callable[..., Finding]) -> None:
    finding = test(lambda *_: Volatility("late", first=10_000, horizons=(1,)), [3], n_bars=600)
    assert finding.outcome is Outcome.NOT_RUN
    assert "seed 3 forecasts nothing" in finding.measured


def test_the_truth_is_known_of_one_bar_only() -> None:
    finding = planted_market(lambda *_: Volatility("slow", horizons=(5,)), [0], n_bars=600)
    assert finding.outcome is Outcome.NOT_RUN
