"""No false alarm of the structural tests on any kind of model, nor on a panel with a universe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.forecaster.network_forecaster import load_forecaster
from forecasting.market.panel import Panel
from forecasting.training.train import train
from forecasting.workflow.audit.statistics import Statistics
from forecasting.workflow.audit.structure import Structure

pytestmark = pytest.mark.slow


def structural(
    model_folder: Path, prices: Panel, strategy: str = "long_only"
) -> tuple[Finding, ...]:
    model = load_forecaster(model_folder)
    made = Structure(model, prices, strategy)
    return (
        *made.future_perturbation(),
        *made.truncation(),
        *made.warm_up(),
        *made.panel_independence(),
        *Statistics(model, prices).fold_audit(),
    )


def failures(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.outcome is Outcome.FAILED]


@pytest.mark.parametrize(
    "overrides",
    [
        ("network.distribution=quantile",),
        ("network.cross_asset=attention",),
        (
            "network.tasks=[range_variance,rank]",
            "training.task_weights.range_variance=0.5",
            "training.task_weights.rank=0.5",
        ),
        ("data.features=close+beta_66+momentum_63",),
        ("network.elapsed_time=scale",),
    ],
)
def test_models_of_all_kinds(prices, tmp_path, overrides):
    train(
        prices,
        "jamba-tiny",
        out=tmp_path / "model",
        overrides=(*TINY, *overrides),
        twin=False,
        progress=False,
    )
    assert failures(structural(tmp_path / "model", prices)) == []


def test_a_panel_of_one_ticker(model_folder, prices):
    assert failures(structural(model_folder, prices.select(["AAA"]), "kelly")) == []


def test_a_panel_with_a_universe(prices, tmp_path):
    member = prices.mask.copy()
    member[::97, 1] = False
    member[200:260, 2] = False
    member[np.arange(600) % 211 < 20, 0] = False
    members = replace(prices, member=member)
    train(members, "jamba-tiny", out=tmp_path / "model", overrides=TINY, twin=False, progress=False)
    assert failures(structural(tmp_path / "model", members)) == []
