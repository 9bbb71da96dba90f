"""The stack of pre-norm residual layers, each a mixer over time and a feed-forward.

Written as Jamba does, arXiv 2403.19887, section 2; leaf names are those of Hugging Face's
`JambaModel`, so that weights map one to one.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.attention import Attention
from forecasting.nn.feed_forward import FeedForward
from forecasting.nn.gru import GRUMixer
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.norm import RMSNorm

Hidden = Float[Tensor, "batch length hidden"]
Routing = Float[Tensor, "batch length expert"]

_MIXER_NAMES = {"mamba": "mamba", "attention": "self_attn", "gru": "gru"}


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

    def forward(self, x: Hidden) -> tuple[Hidden, Routing | None]:
        """The next hidden sequence, and the router's probabilities where there is a router."""
        mixer = self.get_submodule(self.mixer_name)
        x = x + self.dropout(mixer(self.input_layernorm(x)))
        if self.feed_forward is None:
            return x, None
        normed, routing = self.pre_ff_layernorm(x), None
        if isinstance(self.feed_forward, MixtureOfExperts):
            branch, routing = self.feed_forward(normed)
        else:
            branch = self.feed_forward(normed)
        return x + self.dropout(branch), routing


class Backbone(nn.Module):
    """All layers of `NetworkConfig.layer_plan` and the final norm."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        plan = config.layer_plan()
        self.layers = nn.ModuleList(Layer(config, mixer, ff) for mixer, ff in plan)
        self.final_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        branches = sum(1 if feed_forward == "none" else 2 for _, feed_forward in plan)
        self._scale_branches(branches)

    @torch.no_grad()
    def _scale_branches(self, branches: int) -> None:
        """Divide the last matrix of every residual branch by the root of their number.

        The variance of the residual stream then does not grow with depth. Source: Radford et al.
        (2019), Language Models are Unsupervised Multitask Learners, section 2.3.
        """
        for name, parameter in self.layers.named_parameters():
            if name.removesuffix(".weight").endswith(("out_proj", "o_proj", "down_proj")):
                parameter.div_(math.sqrt(branches))

    def forward(self, x: Hidden) -> tuple[Hidden, list[Routing]]:
        """The last hidden sequence, normalised, and the probabilities of each router."""
        routings = []
        for layer in self.layers:
            x, routing = layer(x)
            if routing is not None:
                routings.append(routing)
        return self.final_layernorm(x), routings


def _make_mixer(config: NetworkConfig, kind: str) -> nn.Module:
    match kind:
        case "mamba":
            return MambaMixer(config)
        case "attention":
            return Attention(config)
        case "gru":
            return GRUMixer(config.hidden_size)
    raise ValueError(f"mixer {kind!r}: expected mamba, attention or gru")


def _make_feed_forward(config: NetworkConfig, kind: str) -> nn.Module | None:
    match kind:
        case "dense":
            return FeedForward(config.hidden_size, config.intermediate_size)
        case "moe":
            return MixtureOfExperts(config)
        case "none":
            return None
    raise ValueError(f"feed-forward {kind!r}: expected dense, moe or none")
