"""From a panel to a state: a week in which a ticker is halted is a week of bars that carry nothing.

A usual bar lies one day after the one before. In a market that trades every calendar day AAA is
halted for a week. Its next bar comes with `log_gap` = log 8, and what each mixer remembers of the
bars before has to decay as it does over eight bars, seven of them masked: bars over which time
passes and nothing enters.
"""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.market.features import GAP_FEATURE
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.state import State

HALT, WEEK = 150, 7
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "attn_layer_period": None, "dropout": 0.0}
MIXERS = ("mamba", "mamba2", "megalodon")


@pytest.fixture(scope="module")
def market() -> Panel:
    """Three tickers on every calendar day; AAA is halted for a week."""
    rng = np.random.default_rng(0)
    closes = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal((300, 3)), axis=0))
    closes[HALT : HALT + WEEK, 0] = np.nan
    values = np.full((300, 3, len(COLUMNS)), np.nan)
    values[:, :, COLUMNS.index("adj_close")] = closes
    days = pd.date_range("2020-01-01", periods=300, unit="ns").to_numpy()
    return Panel(days, ("AAA", "BBB", "CCC"), values, source="a market without weekends")


@pytest.fixture(scope="module")
def sequences(market: Panel) -> Sequences:
    return make_sequences(market)


def make_network(mixer: str, sequences: Sequences, elapsed_time: str = "scale") -> ForecastNetwork:
    """Two layers of a mixer, in double precision, whose usual gap is that of the panel."""
    torch.manual_seed(0)
    config = NetworkConfig(
        mixer=mixer, elapsed_time=elapsed_time, expert_layer_period=None, **SMALL
    )
    names = sequences.feature_names
    network = ForecastNetwork(config, len(names), 2, names.index(GAP_FEATURE)).double().eval()
    gaps = sequences.feature(GAP_FEATURE)
    network.usual_gap.fill_(float(np.median(gaps)))
    torch.nn.init.normal_(network.head.proj.weight, std=0.5)
    return network


def bars_of(sequences: Sequences) -> tuple[Tensor, int]:
    """The features of AAA, and which of its bars is the first after the halt."""
    rows = sequences.rows(0)
    after = int(np.flatnonzero(sequences.origin[rows] == HALT + WEEK)[0])
    return torch.from_numpy(sequences.features[rows]).double().unsqueeze(0), after


def step(network: ForecastNetwork, bar: Tensor, state: State) -> tuple[Tensor, State]:
    """One more bar: the law as one tensor, (horizon, part), and the next state."""
    law, state = network.advance(bar, {name: x.clone() for name, x in state.items()})
    return torch.stack(law, dim=-1)[0, 0], state


def pass_masked_bars(network: ForecastNetwork, bar: Tensor, state: State, count: int) -> State:
    """The state after usual bars that carry nothing, in the pace of the bar that comes.

    What a layer remembers moves on as at `bar`, less what `bar` brings into an empty memory; all
    else, as the tail of the convolution, stays. Layer after layer: the pace of a layer depends on
    what those below make of `bar` when the time has passed for them too.
    """
    passed = dict(state)
    for name in [name for name in state if name.endswith((".h", ".cema.memory"))]:
        for _ in range(count):
            empty = passed | {name: torch.zeros_like(state[name])}
            moved, brought = (step(network, bar, each)[1][name] for each in (passed, empty))
            passed[name] = moved - brought
    return passed


def test_the_panel_tells_the_network_of_the_halt(sequences: Sequences) -> None:
    features, after = bars_of(sequences)
    gap = features[0, :, sequences.feature_names.index(GAP_FEATURE)]
    assert float(gap[after]) == pytest.approx(math.log(1 + WEEK))
    gap[after] = 0
    assert (gap == 0).all()


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_halted_week_equals_a_week_of_masked_bars(mixer: str, sequences: Sequences) -> None:
    """Of the network that knows of the gap, and of one that does not and passes seven bars."""
    scaled, plain = (make_network(mixer, sequences, kind) for kind in ("scale", "ignore"))
    features, after = bars_of(sequences)
    bars = features.split(1, dim=1)
    _, before = plain.advance(features[:, :after], plain.initial_state(1))
    masked = pass_masked_bars(plain, bars[after], before, WEEK)
    states = {"scaled": before, "masked": masked, "forgotten": before}
    networks = {"scaled": scaled, "masked": plain, "forgotten": plain}
    for bar in bars[after : after + 30]:
        laws = {}
        for name, network in networks.items():
            laws[name], states[name] = step(network, bar, states[name])
        torch.testing.assert_close(laws["scaled"], laws["masked"], rtol=1e-7, atol=1e-9)
        if bar is bars[after]:
            for name, value in states["masked"].items():
                # Features are float32, and so is log 8.
                noise = 1e-6 * float(value.double().abs().max())
                found = states["scaled"][name]
                torch.testing.assert_close(found.double(), value.double(), rtol=0, atol=noise)
            assert (laws["forgotten"] - laws["masked"]).abs().max() > 1e-2
