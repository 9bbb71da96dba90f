"""Normalisation by the statistics of all bars so far."""

import torch
from torch import nn

from forecasting.nn.state import Hidden, State


class TimestepNorm(nn.Module):
    """weight * (x - mean_t) / sqrt(var_t + eps) + bias, statistics in at least float32.

    mean_t and var_t are taken over bars up to t and over the channels of a group, so nothing that
    comes later takes part. They are counted by Welford's rule, which subtracts no two large sums.

    Sources: Ma et al. (2024), Megalodon, arXiv 2404.08801, section 3.2; Chan, Golub & LeVeque
    (1983), Algorithms for Computing the Sample Variance: a bar's whole group joins at once.
    """

    def __init__(self, size: int, groups: int, eps: float) -> None:
        """Start as the plain normalisation.

        Args:
            size: Channels, a multiple of `groups`.
            groups: Sets of neighbouring channels that share their statistics.
            eps: Least variance.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))
        self.groups = groups
        self.eps = eps

    def forward(self, x: Hidden) -> Hidden:
        """Normalise a whole sequence; the type of `x` is kept."""
        return self.advance(x, self.initial_state(len(x)))[0]

    def initial_state(self, batch: int) -> State:
        """No bar counted: `count`, and by group `mean` and the sum of squared `deviations`."""
        dtype = torch.promote_types(self.weight.dtype, torch.float32)
        zeros = self.weight.new_zeros(batch, self.groups, dtype=dtype)
        count = torch.zeros(batch, dtype=torch.long, device=zeros.device)
        return {"count": count, "mean": zeros, "deviations": zeros.clone()}

    def advance(self, x: Hidden, state: State) -> tuple[Hidden, State]:
        """Normalise further bars."""
        start = state["mean"].unsqueeze(1)
        wide = x.to(torch.promote_types(x.dtype, start.dtype))
        grouped = torch.unflatten(wide, -1, (self.groups, -1))
        variance, bar = torch.var_mean(grouped, dim=-1, correction=0)
        bars = torch.arange(1, x.shape[1] + 1, device=x.device)
        count = (state["count"].unsqueeze(1) + bars).unsqueeze(-1)

        mean = start + (bar - start).cumsum(dim=1) / count
        mean_before = torch.cat([start, mean[:, :-1]], dim=1)
        new = variance + (bar - mean_before) * (bar - mean)
        deviations = state["deviations"].unsqueeze(1) + new.cumsum(dim=1)

        scale = torch.rsqrt(deviations / count + self.eps)
        y = ((grouped - mean.unsqueeze(-1)) * scale.unsqueeze(-1)).flatten(-2).to(x.dtype)
        last = {"count": count[:, -1, 0], "mean": mean[:, -1], "deviations": deviations[:, -1]}
        # Copied: a slice would hold on to the statistics of all bars.
        return y * self.weight + self.bias, {name: value.clone() for name, value in last.items()}
