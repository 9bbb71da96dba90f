"""The recipe: everything that decides a model, as one strict, frozen tree read from YAML.

A recipe holds values only; code chooses classes.
"""

from datetime import date
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


def _date_or_fraction(value: Any) -> float | str:
    # YAML reads an unquoted date as one.
    text = value.isoformat() if isinstance(value, date) else value
    if isinstance(text, float) and 0 < text < 1:
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except (TypeError, ValueError) as error:
        raise ValueError("expected a date YYYY-MM-DD, or a fraction between 0 and 1") from error


DateOrFraction = Annotated[float | str, BeforeValidator(_date_or_fraction)]


class Section(BaseModel):
    """A frozen part of a recipe that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Section):
    """Which features and targets, and where training ends."""

    features: Literal["auto", "close", "ohlc", "ohlcv"] = "auto"
    """Feature variant; `auto` is the richest one that every ticker has the columns for."""
    horizons: tuple[Positive, ...] = (1, 5, 21)
    """Bars ahead, ascending."""
    volatility_decay: Annotated[float, Field(gt=0, lt=1)] = 0.94
    """Weight of the past in the EWMA volatility that scales the targets."""
    validation_start: DateOrFraction = 0.6
    """First bar of the validation span: a date, or a fraction of the panel's bars."""
    test_start: DateOrFraction = 0.7
    """First bar that neither training nor validation sees."""

    @model_validator(mode="after")
    def _ascending(self) -> "DataConfig":
        if list(self.horizons) != sorted(set(self.horizons)) or not self.horizons:
            raise ValueError(f"horizons must ascend without repeats, got {list(self.horizons)}")
        return self


class NetworkConfig(Section):
    """Shape of the network; names as in Hugging Face's Jamba configuration."""

    mixer: Literal["mamba", "gru"] = "mamba"
    """Sequence mixer of every layer that is not attention."""
    hidden_size: Positive = 32
    num_hidden_layers: Positive = 3
    attn_layer_period: Positive | None = 3
    """Layer i mixes by attention iff i % period == offset; null for no attention."""
    attn_layer_offset: Annotated[int, Field(ge=0)] = 1
    expert_layer_period: Positive | None = 2
    """Layer i has a mixture of experts iff i % period == offset; null for dense layers only."""
    expert_layer_offset: Annotated[int, Field(ge=0)] = 1
    intermediate_size: Annotated[int, Field(ge=0)] = 64
    """Width of each feed-forward (of each expert); 0 for layers without feed-forward."""
    num_attention_heads: Positive = 4
    num_key_value_heads: Positive = 2
    sliding_window: Positive = 128
    """Bars that attention looks back, its own included: the state stays bounded."""
    num_experts: Positive = 4
    num_experts_per_tok: Positive = 2
    router_aux_loss_coef: Annotated[float, Field(ge=0)] = 0.001
    mamba_d_state: Positive = 16
    mamba_d_conv: Positive = 4
    mamba_expand: Positive = 2
    mamba_dt_rank: Positive | Literal["auto"] = "auto"
    """Rank of the step-size projection; `auto` is ceil(hidden_size / 16)."""
    rms_norm_eps: Annotated[float, Field(gt=0)] = 1e-6
    dropout: Fraction = 0.3
    """Dropout on the input projection and on every residual branch."""

    @model_validator(mode="after")
    def _consistent(self) -> "NetworkConfig":
        for kind in ("attn", "expert"):
            period = getattr(self, f"{kind}_layer_period")
            offset = getattr(self, f"{kind}_layer_offset")
            if period is not None and offset >= period:
                raise ValueError(
                    f"{kind}_layer_offset {offset} must be smaller than "
                    f"{kind}_layer_period {period}"
                )
        if self.attn_layer_period is not None and self.attn_layer_offset == 0:
            raise ValueError("attn_layer_offset must be at least 1: attention is never first")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError("hidden_size must be a multiple of num_attention_heads")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_attention_heads must be a multiple of num_key_value_heads")
        if self.num_experts_per_tok > self.num_experts:
            raise ValueError("num_experts_per_tok must not exceed num_experts")
        return self

    def layer_plan(self) -> tuple[tuple[str, str], ...]:
        """(mixer, feed-forward) of each layer by the Jamba rule.

        Source: Lieber et al. (2024), Jamba, arXiv 2403.19887, section 2.
        """

        def hit(layer: int, period: int | None, offset: int) -> bool:
            return period is not None and layer % period == offset

        def feed_forward(layer: int) -> str:
            if self.intermediate_size == 0:
                return "none"
            expert = hit(layer, self.expert_layer_period, self.expert_layer_offset)
            return "moe" if expert else "dense"

        return tuple(
            (
                "attention"
                if hit(layer, self.attn_layer_period, self.attn_layer_offset)
                else self.mixer,
                feed_forward(layer),
            )
            for layer in range(self.num_hidden_layers)
        )


class TrainingConfig(Section):
    """How the network is fitted."""

    context_length: Annotated[int, Field(ge=8)] = 256
    """Bars in a training window."""
    batch_size: Positive = 16
    """Windows in an optimiser step."""
    max_steps: Positive = 300
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 30
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    validate_every: Positive = 25
    """Optimiser steps in an epoch: between two validations, checkpoints and log lines."""
    patience: Positive = 4
    """Validations without improvement after which training stops."""
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of the matrix products while training; weights, states and the loss stay float32."""


class Recipe(Section):
    """A whole model: its data, its network and its training."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()

    def to_yaml(self) -> str:
        """The recipe as YAML that `load_recipe` reads back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
