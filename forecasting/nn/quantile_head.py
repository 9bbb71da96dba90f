"""The quantile head: nine quantiles that cannot cross, learnt by their pinball losses.

Koenker & Bassett (1978), Regression Quantiles, Econometrica 46(1), for the loss; Park et al.
(2022), Learning Quantile Functions without Quantile Crossing for Distribution-free Time Series
Forecasting, AISTATS, for quantiles as sums of positive gaps. The density between and beyond the
quantiles is that of `forecasting.forecast.quantile_law`.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import special
from torch import Tensor

from forecasting.config import QUANTILE_LEVELS
from forecasting.nn.head import LawHead, bounded
from forecasting.nn.student_t_head import StudentT, student_t_nll

_MEDIAN = QUANTILE_LEVELS.index(0.5)
# How far training may move away from the baseline, each with slope 1 at the baseline itself.
_MEDIAN_LIMIT = 1.0
"""Baseline scales that the median may lie off zero."""
_LOG_GAP_LIMIT = 2.0
"""Each gap between neighbours stays within a factor exp(2) = 7.4 of the baseline's."""


class Quantiles(NamedTuple):
    """Law of the volatility-scaled target through its quantiles, per bar and horizon."""

    values: Float[Tensor, "batch length horizon level"]
    """Strictly increasing, at `QUANTILE_LEVELS`."""
    df: Float[Tensor, "batch length horizon"]
    """Degrees of freedom of the Student-t that is bent to pass through them."""


class QuantileHead(LawHead[Quantiles]):
    """Hidden state to the quantiles of every horizon.

    With b(x, limit) = limit * tanh(x / limit) of nine linear maps x, all zero at the start, and z
    the quantiles of the standard t with base_df degrees of freedom:

        median = base_scale * b(x_1, 1)
        gap_i  = base_scale * (z_{i+1} - z_i) * exp(b(x_{i+1}, 2)),  i = 1 ... 8

    The other quantiles are the median plus or minus the gaps between. The degrees of freedom, with
    which the law goes on beyond the outer quantiles, stay the baseline's.
    """

    base_knots: Tensor
    levels: Tensor

    def __init__(self, hidden_size: int, n_horizons: int) -> None:
        super().__init__(hidden_size, n_horizons, width=len(QUANTILE_LEVELS))
        self.register_buffer("levels", torch.tensor(QUANTILE_LEVELS), persistent=False)
        self.register_buffer("base_knots", _knots(self.base_df))

    def set_baseline(self, scale: Float[Tensor, "..."], df: Float[Tensor, "..."]) -> None:
        """Fix the law that the untrained head answers with, one scale and df a horizon.

        Raises:
            ValueError: A wrong shape, a scale that is not positive, or a df of 2 or less.
        """
        super().set_baseline(scale, df)
        self.base_knots.copy_(_knots(self.base_df))

    def forward(self, hidden: Float[Tensor, "batch length hidden"]) -> Quantiles:
        """The law at every bar."""
        shift, *log_gaps = self.proj(hidden).chunk(len(QUANTILE_LEVELS), dim=-1)
        median = bounded(shift, _MEDIAN_LIMIT).unsqueeze(-1)
        log_gap = bounded(torch.stack(log_gaps, dim=-1), _LOG_GAP_LIMIT)
        gap = self.base_knots.diff(dim=-1) * log_gap.exp()
        below = gap[..., :_MEDIAN].flip(-1).cumsum(dim=-1).flip(-1)
        above = gap[..., _MEDIAN:].cumsum(dim=-1)
        values = torch.cat([median - below, median, median + above], dim=-1)
        return Quantiles(
            values=self.base_scale.unsqueeze(-1) * values,
            df=self.base_df.expand(shift.shape),
        )

    def nll(
        self, law: Quantiles, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """Negative log density of each target, in nats: of the Student-t of its piece."""
        values, df = law
        scale = values.diff(dim=-1) / self.base_knots.diff(dim=-1)
        loc = values[..., :-1] - scale * self.base_knots[:, :-1]
        piece = (target.unsqueeze(-1) >= values[..., 1:-1]).sum(dim=-1, keepdim=True)
        loc, scale = (part.gather(-1, piece).squeeze(-1) for part in (loc, scale))
        return student_t_nll(StudentT(loc, scale, df), target)

    def loss(
        self, law: Quantiles, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """Twice the mean pinball loss of the quantiles, in baseline scales: nearly the CRPS."""
        missing = target.isnan()
        at = torch.where(missing, 0.0, target).unsqueeze(-1)
        error = at - law.values
        pinball = torch.maximum(self.levels * error, (self.levels - 1) * error)
        loss = 2 * pinball.mean(dim=-1) / self.base_scale
        return torch.where(missing, torch.nan, loss)


def _knots(df: Tensor) -> Float[Tensor, "horizon level"]:
    """Quantiles of the standard t at `QUANTILE_LEVELS`."""
    freedom = df.double().cpu().numpy()
    knots = special.stdtrit(freedom[:, None], np.array(QUANTILE_LEVELS))
    return torch.from_numpy(knots).to(df)
