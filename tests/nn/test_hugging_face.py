import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.errors import ConfigError, ModelFileError
from forecasting.nn.hugging_face import (
    from_hf_jamba,
    from_hf_mamba,
    hf_jamba_config,
    hf_mamba_config,
    to_hf_jamba,
    to_hf_mamba,
)
from forecasting.nn.network import ForecastNetwork

JAMBA = NetworkConfig(hidden_size=16, num_hidden_layers=4, intermediate_size=8, num_experts=3)
MAMBA = NetworkConfig(
    hidden_size=16, num_hidden_layers=2, attn_layer_period=None, intermediate_size=0
)


def make_network(config: NetworkConfig) -> ForecastNetwork:
    torch.manual_seed(0)
    return ForecastNetwork(config, n_features=5, n_horizons=2).eval()


def changed(config: NetworkConfig, **fields: object) -> NetworkConfig:
    return NetworkConfig(**(config.model_dump() | fields))


@pytest.fixture(scope="module")
def jamba() -> dict[str, Tensor]:
    return to_hf_jamba(make_network(JAMBA))


def test_weights_go_to_jamba_and_back(jamba):
    network = make_network(JAMBA)
    before = {name: x.clone() for name, x in network.backbone.state_dict().items()}
    words = {"model.embed_tokens.weight": torch.ones(8, 16), "lm_head.weight": torch.ones(8, 16)}
    found = from_hf_jamba({f"model.{name}": x for name, x in jamba.items()} | words, JAMBA)
    for parameter in network.backbone.parameters():
        parameter.data.fill_(9)
    network.backbone.load_state_dict(found)
    for name, x in network.backbone.state_dict().items():
        assert torch.equal(x, before[name]), name


def test_an_old_checkpoint_has_a_module_for_each_expert(jamba):
    old = {}
    for name, weight in jamba.items():
        if name.endswith("gate_up_proj"):
            for e, (gate, up) in enumerate(half.chunk(2) for half in weight):
                prefix = name.replace("gate_up_proj", str(e))
                old |= {f"{prefix}.gate_proj.weight": gate, f"{prefix}.up_proj.weight": up}
        elif name.endswith("experts.down_proj"):
            for e, down in enumerate(weight):
                old[name.replace("down_proj", f"{e}.down_proj.weight")] = down
        else:
            old[name] = weight
    assert len(old) > len(jamba)
    found, truth = from_hf_jamba(old, JAMBA), from_hf_jamba(jamba, JAMBA)
    assert found.keys() == truth.keys()
    assert all(torch.equal(found[name], truth[name]) for name in truth)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"mixer": "gru"}, "gru layers"),
        ({"intermediate_size": 0}, "layers without feed-forward"),
        ({"num_shared_experts": 1}, "shared experts"),
        ({"num_experts": 1, "num_experts_per_tok": 1}, "a mixture of one expert"),
        ({"position_embedding": "rotary"}, "rotary positions"),
        ({"elapsed_time": "scale"}, "elapsed time"),
        ({"cross_asset": "attention"}, "attention across tickers"),
    ],
)
def test_what_jamba_lacks_is_refused_by_name(jamba, fields, named):
    config = changed(JAMBA, **fields)
    for refused in (lambda: hf_jamba_config(config), lambda: from_hf_jamba(jamba, config)):
        with pytest.raises(ConfigError, match=f"has {named}.*which Hugging Face's Jamba has not"):
            refused()


def test_a_router_bias_is_refused_unless_it_is_zero():
    network = make_network(JAMBA)
    router = network.backbone.layers[1].feed_forward
    router.register_buffer("another_bias", torch.zeros(3))
    assert not any("bias" in name for name in to_hf_jamba(network) if "feed_forward" in name)
    router.another_bias[1] = 0.1
    with pytest.raises(ConfigError, match="another_bias is not zero"):
        to_hf_jamba(network)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda w: w.pop("layers.0.mamba.D"), r"misses layers\.0\.mamba\.D\."),
        (lambda w: w.update(other=torch.ones(1)), r"has the unknown other\."),
        (
            lambda w: w.update({"layers.0.mamba.D": torch.ones(3)}),
            r"shape \(3,\), expected \(32,\)",
        ),
        (lambda w: [w.pop(name) for name in [*w][:3]], "misses .* and 2 more"),
    ],
)
def test_a_state_dict_of_another_shape_is_refused(jamba, spoil, told):
    weights = dict(jamba)
    spoil(weights)
    with pytest.raises(ModelFileError, match=told):
        from_hf_jamba(weights, JAMBA)


@pytest.mark.parametrize(
    ("fields", "attention", "experts"),
    [
        ({}, [1], [1, 3]),
        ({"attn_layer_period": None}, [], [1, 3]),
        ({"mixer": "attention"}, [0, 1, 2, 3], [1, 3]),
        ({"expert_layer_period": None}, [1], []),
    ],
)
def test_the_configuration_asks_for_the_same_layers(fields, attention, experts):
    found = hf_jamba_config(changed(JAMBA, **fields))
    for kind, layers in (("attn", attention), ("expert", experts)):
        period, offset = found[f"{kind}_layer_period"], found[f"{kind}_layer_offset"]
        assert offset < period
        assert [i for i in range(4) if i % period == offset] == layers


def test_mamba_takes_no_other_layers():
    with pytest.raises(ConfigError, match=r"feed-forwards .* which Hugging Face's Mamba has not"):
        hf_mamba_config(changed(MAMBA, intermediate_size=8))
    with pytest.raises(ConfigError, match="inner norms"):
        to_hf_mamba(make_network(MAMBA))


def test_weights_go_to_mamba_and_back():
    config = changed(MAMBA, mamba_inner_norms=False)
    network = make_network(config)
    theirs = to_hf_mamba(network)
    assert {name.split(".")[0] for name in theirs} == {"layers", "norm_f"}
    found = from_hf_mamba({f"backbone.{name}": x for name, x in theirs.items()}, config)
    for name, x in network.backbone.state_dict().items():
        assert torch.equal(x, found[name]), name
