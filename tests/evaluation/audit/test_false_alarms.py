"""Our own pipeline on markets without a mean: no test of the audit may see a leak there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_proof import quick_recipe, trained

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.fold_audit import fold_audit
from forecasting.evaluation.audit.future_perturbation import future_perturbation
from forecasting.evaluation.audit.information import feature_alarm, information_alarm
from forecasting.evaluation.audit.label_shift import label_shift, selection_shift
from forecasting.evaluation.audit.null_market import null_market
from forecasting.evaluation.audit.panel_independence import panel_independence
from forecasting.evaluation.audit.planted_market import planted_market
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.truncation import truncation
from forecasting.evaluation.baselines.linear import LinearT
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.features import compute_features, feature_names
from forecasting.market.panel import Panel
from forecasting.market.sequences import VOLATILITY_DECAY, make_sequences
from forecasting.market.simulation import simulate
from forecasting.market.splits import resolve_dates, split_rows

FEATURES = "ohlcv"


def audit(model: Forecaster, market: Panel, tolerance: float) -> list[Finding]:
    """All tests of one trained model."""
    first = len(market.times) // 2
    span, cuts = market.at(slice(first, None)), (first + 60,)

    def features(prices: Panel) -> np.ndarray:
        return compute_features(prices, FEATURES, VOLATILITY_DECAY)[0]

    def network(prices: Panel) -> np.ndarray:
        forecast = model.forecast(prices)
        return np.concatenate([forecast.mean, forecast.volatility], axis=2)

    shared = "market features"
    stages = (
        Stage("features", features, market=shared),
        Stage("network", network, tolerance, market=shared),
    )
    sequences = make_sequences(market, variant=FEATURES)
    split = split_rows(sequences, resolve_dates(market, 0.35, 0.5))
    forecast = model.forecast(market).between(market.times[first])
    return [
        *future_perturbation(stages, market, cuts),
        *truncation(stages, market, cuts),
        *panel_independence(stages, market),
        fold_audit([split], sequences.origin, sequences.last_label),
        feature_alarm(features(market), feature_names(FEATURES), market),
        information_alarm(forecast, span),
        label_shift(forecast, span),
        selection_shift(forecast.mask, span),
    ]


def alarms(
    retrain: Callable[[Panel, int], Forecaster],
    seeds: range,
    tolerance: float,
    n_bars: int,
) -> list[tuple[int, Finding]]:
    """Every failure, with the seed of its market; two kinds of markets without a mean."""
    found = []
    for seed in seeds:
        market = simulate(("leverage", "random-walk")[seed % 2], 6, n_bars, seed)
        findings = audit(retrain(market, seed), market, tolerance)
        found += [(seed, each) for each in findings if each.outcome is Outcome.FAILED]
    return found


def linear(market: Panel, _: int) -> LinearT:
    sequences = make_sequences(market, variant=FEATURES, horizons=(1, 5))
    return LinearT.fit(sequences, sequences.last_label < len(market.times) // 2)


def test_twenty_null_markets_raise_no_alarm() -> None:
    assert alarms(linear, range(20), 0, 500) == []


@pytest.mark.slow
def test_twenty_null_markets_and_trained_networks_raise_no_alarm(tmp_path: Path) -> None:
    def network(market: Panel, seed: int) -> Forecaster:
        return trained(market, quick_recipe(seed), tmp_path / f"{len(market.times)}-{seed}")

    assert alarms(network, range(20), 1e-4, 800) == []


@pytest.mark.slow
def test_the_retraining_tests_pass_a_trained_network(tmp_path: Path) -> None:
    """Four times with five markets each, as an audit makes them."""

    def network(market: Panel, seed: int) -> Forecaster:
        return trained(market, quick_recipe(seed), tmp_path / f"{len(market.times)}-{seed}")

    for begin in range(0, 20, 5):
        seeds = range(begin, begin + 5)
        assert null_market(network, seeds).outcome is Outcome.PASSED
        assert planted_market(network, seeds).outcome is Outcome.PASSED
