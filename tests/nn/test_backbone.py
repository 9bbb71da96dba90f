import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.config import NetworkConfig
from forecasting.nn.attention import Attention
from forecasting.nn.backbone import Backbone, Layer
from forecasting.nn.feed_forward import FeedForward
from forecasting.nn.gru import GRUMixer
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer
from forecasting.nn.megalodon import GatedAttention
from forecasting.nn.moe import MixtureOfExperts

MIXERS = {
    "mamba": ("mamba", MambaMixer),
    "mamba2": ("mamba", Mamba2Mixer),
    "megalodon": ("attention", GatedAttention),
    "gru": ("gru", GRUMixer),
    "attention": ("self_attn", Attention),
}
FEED_FORWARDS = {"dense": FeedForward, "moe": MixtureOfExperts, "none": type(None)}


@given(
    mixer=st.sampled_from(sorted(MIXERS)),
    layers=st.integers(1, 5),
    attention=st.sampled_from([None, (2, 1), (3, 1), (3, 2)]),
    experts=st.sampled_from([None, (1, 0), (2, 0), (2, 1)]),
    intermediate=st.sampled_from([0, 8]),
)
@settings(max_examples=25, deadline=None)
def test_layers_are_those_of_the_plan(mixer, layers, attention, experts, intermediate):
    attention_period, attention_offset = attention or (None, 1)
    expert_period, expert_offset = experts or (None, 0)
    config = NetworkConfig(
        mixer=mixer,
        hidden_size=8,
        num_hidden_layers=layers,
        attn_layer_period=attention_period,
        attn_layer_offset=attention_offset,
        expert_layer_period=expert_period,
        expert_layer_offset=expert_offset,
        intermediate_size=intermediate,
    )
    backbone = Backbone(config)
    for layer, (kind, feed_forward) in zip(backbone.layers, config.layer_plan(), strict=True):
        name, expected = MIXERS[kind]
        assert isinstance(layer.get_submodule(name), expected)
        assert isinstance(layer.feed_forward, FEED_FORWARDS[feed_forward])
        assert hasattr(layer, "pre_ff_layernorm") == (feed_forward != "none")
    hidden, routings = backbone(torch.randn(2, 7, 8))
    assert hidden.shape == (2, 7, 8)
    assert len(routings) == sum(kind == "moe" for _, kind in config.layer_plan())


def test_the_last_matrix_of_each_branch_starts_smaller():
    backbone = Backbone(NetworkConfig(num_hidden_layers=3, intermediate_size=64))
    shrink = math.sqrt(6)
    mamba, attention = backbone.layers[0].mamba, backbone.layers[1].self_attn
    experts, dense = backbone.layers[1].feed_forward.experts, backbone.layers[0].feed_forward
    last_and_width = [
        (mamba.out_proj.weight, 64),
        (attention.o_proj.weight, 32),
        (experts.down_proj, 64),
        (dense.down_proj.weight, 64),
    ]
    for weight, width in last_and_width:
        assert float(weight.detach().abs().max()) == pytest.approx(width**-0.5 / shrink, rel=0.02)
    assert float(mamba.in_proj.weight.detach().abs().max()) == pytest.approx(32**-0.5, rel=0.02)


@pytest.mark.parametrize("kinds", [("lstm", "dense"), ("mamba", "lstm")])
def test_an_unknown_kind_is_named(kinds):
    with pytest.raises(ValueError, match="'lstm': expected"):
        Layer(NetworkConfig(), *kinds)
