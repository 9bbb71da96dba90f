"""The whole network: features in, one law per bar and horizon out."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone
from forecasting.nn.cross_asset import Bars
from forecasting.nn.head import LawHead
from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.quantile_head import QuantileHead, Quantiles
from forecasting.nn.routing import RouterReport, report_routing
from forecasting.nn.state import State
from forecasting.nn.student_t_head import StudentT, StudentTHead
from forecasting.nn.task_heads import TASK_HEADS

Law = StudentT | Quantiles
"""What a network answers with, by `config.distribution`."""
HEADS: dict[str, type[StudentTHead] | type[QuantileHead]] = {
    "student_t": StudentTHead,
    "quantile": QuantileHead,
}
# Parameters of more than one axis that say how fast a state decays.
_RATES = ("A_log", "cema.alpha", "cema.delta", "cema.gamma")


class Answer(NamedTuple):
    """All that a network says of every bar."""

    law: Law
    routing: RouterReport
    tasks: dict[str, Float[Tensor, "batch length horizon"]]
    """Of each of `config.tasks`, in the units of its targets; NaN where the law is."""


class ForecastNetwork(nn.Module):
    """Normalise -> project -> backbone -> head; causal, and each row of the batch by itself.

    With `config.cross_asset` the rows are the tickers of one market: at a bar that several of them
    have, each sees the others' past too.

    The law at bar t depends on the features of bars up to t alone, so a whole history is forecast
    in one call. Untrained it is the baseline of `set_baseline` at every bar.
    """

    feature_mean: Tensor
    feature_std: Tensor
    usual_gap: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        n_features: int,
        n_horizons: int,
        gap_feature: int | None = None,
    ) -> None:
        """An untrained network.

        Args:
            config: Its shape.
            n_features: Columns of the features.
            n_horizons: Laws that it answers with at every bar.
            gap_feature: Column with the log of the time since the bar before, which
                `config.elapsed_time = "scale"` needs.
        """
        super().__init__()
        self.gap_feature = gap_feature if config.elapsed_time == "scale" else None
        self.config = config
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_std", torch.ones(n_features))
        self.register_buffer("usual_gap", torch.zeros(()))  # log, as the feature
        self.input_proj = nn.Linear(n_features, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.backbone = Backbone(config)
        self.head: LawHead[Any] = HEADS[config.distribution](config.hidden_size, n_horizons)
        self.task_heads = nn.ModuleDict(
            {task: TASK_HEADS[task](config.hidden_size, n_horizons) for task in config.tasks}
        )

    def set_normalisation(self, mean: Float[Tensor, "..."], std: Float[Tensor, "..."]) -> None:
        """Fix the centre and the unit of each feature, from the training span.

        A feature that did not vary there (std 0) is centred and not divided.

        Raises:
            ValueError: A wrong shape, a value that is not finite, or a negative std.
        """
        for name, value in (("mean", mean), ("std", std)):
            if value.shape != self.feature_mean.shape:
                expected = tuple(self.feature_mean.shape)
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {expected}")
            if not value.isfinite().all():
                raise ValueError(f"{name} is {value.tolist()}, expected finite numbers")
        if (std < 0).any():
            raise ValueError(f"std is {std.tolist()}, expected no negative number")
        self.feature_mean.copy_(mean)
        self.feature_std.copy_(torch.where(std > 0, std, 1))

    def set_baseline(self, scale: Float[Tensor, "..."], df: Float[Tensor, "..."]) -> None:
        """Fix the law, (horizon,) scale and df > 2, that the untrained network answers with.

        Raises:
            ValueError: A wrong shape or a value out of range.
        """
        self.head.set_baseline(scale, df)

    def forward(
        self, features: Float[Tensor, "batch length feature"], bar: Bars | None = None
    ) -> tuple[Law, RouterReport]:
        """Forecast every bar.

        Args:
            features: As computed, not normalised; known at the close of their bar.
            bar: Which bars of different rows are the same, for `config.cross_asset`; -1 for
                padding. Without it every row is alone in its market.

        Returns:
            The law of the volatility-scaled target, as the head answers. It is NaN from a row's
            first bar with a feature that is not finite: all that follows would rest on a guess. And
            what the routers did with the bars before that: their loss, and the load of each expert.

        Raises:
            ValueError: Another number of features than the network was made for.
        """
        law, routing, _ = self.answer(features, bar)
        return law, routing

    def answer(
        self, features: Float[Tensor, "batch length feature"], bar: Bars | None = None
    ) -> Answer:
        """`forward`, and what the heads of the tasks say beside the law."""
        features, known = self._known(features)
        hidden, routings = self.backbone(
            self.dropout(self._embed(features)), self._gap(features), _known_bar(bar, known)
        )
        routing = report_routing(self.config, routings, known)
        return Answer(self._law(hidden, known), routing, self._tasks(hidden, known))

    def initial_state(self, batch: int) -> State:
        """The state before the first bar."""
        known = torch.ones(batch, dtype=torch.bool, device=self.feature_mean.device)
        return {"known": known, **self.backbone.initial_state(batch)}

    def advance(
        self,
        features: Float[Tensor, "batch length feature"],
        state: State,
        bar: Bars | None = None,
    ) -> tuple[Law, State]:
        """Forecast further bars; without gradients, equal to `forward` over all bars so far.

        Args:
            features: Of any number of bars, as for `forward`; padding would enter the state.
            state: Of `initial_state` or of the call before; it may be overwritten.
            bar: As for `forward`; all rows that have a bar have to come in the same call.

        Raises:
            ValueError: Another number of features than the network was made for.
        """
        features, known = self._known(features)
        known = known & state["known"].unsqueeze(-1)
        with torch.no_grad():
            hidden, rest = self.backbone.advance(
                self._embed(features), state, self._gap(features), _known_bar(bar, known)
            )
            law = self._law(hidden, known)
        return law, {"known": known[:, -1].clone(), **rest}

    def _known(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The features with zeros from a row's first missing one on, and where that begins."""
        if features.shape[-1] != len(self.feature_mean):
            raise ValueError(
                f"features have {features.shape[-1]} columns, expected {len(self.feature_mean)}"
            )
        known = features.isfinite().all(dim=-1).cummin(dim=1).values
        # Zeros keep NaN out of the arithmetic, where 0 * NaN would carry it back in time.
        return torch.where(known.unsqueeze(-1), features, 0), known

    def _embed(self, features: Tensor) -> Tensor:
        return self.input_proj((features - self.feature_mean) / self.feature_std)

    def _gap(self, features: Tensor) -> Tensor | None:
        if self.gap_feature is None:
            return None
        return (features[..., self.gap_feature] - self.usual_gap).exp()

    def _law(self, hidden: Tensor, known: Tensor) -> Law:
        with torch.autocast(hidden.device.type, enabled=False):
            law = self.head(hidden.float() if hidden.dtype == torch.bfloat16 else hidden)
        return law._make(
            torch.where(known.reshape(*known.shape, *[1] * (part.ndim - 2)), part, torch.nan)
            for part in law
        )

    def _tasks(self, hidden: Tensor, known: Tensor) -> dict[str, Tensor]:
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float() if hidden.dtype == torch.bfloat16 else hidden
            answers = {task: head(hidden) for task, head in self.task_heads.items()}
        return {
            task: torch.where(known.unsqueeze(-1), answer, torch.nan)
            for task, answer in answers.items()
        }

    @property
    def expert_layers(self) -> tuple[int, ...]:
        """The layers with a router, in the order of a `RouterReport`."""
        plan = enumerate(self.config.layer_plan())
        return tuple(i for i, (_, feed_forward) in plan if feed_forward == "moe")

    def balance_experts(self, picks: Int[Tensor, "layer expert"]) -> None:
        """Move the routers' biases after an optimiser step, the only time that they move.

        Args:
            picks: As in a `RouterReport`, summed over all batches of the step.
        """
        mixtures = [x for x in self.backbone.modules() if isinstance(x, MixtureOfExperts)]
        for mixture, load in zip(mixtures, picks, strict=True):
            mixture.balance(load)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Optimiser groups: matrices decay; decay rates, and every bias, norm, D and offset do not.

        Source: Gu & Dao (2023), Mamba, arXiv 2312.00752, reference implementation.
        """
        decayed: list[nn.Parameter] = []
        kept: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            vector = parameter.ndim < 2 or name.endswith(_RATES)
            (kept if vector else decayed).append(parameter)
        return [
            {"params": decayed, "weight_decay": weight_decay},
            {"params": kept, "weight_decay": 0.0},
        ]


def _known_bar(bar: Tensor | None, known: Tensor) -> Tensor | None:
    """The bars at which a row may be seen by others: a row that is a guess is seen by none."""
    return None if bar is None else torch.where(known, bar, -1)
