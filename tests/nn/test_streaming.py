"""Bar by bar, chunk by chunk or all at once: every mixer and network answers the same."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Layer
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.state import Mixer, State

SMALL = {"hidden_size": 16, "sliding_window": 12, "dropout": 0.3}
PURE = SMALL | {"num_hidden_layers": 2, "attn_layer_period": None, "expert_layer_period": None}
# One kind of mixer each, in all layers.
MIXERS = {
    "mamba": NetworkConfig(mixer="mamba", **PURE),
    "mamba that takes a bar for a moment": NetworkConfig(mixer="mamba", mamba_d_conv=1, **PURE),
    "mamba2": NetworkConfig(mixer="mamba2", **PURE),
    "attention": NetworkConfig(mixer="attention", **PURE),
    "attention with rotary positions": NetworkConfig(
        mixer="attention", position_embedding="rotary", **PURE
    ),
    "attention to the own bar": NetworkConfig(mixer="attention", **PURE | {"sliding_window": 1}),
    "gru": NetworkConfig(mixer="gru", **PURE),
}
NETWORKS = MIXERS | {
    "mamba in elapsed time": NetworkConfig(mixer="mamba", elapsed_time="scale", **PURE),
    "megalodon": NetworkConfig(mixer="megalodon", **PURE),
    "jamba": NetworkConfig(**SMALL),
}
N_FEATURES, GAP_FEATURE, ROWS, LENGTH = 5, 3, 3, 300
CUTS = {
    "prefill and bars": lambda length: [length - 50] + [1] * 50,
    "chunks of any length": lambda length: any_lengths(length),
    "all at once": lambda length: [length],
}
BAR_BY_BAR = {"bar by bar": lambda length: [1] * length}
Advance = Callable[[Tensor, State], tuple[Tensor, State]]


def any_lengths(length: int) -> list[int]:
    pick, lengths = random.Random(0), []
    while (rest := length - sum(lengths)) > 0:
        lengths.append(min(rest, pick.choice([1, 1, 2, 3, 5, 11, 12, 13, 40])))
    return lengths


def make_mixer(name: str) -> Mixer:
    torch.manual_seed(0)
    config = MIXERS[name]
    mixer = Layer(config, config.mixer, "none").eval().mixer
    assert isinstance(mixer, Mixer)
    return mixer


def make_network(name: str) -> ForecastNetwork:
    """A network whose every parameter matters, as after training."""
    torch.manual_seed(0)
    network = ForecastNetwork(NETWORKS[name], N_FEATURES, 2, GAP_FEATURE).eval()
    torch.nn.init.normal_(network.head.proj.weight, std=0.5)
    return network


def make_series(length: int = LENGTH, columns: int = N_FEATURES) -> Tensor:
    return torch.randn(ROWS, length, columns, generator=torch.Generator().manual_seed(1))


def answer(network: ForecastNetwork) -> Advance:
    """The network's `advance` with the law as one tensor, (batch, length, horizon, part)."""

    def advance(features: Tensor, state: State) -> tuple[Tensor, State]:
        law, state = network.advance(features, state)
        return torch.stack(law, dim=-1), state

    return advance


@torch.no_grad()
def whole(network: ForecastNetwork, features: Tensor) -> Tensor:
    return torch.stack(network(features)[0], dim=-1)


def stream(advance: Advance, x: Tensor, state: State, lengths: list[int]) -> tuple[Tensor, State]:
    answers = []
    for chunk in x.split(lengths, dim=1):
        y, state = advance(chunk, state)
        answers.append(y)
    return torch.cat(answers, dim=1), state


def check_mixer(name: str, lengths: list[int], with_gap: bool) -> None:
    mixer, x = make_mixer(name), make_series(sum(lengths), 17)
    gap = x[..., 16:].exp() if with_gap else None

    def advance(x: Tensor, state: State) -> tuple[Tensor, State]:
        return mixer.advance(x[..., :16], state, x[..., 16].exp() if with_gap else None)

    found, state = stream(advance, x, mixer.initial_state(ROWS), lengths)
    assert not any(part.requires_grad for part in (found, *state.values()))
    with torch.no_grad():
        truth = mixer(x[..., :16], None if gap is None else gap.squeeze(-1))
    torch.testing.assert_close(found, truth, rtol=1e-5, atol=1e-5)


def check_network(name: str, lengths: list[int]) -> None:
    network, features = make_network(name), make_series(sum(lengths))
    found, _ = stream(answer(network), features, network.initial_state(ROWS), lengths)
    torch.testing.assert_close(found, whole(network, features), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("with_gap", [False, True])
@pytest.mark.parametrize("cuts", CUTS | BAR_BY_BAR)
@pytest.mark.parametrize("name", MIXERS)
def test_a_mixer_answers_the_same_however_its_bars_come(name, cuts, with_gap):
    check_mixer(name, (CUTS | BAR_BY_BAR)[cuts](LENGTH), with_gap)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_the_same_however_its_bars_come(name, cuts):
    check_network(name, CUTS[cuts](LENGTH))


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXERS)
def test_a_mixer_takes_five_thousand_bars_one_by_one(name):
    check_mixer(name, [1] * 5000, with_gap=False)


@pytest.mark.slow
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_five_thousand_bars(name, cuts):
    check_network(name, CUTS[cuts](5000))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_state_does_not_grow(name):
    backbone = make_network(name).backbone

    def sizes(state: State) -> dict[str, tuple[object, ...]]:
        """Shape, type and memory; a slice of a longer tensor would keep all of that alive."""
        return {key: (x.shape, x.dtype, x.untyped_storage().nbytes()) for key, x in state.items()}

    state = backbone.initial_state(ROWS)
    before = sizes(state)
    for length in (1, 1, 5, 100, 1):
        with torch.no_grad():
            _, state = backbone.advance(make_series(length, 16), state)
        assert sizes(state) == before
    assert all(len(x) == ROWS for x in state.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_can_be_joined_and_parted_whatever_their_age(name):
    network, features = make_network(name), make_series()
    advance, truth = answer(network), whole(make_network(name), features)
    ages = (0, 7, 150)
    parted = [
        network.initial_state(1) if age == 0 else advance(features[row, None, :age], start)[1]
        for row, age in enumerate(ages)
        for start in [network.initial_state(1)]
    ]
    state = {key: torch.cat([alone[key] for alone in parted]) for key in parted[0]}
    later = torch.stack([features[row, age : age + 30] for row, age in enumerate(ages)])
    found, state = stream(advance, later, state, [1, 1, 20, 8])
    for row, age in enumerate(ages):
        expected = truth[row, age : age + 30]
        torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-5)
    last = {key: x[2:].clone() for key, x in state.items()}
    found, _ = advance(features[2:, 180:], last)
    torch.testing.assert_close(found, truth[2:, 180:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", [[300], [200, 1, *[1] * 40, 59], [222, 78], [223, 77]])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_missing_feature_ends_its_row_alone(name, lengths):
    network, features = make_network(name), make_series()
    truth = whole(network, features)
    features[1, 222, 0] = torch.nan
    found, state = stream(answer(network), features, network.initial_state(ROWS), lengths)
    assert found[1, 222:].isnan().all()
    torch.testing.assert_close(found[1, :222], truth[1, :222], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[::2], truth[::2], rtol=1e-5, atol=1e-5)
    assert state["known"].tolist() == [True, False, True]
    assert all(x.isfinite().all() for x in state.values())


@pytest.mark.parametrize("future", [0.0, 1e3, torch.nan])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_to_come_does_not_reach_the_bars_before(name, future):
    network, features = make_network(name), make_series()
    truth = whole(network, features)
    features[:, 250:] *= future
    found, _ = stream(answer(network), features, network.initial_state(ROWS), [200, 1, 1, 98])
    torch.testing.assert_close(found[:, :250], truth[:, :250], rtol=1e-5, atol=1e-5)
