"""The network that is measured, its Transformer twin, and the models of other packages.

A peer that is not installed is None.
"""

import importlib
import logging
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone
from forecasting.nn.hugging_face import hf_jamba_config

WINDOW = 256
"""Bars that Jamba's attention looks back."""
JAMBA = NetworkConfig(
    hidden_size=64,
    num_hidden_layers=8,
    attn_layer_period=8,
    attn_layer_offset=4,
    intermediate_size=128,
    sliding_window=WINDOW,
    dropout=0.0,
)


def changed(config: NetworkConfig, **fields: Any) -> NetworkConfig:
    """The same shape with some fields replaced."""
    return NetworkConfig(**(config.model_dump() | fields))


def parameters(config: NetworkConfig) -> int:
    """Trained numbers of a backbone of this shape."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Backbone(config).parameters())


def transformer_twin(config: NetworkConfig, context: int) -> NetworkConfig:
    """Attention over the whole context in every layer, else the same, with as many parameters.

    The width of the feed-forwards makes up for the smaller mixers; experts and routing are equal.
    """
    twin = changed(config, mixer="attention", attn_layer_period=None, sliding_window=context)
    narrow, wide = 64, 128
    few, many = (parameters(changed(twin, intermediate_size=x)) for x in (narrow, wide))
    width = narrow + round((parameters(config) - few) * (wide - narrow) / (many - few))
    return changed(twin, intermediate_size=width)


def state_bytes(config: NetworkConfig) -> int:
    """What a backbone of this shape remembers of one ticker."""
    with torch.device("meta"):
        state = Backbone(config).initial_state(1)
    return sum(x.numel() * x.element_size() for x in state.values())


class HuggingFaceJamba(nn.Module):
    """`JambaModel` with the weights of a backbone, on its path without kernels."""

    def __init__(self, transformers: Any, config: NetworkConfig, backbone: Backbone) -> None:
        super().__init__()
        logging.getLogger("transformers").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not our code
            arguments = transformers.JambaConfig(**hf_jamba_config(config))
            self.model = transformers.JambaModel(arguments)
        self.model.load_state_dict(dict(backbone.named_parameters()), strict=False)
        self.model.embed_tokens.requires_grad_(False)  # nothing flows through it

    def forward(self, x: Tensor) -> Tensor:
        """The last hidden sequence."""
        return self.model(inputs_embeds=x).last_hidden_state


def hugging_face_jamba(config: NetworkConfig, backbone: Backbone) -> nn.Module | None:
    """Hugging Face's Jamba of the same shape and weights."""
    try:
        transformers = importlib.import_module("transformers")
    except ImportError:
        return None
    return HuggingFaceJamba(transformers, config, backbone)


class NeuralForecastTransformer(nn.Module):
    """`VanillaTransformer`, the nearest there: a window in, one path of future bars out."""

    def __init__(self, models: Any, context: int, config: NetworkConfig) -> None:
        super().__init__()
        layers, width = config.num_hidden_layers, 9 * config.hidden_size  # parameters as ours
        self.model = models.VanillaTransformer(
            h=21,
            input_size=context,
            hidden_size=config.hidden_size,
            n_head=config.num_attention_heads,
            conv_hidden_size=width,
            encoder_layers=layers - 1,
            decoder_layers=1,
            dropout=0.0,
        )

    def forward(self, window: Tensor) -> Tensor:
        """The path that follows a window of (batch, length, 1)."""
        return self.model({"insample_y": window, "futr_exog": None})


def neuralforecast_transformer(context: int, config: NetworkConfig) -> nn.Module | None:
    """The Transformer of neuralforecast with as many layers and channels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not our code
            models = importlib.import_module("neuralforecast.models")
            return NeuralForecastTransformer(models, context, config)
    except ImportError:
        return None
