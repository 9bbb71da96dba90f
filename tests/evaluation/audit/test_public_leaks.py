"""The audit finds each of the six leaks at the stage where it is, and nothing without them."""

from dataclasses import dataclass

import numpy as np
import pytest
from evaluation.audit.public_leaks import FIRST_TEST, LEAKS, Pipeline

from forecasting.evaluation.audit.correlation import over_dates
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.fold_audit import fold_audit
from forecasting.evaluation.audit.future_perturbation import future_perturbation
from forecasting.evaluation.audit.information import feature_alarm, information_alarm
from forecasting.evaluation.audit.label_shift import label_shift, selection_shift
from forecasting.evaluation.audit.null_market import null_market
from forecasting.evaluation.audit.truncation import truncation
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.targets import future_log_returns

CUTS = (560, 700)

FAILS = {
    "same-bar features": {
        ("future perturbation", "features"),
        ("truncation equivalence", "features"),
        ("information alarm", "features"),
        ("information alarm", "network"),
    },
    "backward shift": {
        ("future perturbation", "features"),
        ("truncation equivalence", "features"),
        ("information alarm", "features"),
        ("information alarm", "network"),
        ("label shift", "network"),
    },
    "full-window z-score": {
        ("future perturbation", "scalers"),
        ("truncation equivalence", "scalers"),
    },
    "label-dependent test filter": {
        ("future perturbation", "test filter"),
        ("label shift", "test filter"),
    },
    "validation returns test rows": {
        ("fold audit", "windows"),
        ("future perturbation", "network"),
        ("truncation equivalence", "network"),
    },
    "missing purge": {
        ("fold audit", "windows"),
        ("future perturbation", "network"),
        ("truncation equivalence", "network"),
    },
}
"""What the audit says of each leak: (test, stage)."""


def market(seed: int) -> Panel:
    return simulate("leverage", 6, 900, seed)


def audit(pipeline: Pipeline, prices: Panel) -> list[Finding]:
    """Every test that needs no other training."""
    span, stages = prices.at(slice(FIRST_TEST, None)), pipeline.stages()
    forecast = pipeline.forecast(prices).between(prices.times[FIRST_TEST])
    features, rows = pipeline.features(prices), pipeline.rows(prices)
    names = [f"column {j}" for j in range(features.shape[2])]
    return [
        *future_perturbation(stages, prices, CUTS),
        *truncation(stages, prices, CUTS),
        fold_audit(pipeline.splits(rows), rows.origin, rows.label_end),
        feature_alarm(features, names, prices),
        information_alarm(forecast, span),
        label_shift(forecast, span),
        selection_shift(pipeline.scored(prices)[FIRST_TEST:], span),
    ]


def failed(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(each.test, each.stage) for each in findings if each.outcome is Outcome.FAILED}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_audit_names_the_stage_of_each_leak(leak: str) -> None:
    assert failed(audit(LEAKS[leak][1], market(0))) == FAILS[leak]


@pytest.mark.parametrize("leak", LEAKS)
def test_without_the_leak_the_same_pipeline_passes(leak: str) -> None:
    assert failed(audit(LEAKS[leak][0], market(0))) == set()


@dataclass(frozen=True)
class Fitting:
    """A pipeline that fits itself to whatever prices come."""

    pipeline: Pipeline
    name: str = "fitting"

    @property
    def horizons(self) -> tuple[int, ...]:
        return (self.pipeline.horizon,)

    def forecast(self, prices: Panel) -> Forecast:
        return self.pipeline.forecast(prices)


@pytest.mark.parametrize("leak", ["same-bar features", "backward shift"])
def test_leaks_into_the_mean_find_one_where_there_is_none(leak: str) -> None:
    honest, leaking = (
        null_market(lambda *_, p=pipeline: Fitting(p), range(5), n_bars=1_000)
        for pipeline in LEAKS[leak]
    )
    assert honest.outcome is Outcome.PASSED, honest
    assert leaking.outcome is Outcome.FAILED, leaking


def ic(pipeline: Pipeline, prices: Panel) -> float:
    """Correlation over all tested cells of what was said and what came."""
    returns = future_log_returns(prices, (pipeline.horizon,))[0][FIRST_TEST:]
    said = pipeline.forecast(prices).mean[FIRST_TEST:]
    known = np.isfinite(said) & np.isfinite(returns)
    return float(np.corrcoef(said[known], returns[known])[0, 1])


def log_score(pipeline: Pipeline, prices: Panel) -> float:
    """Mean log density of the cells that are scored, nats a bar."""
    returns = future_log_returns(prices, (pipeline.horizon,))[0]
    density = pipeline.forecast(prices).law.log_density(returns)
    return float(over_dates(density[FIRST_TEST:, :, 0]).mean())


@pytest.mark.parametrize(
    ("leak", "score", "inflation"),
    [
        ("same-bar features", ic, 0.7),
        ("backward shift", ic, 0.5),
        ("full-window z-score", ic, 0.05),
        ("label-dependent test filter", log_score, 0.05),
        ("validation returns test rows", ic, 0.03),
        ("missing purge", ic, 0.03),
    ],
)
def test_each_leak_flatters(leak: str, score, inflation: float) -> None:
    """The same skill on the same eight markets, in which there is no mean to find."""
    honest, leaking = (
        np.mean([score(pipeline, market(seed)) for seed in range(8)]) for pipeline in LEAKS[leak]
    )
    assert leaking - honest > inflation
    if score is ic:
        assert abs(honest) < 0.05
