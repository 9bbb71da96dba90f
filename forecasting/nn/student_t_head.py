"""The Student-t head, learnt by maximum likelihood."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from forecasting.nn.head import LawHead, bounded

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


class StudentTHead(LawHead[StudentT]):
    """Hidden state to location, scale and degrees of freedom of every horizon.

    With b(x, limit) = limit * tanh(x / limit) of three linear maps x, all zero at the start:

        loc   = base_scale * b(x_1, 1)
        scale = base_scale * exp(b(x_2, 2))
        df    = 2 + (base_df - 2) * exp(b(x_3, 3))

    so that every forecast has a finite variance.
    """

    def __init__(self, hidden_size: int, n_horizons: int) -> None:
        super().__init__(hidden_size, n_horizons, width=3)

    def forward(self, hidden: Float[Tensor, "batch length hidden"]) -> StudentT:
        """The law at every bar."""
        loc, log_scale, log_df = self.proj(hidden).chunk(3, dim=-1)
        return StudentT(
            loc=self.base_scale * bounded(loc, _LOC_LIMIT),
            scale=self.base_scale * bounded(log_scale, _LOG_SCALE_LIMIT).exp(),
            df=2 + (self.base_df - 2) * bounded(log_df, _LOG_DF_LIMIT).exp(),
        )

    def nll(
        self, law: StudentT, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """Negative log density of each target, in nats; see `student_t_nll`."""
        return student_t_nll(law, target)

    def loss(
        self, law: StudentT, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """The score itself: maximum likelihood."""
        return student_t_nll(law, target)


def student_t_nll(
    params: StudentT, target: Float[Tensor, "batch length horizon"]
) -> Float[Tensor, "batch length horizon"]:
    """Negative log density of each target, in nats.

    A NaN target gives NaN, for the caller to leave out (`nll[target.isfinite()].mean()`), and then
    adds nothing to any gradient.

    The density is that of `forecasting.forecast.student_t`.
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


def student_t_divergence(
    params: StudentT, teacher: StudentT
) -> Float[Tensor, "batch length horizon"]:
    """How far a law is from a teacher's, in nats; 0 where they are equal.

    For laws that are near each other the Kullback-Leibler divergence is half the squared distance
    in the metric of Fisher's information, which a t law of v degrees of freedom has as
    (v + 1) / (v + 3) for the location in scales and 2 v / (v + 3) for the log scale. That of
    log(v - 2) varies with v and is small: it is taken as 0.04.

    Source: Lange, Little & Taylor (1989), Robust Statistical Modeling Using the t Distribution,
    JASA 84(408), appendix B.
    """
    v = teacher.df
    loc = (params.loc - teacher.loc) / teacher.scale
    log_scale = torch.log(params.scale / teacher.scale)
    log_df = torch.log((params.df - 2) / (v - 2))
    return 0.5 * ((v + 1) * loc**2 + 2 * v * log_scale**2) / (v + 3) + 0.02 * log_df**2
