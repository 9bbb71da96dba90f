"""Parameters chosen inside the folds of a walk-forward, from its folder and from its value."""

from pathlib import Path

import numpy as np
import pytest
from conftest import FASTEST

from forecasting.errors import ConfigError
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.market.folds.walk_forward import WalkForwardSettings
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.workflow.chosen_in_folds import chosen_in_folds
from forecasting.workflow.sweep import sweep
from forecasting.workflow.walk_forward import plan
from forecasting.workflow.walk_forward.walk_forward import walk_forward

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_walk_forward_is_swept_and_chosen_from(
    prices: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BASELINES", (EwmaT,))
    folds, out = WalkForwardSettings(start=0.6, refit_every=80), tmp_path / "runs" / "walk"
    walk = walk_forward(prices, ["gru-twin"], folds=folds, seeds=1, overrides=FASTEST, out=out)
    own = {"strategy": "volatility_target"}
    made = sweep(out, prices, ["horizon=1,5 rebalance_every=1,5"], **own)
    assert made.forecaster == walk.forecast().name
    assert trials(prices).looks == 1 + 4
    book = chosen_in_folds(out, prices, ["horizon=1,5 rebalance_every=1,5"], **own)
    assert trials(prices).looks == 1 + 4 + 1
    assert len(book.trial_sharpes or ()) == 4
    grid = {"horizon": [1, 5], "rebalance_every": [1, 5]}
    for mistake in ({"topk": 1}, {"horizon": 4}, {"strategy": "kely"}, {"max_leverage": 99}):
        with pytest.raises(ConfigError):
            chosen_in_folds(out, prices, ["rebalance_every=1,5"], **own | mistake)
    assert trials(prices).looks == 1 + 4 + 1
    same = chosen_in_folds(walk, prices, grid, track=False, **own)
    assert (same.ledger.equity == book.ledger.equity).all()
    days = [str(day) for day in walk.folds["test_start"]]
    assert {key.removeprefix("from ") for key in book.parameters} <= set(days)
    assert next(iter(book.parameters)) == f"from {days[0]}"
    # What the second fold is traded with was best before it, of the accounts of the sweep.
    before = np.flatnonzero(made.times >= np.datetime64(days[1]))[0] - 1
    known = made.returns[:before]
    best = int(np.argmax(known.mean(axis=0) / known.std(axis=0)))
    said = next(note for note in book.notes if note.startswith("Chosen inside folds"))
    chosen = ", ".join(f"{name}={value}" for name, value in list(made.grid)[best].items())
    assert f"{days[1]} {chosen}" in said
    book.to_dict()


def test_a_folder_that_is_none(prices: Panel, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="walk-forward"):
        chosen_in_folds(tmp_path / "nothing", prices, ["top_k=1,2"])
    with pytest.raises(ConfigError, match="--grid"):
        chosen_in_folds(tmp_path / "nothing", prices, ["top_k"])
