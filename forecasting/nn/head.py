"""The Student-t head: bounded departures from a baseline that it equals until it is trained."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

# How far training may move away from the baseline, each with slope 1 at the baseline itself.
_LOC_LIMIT = 1.0
"""Baseline scales that the location may lie off zero."""
_LOG_SCALE_LIMIT = 2.0
"""The scale stays within a factor exp(2) = 7.4 of the baseline's."""
_LOG_DF_LIMIT = 3.0
"""df - 2 stays within a factor exp(3) = 20 of the baseline's."""


class StudentT(NamedTuple):
    """Student-t law of the volatility-scaled target, per bar and horizon."""

    loc: Float[Tensor, "batch length horizon"]
    scale: Float[Tensor, "batch length horizon"]
    df: Float[Tensor, "batch length horizon"]


class StudentTHead(nn.Module):
    """Hidden state to location, scale and degrees of freedom of every horizon.

    With b(x, limit) = limit * tanh(x / limit) of three linear maps x, all zero at the start:

        loc   = base_scale * b(x_1, 1)
        scale = base_scale * exp(b(x_2, 2))
        df    = 2 + (base_df - 2) * exp(b(x_3, 3))

    so that every forecast has a finite variance. Until `set_baseline` the baseline is scale 1 with
    8 degrees of freedom.
    """

    base_scale: Tensor
    base_df: Tensor

    def __init__(self, hidden_size: int, n_horizons: int) -> None:
        super().__init__()
        self.proj = nn.Linear(hidden_size, 3 * n_horizons)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)
        self.register_buffer("base_scale", torch.ones(n_horizons))
        self.register_buffer("base_df", torch.full((n_horizons,), 8.0))

    def set_baseline(self, scale: Float[Tensor, "..."], df: Float[Tensor, "..."]) -> None:
        """Fix the law that the untrained head answers with, one scale and df a horizon.

        Raises:
            ValueError: A wrong shape, a scale that is not positive, or a df of 2 or less.
        """
        for name, value, low in (("scale", scale, 0.0), ("df", df, 2.0)):
            if value.shape != self.base_scale.shape:
                expected = tuple(self.base_scale.shape)
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {expected}")
            if not (value.isfinite() & (value > low)).all():
                raise ValueError(f"{name} is {value.tolist()}, expected finite and above {low}")
        self.base_scale.copy_(scale)
        self.base_df.copy_(df)

    def forward(self, hidden: Float[Tensor, "batch length hidden"]) -> StudentT:
        """The law at every bar."""
        loc, log_scale, log_df = self.proj(hidden).chunk(3, dim=-1)
        return StudentT(
            loc=self.base_scale * _bounded(loc, _LOC_LIMIT),
            scale=self.base_scale * _bounded(log_scale, _LOG_SCALE_LIMIT).exp(),
            df=2 + (self.base_df - 2) * _bounded(log_df, _LOG_DF_LIMIT).exp(),
        )


def _bounded(x: Tensor, limit: float) -> Tensor:
    return limit * torch.tanh(x / limit)


def student_t_nll(
    params: StudentT, target: Float[Tensor, "batch length horizon"]
) -> Float[Tensor, "batch length horizon"]:
    """Negative log density of each target, in nats.

    A NaN target gives NaN, for the caller to leave out (`nll[target.isfinite()].mean()`), and then
    adds nothing to any gradient.

    The density is that of `forecasting.forecast.student_t.log_density`.
    """
    loc, scale, df = params
    missing = target.isnan()
    # Replaced before the arithmetic: masking afterwards would leave 0 * NaN in the gradient.
    x = (torch.where(missing, loc.detach(), target) - loc) / scale
    nll = (
        torch.lgamma(df / 2)
        - torch.lgamma((df + 1) / 2)
        + 0.5 * torch.log(math.pi * df)
        + torch.log(scale)
        + (df + 1) / 2 * torch.log1p(x**2 / df)
    )
    return torch.where(missing, torch.nan, nll)
