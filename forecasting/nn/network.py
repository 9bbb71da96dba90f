"""The whole network: features in, one Student-t law per bar and horizon out."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone
from forecasting.nn.head import StudentT, StudentTHead
from forecasting.nn.moe import router_loss


class ForecastNetwork(nn.Module):
    """Normalise -> project -> backbone -> head; causal, and each row of the batch by itself.

    The law at bar t depends on the features of bars up to t alone, so a whole history is forecast
    in one call. Untrained it is the baseline of `set_baseline` at every bar.
    """

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: NetworkConfig, n_features: int, n_horizons: int) -> None:
        super().__init__()
        self.picks = config.num_experts_per_tok
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_std", torch.ones(n_features))
        self.input_proj = nn.Linear(n_features, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.backbone = Backbone(config)
        self.head = StudentTHead(config.hidden_size, n_horizons)

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
        self, features: Float[Tensor, "batch length feature"]
    ) -> tuple[StudentT, Float[Tensor, ""]]:
        """Forecast every bar.

        Args:
            features: As computed, not normalised; known at the close of their bar.

        Returns:
            The law of the volatility-scaled target. It is NaN from a row's first bar with a feature
            that is not finite: all that follows would rest on a guess. And the load-balancing
            loss of all routers, `num_experts_per_tok` at perfect balance, 0 without experts.

        Raises:
            ValueError: Another number of features than the network was made for.
        """
        if features.shape[-1] != len(self.feature_mean):
            raise ValueError(
                f"features have {features.shape[-1]} columns, expected {len(self.feature_mean)}"
            )
        known = features.isfinite().all(dim=-1).cummin(dim=1).values
        # Zeros keep NaN out of the arithmetic, where 0 * NaN would carry it back in time.
        features = torch.where(known.unsqueeze(-1), features, 0)
        x = self.input_proj((features - self.feature_mean) / self.feature_std)
        hidden, routings = self.backbone(self.dropout(x))
        with torch.autocast(hidden.device.type, enabled=False):
            law = self.head(hidden.float() if hidden.dtype == torch.bfloat16 else hidden)
        law = StudentT(*(torch.where(known.unsqueeze(-1), part, torch.nan) for part in law))
        return law, self._router_loss(routings, known)

    def _router_loss(
        self, routings: list[Tensor], known: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, ""]:
        if not routings or not known.any():
            return self.feature_mean.new_zeros(())
        return router_loss(torch.cat([routing[known] for routing in routings]), self.picks)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Optimiser groups: matrices decay; `A_log`, and every bias, norm, D and offset do not.

        Source: Gu & Dao (2023), Mamba, arXiv 2312.00752, reference implementation.
        """
        decayed: list[nn.Parameter] = []
        kept: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            vector = parameter.ndim < 2 or name.endswith("A_log")
            (kept if vector else decayed).append(parameter)
        return [
            {"params": decayed, "weight_decay": weight_decay},
            {"params": kept, "weight_decay": 0.0},
        ]
