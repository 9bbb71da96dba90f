"""The stack of pre-norm residual layers, each a mixer over time and a feed-forward.

As an option, one more layer in the middle of the stack mixes across tickers.

Written as Jamba does, arXiv 2403.19887, section 2; leaf names are those of Hugging Face's
`JambaModel`, so that weights map one to one.
"""

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from forecasting.config import NetworkConfig
from forecasting.nn.attention import Attention
from forecasting.nn.cross_asset import Bars, CrossAssetAttention
from forecasting.nn.feed_forward import FeedForward
from forecasting.nn.gru import GRUMixer
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer
from forecasting.nn.megalodon import MegalodonLayer
from forecasting.nn.moe import MixtureOfExperts, run_feed_forward
from forecasting.nn.norm import RMSNorm
from forecasting.nn.routing import Routing
from forecasting.nn.state import Gap, Hidden, Mixer, State, flat, nested

_MIXER_NAMES = {"mamba": "mamba", "mamba2": "mamba", "attention": "self_attn", "gru": "gru"}


class Layer(nn.Module):
    """x + mixer(norm(x)), then x + feed_forward(norm(x)), with dropout on both branches."""

    def __init__(self, config: NetworkConfig, mixer: str, feed_forward: str) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        mixing = _make_mixer(config, mixer)
        self.mixer_name = _MIXER_NAMES[mixer]
        self.add_module(self.mixer_name, mixing)
        self.feed_forward = _make_feed_forward(config, feed_forward)
        if self.feed_forward is not None:
            self.pre_ff_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def mixer(self) -> Mixer:
        """The mixer, whose name in the weights depends on its kind."""
        return cast(Mixer, self.get_submodule(self.mixer_name))

    def forward(self, x: Hidden, gap: Gap | None = None) -> tuple[Hidden, Routing | None]:
        """The next hidden sequence, and what the router did where there is one."""
        x = x + self.dropout(self.mixer(self.input_layernorm(x), gap))
        return self._feed_forward(x)

    def initial_state(self, batch: int) -> State:
        """The mixer's state before the first bar; all else has none."""
        return self.mixer.initial_state(batch)

    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """The next hidden sequence of further bars."""
        mixed, state = self.mixer.advance(self.input_layernorm(x), state, gap)
        return self._feed_forward(x + mixed)[0], state

    def _feed_forward(self, x: Hidden) -> tuple[Hidden, Routing | None]:
        if self.feed_forward is None:
            return x, None
        branch, routing = run_feed_forward(self.feed_forward, self.pre_ff_layernorm(x))
        return x + self.dropout(branch), routing


class Backbone(nn.Module):
    """All layers of `NetworkConfig.layer_plan`, the one across tickers and the final norm."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        plan = config.layer_plan()
        self.layers = nn.ModuleList(_make_layer(config, mixer, ff) for mixer, ff in plan)
        self.final_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        branches = sum(1 if feed_forward == "none" else 2 for _, feed_forward in plan)
        self._scale_branches(branches)
        # Made last, so that all else is drawn as without it.
        self.cross_asset = CrossAssetAttention(config) if config.cross_asset != "none" else None
        self._middle = (len(plan) - 1) // 2

    @torch.no_grad()
    def _scale_branches(self, branches: int) -> None:
        """Divide the last matrix of every residual branch by the root of their number.

        The variance of the residual stream then does not grow with depth. Source: Radford et al.
        (2019), Language Models are Unsupervised Multitask Learners, section 2.3.
        """
        for name, parameter in self.layers.named_parameters():
            if name.removesuffix(".weight").endswith(("out_proj", "o_proj", "down_proj")):
                parameter.div_(math.sqrt(branches))

    def forward(
        self, x: Hidden, gap: Gap | None = None, bar: Bars | None = None
    ) -> tuple[Hidden, list[Routing]]:
        """The last hidden sequence, normalised, and what each router did."""
        routings = []
        for i, layer in enumerate(self.layers):
            x, routing = layer(x, gap)
            x = self._across(i, x, bar)
            if routing is not None:
                routings.append(routing)
        return self.final_layernorm(x), routings

    def initial_state(self, batch: int) -> State:
        """The states of all layers before the first bar."""
        layers = enumerate(cast(Iterable[Layer], self.layers))
        return flat({f"layers.{i}": layer.initial_state(batch) for i, layer in layers})

    def advance(
        self, x: Hidden, state: State, gap: Gap | None = None, bar: Bars | None = None
    ) -> tuple[Hidden, State]:
        """The last hidden sequence of further bars, normalised."""
        states = {}
        for i, layer in enumerate(cast(Iterable[Layer], self.layers)):
            x, states[f"layers.{i}"] = layer.advance(x, nested(state, f"layers.{i}"), gap)
            x = self._across(i, x, bar)
        return self.final_layernorm(x), flat(states)

    def _across(self, layer: int, x: Hidden, bar: Bars | None) -> Hidden:
        """What follows a layer: in the middle of the stack the look across tickers."""
        if self.cross_asset is None or layer != self._middle:
            return x
        return cast(Hidden, self.cross_asset(x, bar))


def _make_layer(config: NetworkConfig, mixer: str, feed_forward: str) -> nn.Module:
    if mixer == "megalodon":
        return MegalodonLayer(config, _make_feed_forward(config, feed_forward))
    return Layer(config, mixer, feed_forward)


def _make_mixer(config: NetworkConfig, kind: str) -> nn.Module:
    match kind:
        case "mamba":
            return MambaMixer(config)
        case "mamba2":
            return Mamba2Mixer(config)
        case "attention":
            return Attention(config)
        case "gru":
            return GRUMixer(config.hidden_size)
    raise ValueError(f"mixer {kind!r}: expected mamba, mamba2, attention or gru")


def _make_feed_forward(config: NetworkConfig, kind: str) -> nn.Module | None:
    match kind:
        case "dense":
            return FeedForward(config.hidden_size, config.intermediate_size)
        case "moe":
            return MixtureOfExperts(config)
        case "none":
            return None
    raise ValueError(f"feed-forward {kind!r}: expected dense, moe or none")
