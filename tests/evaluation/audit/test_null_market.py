import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from evaluation.forecasters import Volatility
from scipy import stats

from forecasting.evaluation.audit.finding import Outcome
from forecasting.evaluation.audit.null_market import (
    CLAIMS,
    FAMILY_LEVEL,
    most_by_luck,
    null_market,
    t_values,
)
from forecasting.evaluation.baselines.linear import LinearT
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate


@dataclass
class Moved:
    """EWMA-t whose mean is a hundredth of a grid."""

    grid: np.ndarray
    name: str = "moved"
    horizons: tuple[int, ...] = (1, 5)

    def forecast(self, prices: Panel) -> Forecast:
        forecast = Volatility("EWMA", horizons=self.horizons).forecast(prices)
        loc = np.repeat(self.grid[:, :, None] / 100, len(self.horizons), axis=2)
        return replace(forecast, law=replace(forecast.law, loc=loc))


def fitted(market: Panel, share: float) -> LinearT:
    """Linear-t on the labels that are known before a share of the bars is over."""
    sequences = make_sequences(market, variant="ohlcv", horizons=(1, 5))
    return LinearT.fit(sequences, sequences.last_label < round(share * len(market.times)))


def honest(market: Panel, _: int) -> LinearT:
    return fitted(market, 0.5)


def trained_on_its_test(market: Panel, _: int) -> LinearT:
    return fitted(market, 1.0)


def test_an_honest_pipeline_passes() -> None:
    finding = null_market(honest, range(5), n_bars=800)
    assert (finding.test, finding.outcome) == ("null market", Outcome.PASSED), finding
    assert "tests in 5 markets without a mean" in finding.measured


def test_a_pipeline_that_trains_on_its_test_span_fails() -> None:
    finding = null_market(trained_on_its_test, range(5), n_bars=800)
    assert finding.outcome is Outcome.FAILED
    assert "standard errors, by luck at most 3" in finding.measured


@pytest.mark.parametrize("n_markets", [1, 4, 6])
def test_the_bound_is_the_binomial_one(n_markets: int) -> None:
    """Against the sum over all outcomes of so many fair tests."""
    claims = 12
    bound = most_by_luck(n_markets, claims)
    chances = [0.975, 0.025]
    above = dict.fromkeys(range(-1, n_markets + 1), 0.0)
    for outcome in itertools.product((0, 1), repeat=n_markets):
        for k in above:
            above[k] += np.prod([chances[x] for x in outcome]) * (sum(outcome) > k)
    assert above[bound] <= FAMILY_LEVEL / 2 / claims < above[bound - 1]


def test_there_is_one_value_a_claim_and_horizon() -> None:
    market = simulate("leverage", 6, 700, 3)
    forecast = honest(market, 0).forecast(market)
    values = t_values(forecast, market)
    assert values.shape == (len(CLAIMS) * len(forecast.horizons),)
    assert np.isfinite(values).all()


def test_a_slow_reversal_finds_nothing() -> None:
    """Centred by the span's own mean, it would: see the module on timing."""

    def reversing(market: Panel, _: int) -> Moved:
        return Moved(-np.log(market.column("adj_close") / market.column("adj_close")[0]))

    assert null_market(reversing, range(8), n_bars=600).outcome is Outcome.PASSED


def test_who_claims_nothing_passes() -> None:
    finding = null_market(lambda market, _: Volatility("EWMA"), range(2), n_bars=600)
    assert finding.outcome is Outcome.PASSED
    assert finding.measured.startswith("no mean or direction is forecast in 2 markets")


@pytest.mark.slow
def test_claims_are_found_at_the_nominal_rate() -> None:
    """In 2.5 % of markets each, all together; forecasts out of sample of 200 markets."""
    found = []
    for seed in range(200):
        market = simulate("leverage", 6, 800, seed)
        forecast = honest(market, seed).forecast(market).between(market.times[400])
        found.append(t_values(forecast, market.at(slice(400, None))))
    claims = np.array(found) > stats.norm.isf(0.025)
    assert claims.mean() < 0.035
    assert claims.mean(axis=0).max() < 0.065
