"""Which layers of a network have a memory, selectivity, experts or attention to look at."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pandas as pd
from torch import nn

from forecasting.forecaster.inside.attention import CausalAttention
from forecasting.forecaster.inside.steps import StateSpace
from forecasting.nn.attention import Attention
from forecasting.nn.cema import CEMA
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer
from forecasting.nn.megalodon import GatedAttention
from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.network import ForecastNetwork

_Kind = TypeVar("_Kind", bound=nn.Module)


def selective_layers(network: ForecastNetwork) -> dict[int, StateSpace]:
    """The state-space mixers, by layer."""
    return {**dict(_of(network, MambaMixer)), **dict(_of(network, Mamba2Mixer))}


def averaging_layers(network: ForecastNetwork) -> dict[int, CEMA]:
    """The moving averages, by layer."""
    return dict(_of(network, CEMA))


def expert_layers(network: ForecastNetwork) -> dict[int, MixtureOfExperts]:
    """The mixtures of experts, by layer."""
    return dict(_of(network, MixtureOfExperts))


def attention_layers(network: ForecastNetwork) -> dict[int, CausalAttention]:
    """Attention over time, by layer; that across tickers is none."""
    return {**dict(_of(network, Attention)), **dict(_of(network, GatedAttention))}


def layer_table(network: ForecastNetwork) -> pd.DataFrame:
    """What can be looked at in each layer: a row a layer, by its index."""
    views: dict[str, Iterable[int]] = {
        "memory": {**selective_layers(network), **averaging_layers(network)},
        "selectivity": selective_layers(network),
        "experts": expert_layers(network),
        "attention": attention_layers(network),
    }
    plan = pd.DataFrame(network.config.layer_plan(), columns=["mixer", "feed_forward"])
    seen = {view: plan.index.isin(list(layers)) for view, layers in views.items()}
    return plan.assign(**seen).rename_axis("layer")


def absences(network: ForecastNetwork) -> tuple[str, ...]:
    """What cannot be seen in this network, and why; a sentence each."""
    notes = []
    mixers = {mixer for mixer, _ in network.config.layer_plan()}
    if not selective_layers(network) and not averaging_layers(network):
        notes.append("No layer has a state that fades by a rate of its own: no half-life.")
    if "gru" in mixers:
        notes.append(
            "A GRU's state is mixed through its gates at every bar and has no decay to read a "
            "half-life from: it is left out."
        )
    if not selective_layers(network):
        notes.append("No layer is a selective state space: there is no step size to look at.")
    if not expert_layers(network):
        notes.append("All feed-forwards are dense or absent: there are no experts.")
    if not attention_layers(network):
        notes.append("No layer attends over time.")
    if network.config.cross_asset != "none":
        notes.append("The attention across tickers has no lags and is not shown.")
    return tuple(notes)


def _of(network: ForecastNetwork, kind: type[_Kind]) -> Iterator[tuple[int, _Kind]]:
    for i, layer in enumerate(network.backbone.layers):
        for module in layer.modules():
            if isinstance(module, kind):
                yield i, module
