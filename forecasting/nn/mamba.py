"""The Mamba-1 mixer with Jamba's inner norms.

1. Gu & Dao (2023), Mamba, arXiv 2312.00752, section 3.4 and algorithm 2.
2. Lieber et al. (2024), Jamba, arXiv 2403.19887, section 6.4: RMSNorm on dt, B and C.

Parameter names and shapes are those of Hugging Face's `JambaMambaMixer`; the initialisation is
that of [1], because Hugging Face's zeroes the step-size bias, which starts nearly memoryless.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.kernels import causal_conv_silu, linear, selective_scan
from forecasting.nn.norm import RMSNorm

_STEP_RANGE = (1e-3, 0.1)
_SMALLEST_STEP = 1e-4


class MambaMixer(nn.Module):
    """in_proj -> causal convolution -> selective scan, gated -> out_proj."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        inner = config.mamba_expand * config.hidden_size
        state = config.mamba_d_state
        asked = config.mamba_dt_rank
        rank = math.ceil(config.hidden_size / 16) if asked == "auto" else asked
        self.split_sizes = [rank, state, state]
        self.in_proj = nn.Linear(config.hidden_size, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, config.mamba_d_conv, groups=inner)
        self.x_proj = nn.Linear(inner, sum(self.split_sizes), bias=False)
        self.dt_layernorm = RMSNorm(rank, config.rms_norm_eps)
        self.b_layernorm = RMSNorm(state, config.rms_norm_eps)
        self.c_layernorm = RMSNorm(state, config.rms_norm_eps)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, config.hidden_size, bias=False)
        self._initialise_step_size(rank)

    @torch.no_grad()
    def _initialise_step_size(self, rank: int) -> None:
        """Draw softplus(bias) log-uniformly from `_STEP_RANGE`, as in [1], section 3.6."""
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        low, high = (math.log(step) for step in _STEP_RANGE)
        step = torch.empty_like(self.dt_proj.bias).uniform_(low, high).exp_()
        step.clamp_(min=_SMALLEST_STEP)
        self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length hidden"]:
        """Mix each channel with its own past."""
        # Two products, not one cut in two: backward need not glue the halves together.
        u, z = (linear(x, half) for half in self.in_proj.weight.chunk(2))
        assert self.conv1d.bias is not None
        u = causal_conv_silu(u, self.conv1d.weight.squeeze(1), self.conv1d.bias)
        step, B, C = torch.split(linear(u, self.x_proj.weight), self.split_sizes, dim=-1)
        # The bias of dt_proj joins inside the scan, in the precision of the state.
        dt = linear(self.dt_layernorm(step), self.dt_proj.weight)
        A = -torch.exp(self.A_log)
        B, C = self.b_layernorm(B), self.c_layernorm(C)
        y, _ = selective_scan(u, dt, A, B, C, self.D, z, self.dt_proj.bias)
        return linear(y, self.out_proj.weight)
