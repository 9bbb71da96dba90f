"""Weights and shapes to and from Hugging Face's Jamba and Mamba.

Only the backbone has a counterpart there: features enter it through `input_proj` and leave through
the head, so a model of Hugging Face's is called with `inputs_embeds`. Jamba's names are our own;
Mamba's differ. Names as in transformers 5; older checkpoints with a module for each expert are read
as well, and so are those of the `...ForCausalLM` classes, whose word embeddings are left out.

Attention there sees the whole past, ours `sliding_window` bars: the two agree on sequences of at
most that length.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.errors import ConfigError, ModelFileError
from forecasting.nn.backbone import Backbone
from forecasting.nn.network import ForecastNetwork

Weights = Mapping[str, Tensor]

_WORDS = re.compile(r"(embed_tokens|embeddings?|lm_head)\.weight")
_SINGLE_EXPERT = re.compile(r"(.+\.experts)\.(\d+)\.(gate|up|down)_proj\.weight")
_MAMBA_NAMES = (
    (".input_layernorm.", ".norm."),
    (".mamba.", ".mixer."),
    ("final_layernorm.", "norm_f."),
)


def hf_jamba_config(config: NetworkConfig) -> dict[str, bool | int | float]:
    """Arguments of transformers' `JambaConfig` for a backbone of this shape.

    Raises:
        ConfigError: Jamba has no such network.
    """
    _refuse_what_jamba_lacks(config)
    shared = (
        "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads "
        "num_experts num_experts_per_tok expert_layer_period expert_layer_offset "
        "attn_layer_period attn_layer_offset mamba_d_state mamba_d_conv mamba_expand rms_norm_eps"
    )
    found = {name: getattr(config, name) for name in shared.split()}
    never = {"period": config.num_hidden_layers + 1, "offset": config.num_hidden_layers}
    always = {"period": 1, "offset": 0}
    if config.mixer == "attention" or config.attn_layer_period is None:
        rule = always if config.mixer == "attention" else never
        found |= {f"attn_layer_{name}": value for name, value in rule.items()}
    if config.expert_layer_period is None:
        found |= {f"expert_layer_{name}": value for name, value in never.items()}
    # The words that the network never reads are kept few.
    return found | {"mamba_dt_rank": _rank(config), "vocab_size": 8, "use_cache": False}


def to_hf_jamba(network: ForecastNetwork) -> dict[str, Tensor]:
    """The backbone's weights for transformers' `JambaModel`, all but `embed_tokens.weight`.

    The tensors are those of the network, not copies.

    Raises:
        ConfigError: Jamba has no such network, or its router has a bias that is not zero.
    """
    _refuse_what_jamba_lacks(network.config)
    return _parameters(network.backbone)


def from_hf_jamba(weights: Weights, config: NetworkConfig) -> dict[str, Tensor]:
    """The state dict of a `Backbone` of this shape, from that of a `JambaModel`.

    Raises:
        ConfigError: Jamba has no such network.
        ModelFileError: Weights are missing, unknown, or of another shape than `config`'s.
    """
    _refuse_what_jamba_lacks(config)
    return _fitted(_stack_experts(_backbone_only(weights, "model.")), config)


def hf_mamba_config(config: NetworkConfig) -> dict[str, bool | int | float]:
    """Arguments of transformers' `MambaConfig` for a backbone of this shape.

    Raises:
        ConfigError: Mamba has no such network.
    """
    _refuse_what_mamba_lacks(config)
    return {
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "state_size": config.mamba_d_state,
        "conv_kernel": config.mamba_d_conv,
        "expand": config.mamba_expand,
        "time_step_rank": _rank(config),
        "layer_norm_epsilon": config.rms_norm_eps,
        "vocab_size": 8,
        "use_cache": False,
    }


def to_hf_mamba(network: ForecastNetwork) -> dict[str, Tensor]:
    """The backbone's weights for transformers' `MambaModel`, all but `embeddings.weight`.

    The tensors are those of the network, not copies.

    Args:
        network: A network of Mamba layers alone, without feed-forwards and inner norms.

    Raises:
        ConfigError: Mamba has no such network.
    """
    _refuse_what_mamba_lacks(network.config)
    renamed = {}
    for name, weight in _parameters(network.backbone).items():
        for ours, theirs in _MAMBA_NAMES:
            name = name.replace(ours, theirs)
        renamed[name] = weight
    return renamed


def from_hf_mamba(weights: Weights, config: NetworkConfig) -> dict[str, Tensor]:
    """The state dict of a `Backbone` of this shape, from that of a `MambaModel`.

    Raises:
        ConfigError: Mamba has no such network.
        ModelFileError: Weights are missing, unknown, or of another shape than `config`'s.
    """
    _refuse_what_mamba_lacks(config)
    renamed = {}
    for name, weight in _backbone_only(weights, "backbone.").items():
        for ours, theirs in _MAMBA_NAMES:
            name = name.replace(theirs, ours)
        renamed[name] = weight
    return _fitted(renamed, config)


def _rank(config: NetworkConfig) -> int:
    asked = config.mamba_dt_rank
    return -(-config.hidden_size // 16) if asked == "auto" else asked


def _refuse_what_jamba_lacks(config: NetworkConfig) -> None:
    kinds = {kind for layer in config.layer_plan() for kind in layer}
    experts = "moe" in kinds
    _refuse(
        "Jamba",
        {
            f"{config.mixer} layers": not kinds <= {"mamba", "attention", "dense", "moe", "none"},
            "layers without feed-forward": "none" in kinds,
            "a mixture of one expert": experts and config.num_experts == 1,
            "shared experts": experts and config.num_shared_experts > 0,
            "rotary positions": "attention" in kinds and config.position_embedding != "none",
            "elapsed time (elapsed_time: scale)": config.elapsed_time != "ignore",
            "attention across tickers (cross_asset)": config.cross_asset != "none",
            "Mamba layers without inner norms": "mamba" in kinds and not config.mamba_inner_norms,
        },
    )


def _refuse_what_mamba_lacks(config: NetworkConfig) -> None:
    kinds = {kind for layer in config.layer_plan() for kind in layer}
    _refuse(
        "Mamba",
        {
            "layers of another kind": not kinds <= {"mamba", "dense", "moe", "none"},
            "feed-forwards (intermediate_size above 0)": not kinds.isdisjoint({"dense", "moe"}),
            "elapsed time (elapsed_time: scale)": config.elapsed_time != "ignore",
            "attention across tickers (cross_asset)": config.cross_asset != "none",
            "inner norms (mamba_inner_norms: true)": "mamba" in kinds and config.mamba_inner_norms,
        },
    )


def _refuse(model: str, uses: Mapping[str, bool]) -> None:
    if found := ", ".join(what for what, is_used in uses.items() if is_used):
        raise ConfigError(
            f"the network has {found}, which Hugging Face's {model} has not; "
            "train a network without to exchange weights."
        )


def _parameters(backbone: Backbone) -> dict[str, Tensor]:
    """All weights; buffers, the routers' biases, have to be zero: the other side has none."""
    for name, buffer in backbone.named_buffers():
        if name.endswith("bias") and buffer.any():
            raise ConfigError(
                f"{name} is not zero, and Hugging Face's routers have no bias; "
                "train with router_balance: switch to exchange weights."
            )
    return {name: parameter.detach() for name, parameter in backbone.named_parameters()}


def _backbone_only(weights: Weights, prefix: str) -> dict[str, Tensor]:
    named = {name.removeprefix(prefix): weight for name, weight in weights.items()}
    return {name: weight for name, weight in named.items() if not _WORDS.fullmatch(name)}


def _stack_experts(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """One tensor for all experts of a layer, where an old checkpoint has one for each."""
    stacked, single = {}, {}
    for name, weight in weights.items():
        if match := _SINGLE_EXPERT.fullmatch(name):
            layer, expert, part = match.groups()
            single[layer, int(expert), part] = weight
        else:
            stacked[name] = weight
    for layer in {layer for layer, _, _ in single}:
        experts = sorted({expert for name, expert, _ in single if name == layer})
        gate, up, down = (
            torch.stack([single[layer, expert, part] for expert in experts])
            for part in ("gate", "up", "down")
        )
        stacked |= {f"{layer}.gate_up_proj": torch.cat([gate, up], 1), f"{layer}.down_proj": down}
    return stacked


def _fitted(weights: dict[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """The weights with our buffers, which start at zero there, checked against the shape."""
    with torch.device("meta"):
        backbone = Backbone(config)
    expected = dict(backbone.named_parameters())
    _refuse_names("misses", expected.keys() - weights.keys())
    _refuse_names("has the unknown", weights.keys() - expected.keys())
    for name, parameter in expected.items():
        if weights[name].shape != parameter.shape:
            raise ModelFileError(
                f"{name} has shape {tuple(weights[name].shape)}, expected "
                f"{tuple(parameter.shape)} by the network's configuration."
            )
    buffers = backbone.state_dict().keys() - expected.keys()
    started = {name: torch.zeros(backbone.get_buffer(name).shape) for name in buffers}
    return weights | started


def _refuse_names(what: str, names: Iterable[str]) -> None:
    if found := sorted(names):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ModelFileError(f"the Hugging Face state dict {what} {found[0]}{more}.")
