"""The part of a recipe that decides the network's shape."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from forecasting.config.section import Fraction, NotNegative, Positive, Section

Task = Literal["range_variance", "rank"]
"""What a network can learn beside the return, see `forecasting.nn.task_heads`."""


QUANTILE_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Probabilities whose quantiles `distribution: quantile` answers with; symmetric."""


class NetworkConfig(Section):
    """Shape of the network; names as in Hugging Face's Jamba configuration."""

    mixer: Literal["mamba", "mamba2", "attention", "megalodon", "gru"] = "mamba"
    """Sequence mixer of every layer that the attention rule does not pick."""
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
    """Bars that attention looks back, its own included (Megalodon: the length of its chunks)."""
    position_embedding: Literal["none", "rotary"] = "none"
    """How attention knows the order of bars; Mamba layers in front supply it without any."""
    rope_theta: Annotated[float, Field(gt=0)] = 10_000.0
    num_experts: Positive = 4
    num_experts_per_tok: Positive = 2
    num_shared_experts: Annotated[int, Field(ge=0)] = 0
    """Experts of `intermediate_size` that every bar passes, beside those that it is routed to."""
    router_balance: Literal["bias", "switch"] = "bias"
    """Even out the experts' load by a bias on the choice, or by the Switch loss."""
    router_bias_update_rate: NotNegative = 0.001
    router_aux_loss_coef: NotNegative = 0.001
    """Weight of the Switch loss."""
    router_z_loss_coef: NotNegative = 0.001
    mamba_d_state: Positive = 16
    mamba_d_conv: Positive = 4
    mamba_expand: Positive = 2
    mamba_dt_rank: Positive | Literal["auto"] = "auto"
    """Rank of the step-size projection; `auto` is ceil(hidden_size / 16)."""
    mamba_inner_norms: bool = True
    """Jamba's norms of step, B and C inside each Mamba layer; without them it is Mamba's own."""
    mamba_head_size: Positive = 16
    """Channels of a Mamba-2 head, which share one decay."""
    cema_size: Positive = 8
    """Complex states of each channel of Megalodon's moving average."""
    elapsed_time: Literal["ignore", "scale"] = "ignore"
    """Whether the calendar gap before a bar scales the time that the state decays over."""
    cross_asset: Literal["none", "attention"] = "none"
    """Whether the tickers that trade at the same bar see each other, in the middle of the stack."""
    distribution: Literal["student_t", "quantile"] = "student_t"
    """The law of each horizon: a Student-t learnt by its likelihood, or nine quantiles learnt by
    their pinball losses, between and beyond which it goes on as a Student-t."""
    rms_norm_eps: Annotated[float, Field(gt=0)] = 1e-6
    dropout: Fraction = 0.3
    """Dropout on the input projection and on every residual branch."""
    tasks: tuple[Task, ...] = ()
    """What else is forecast at every bar and horizon, a head each; weighted by
    `training.task_weights`."""

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
        heads, groups = self.num_attention_heads, self.num_key_value_heads
        if self.hidden_size % heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of num_attention_heads {heads}"
            )
        if self.position_embedding == "rotary" and self.hidden_size // heads % 2:
            raise ValueError(
                f"hidden_size / num_attention_heads is {self.hidden_size // heads}, which must be "
                "even for rotary positions"
            )
        if heads % groups:
            raise ValueError(
                f"num_attention_heads {heads} must be a multiple of num_key_value_heads {groups}"
            )
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks must not repeat, got {list(self.tasks)}")
        if self.num_experts_per_tok > self.num_experts:
            raise ValueError(
                f"num_experts_per_tok {self.num_experts_per_tok} must not exceed num_experts "
                f"{self.num_experts}"
            )
        width = self.mamba_expand * self.hidden_size
        if width % self.mamba_head_size and self.mixer == "mamba2":
            raise ValueError(
                f"mamba_expand * hidden_size is {width}, which must be a multiple of "
                f"mamba_head_size {self.mamba_head_size}"
            )
        return self

    def doubts(self) -> tuple[str, ...]:
        """What is allowed but known to be a poor choice, a sentence each."""
        hybrid = self.attn_layer_period is not None and self.mixer != "attention"
        if hybrid and self.attn_layer_offset == 0:
            return (
                "attn_layer_offset is 0: a hybrid whose first layer is attention was worse than "
                "either pure network at every ratio (arXiv 2510.04800); 1 or more is better.",
            )
        return ()

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
