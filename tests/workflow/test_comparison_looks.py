"""A comparison counts every recipe and seed, and stops short of the sealed hold-out."""

from pathlib import Path

import numpy as np
import pytest

import forecasting as fc
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials

SETTINGS = (
    "network.hidden_size=8",
    "training.context_length=32",
    "training.batch_size=4",
    "training.max_steps=2",
    "training.validate_every=1",
    "training.warmup_steps=1",
    "data.holdout=0.9",
)


def test_every_seed_is_a_look(prices: Panel, tmp_path: Path) -> None:
    made = fc.compare(prices, ["gru-twin"], seeds=2, overrides=SETTINGS, out=tmp_path / "out")
    found = trials(prices)
    assert [trial.name for trial in found.entries] == [
        "compare gru-twin, seed 0",
        "compare gru-twin, seed 1",
    ]
    assert (found.configurations, found.failed, found.unfinished) == (2, 0, 0)
    own = made.by_seed.query("seed == 1 and horizon == 5")["gain"].iloc[0]
    assert found.entries[1].scores["gain_h5"] == pytest.approx(own)
    assert made.notes[-1].endswith("before; this comparison looks 2 times more.")
    assert made.notes[-2].startswith("Sealed hold-out: 60 bars from 2012-01-30 to 2012-04-20")
    assert made.end < np.datetime64("2012-01-30")
    again = fc.compare(
        prices, ["gru-twin"], seeds=2, overrides=SETTINGS, out=tmp_path / "out", resume=True
    )
    assert again.end == made.end
    assert (trials(prices).looks, trials(prices).configurations) == (4, 2)
