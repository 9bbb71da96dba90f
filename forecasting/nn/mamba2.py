"""The Mamba-2 mixer: one projection, one convolution, one decay per head.

1. Dao & Gu (2024), Transformers are SSMs, arXiv 2405.21060, section 7 and figure 6.
2. Gu & Dao (2023), Mamba, arXiv 2312.00752, section 3.6: the step sizes at the start.

Parameter names and shapes are those of Hugging Face's `Mamba2Mixer` with one group; the decay rates
start as in the reference implementation of [1], uniform and not 1, 2, 3, ...
"""

import math

import torch
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.kernels import causal_conv_silu, linear
from forecasting.nn.norm import RMSNorm
from forecasting.nn.selection import Selection, select
from forecasting.nn.ssd import head_scan
from forecasting.nn.state import Gap, Hidden, State

_STEP_RANGE = (1e-3, 0.1)
_RATE_RANGE = (1.0, 16.0)


class Mamba2Mixer(nn.Module):
    """in_proj -> causal convolution -> state space, gated and normalised -> out_proj.

    With a head's step size delta_t = softplus(dt_t + dt_bias), its rate A = -exp(A_log) and the gap
    g_t before the bar, the state decays by exp(g_t delta_t A) and takes in delta_t x_t B_t: time
    without bars fades the state and adds nothing to it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        inner, state = config.mamba_expand * config.hidden_size, config.mamba_d_state
        heads, convolved = inner // config.mamba_head_size, inner + 2 * state
        self.split_sizes = [inner, state, state]
        self.in_proj = nn.Linear(config.hidden_size, inner + convolved + heads, bias=False)
        self.conv1d = nn.Conv1d(convolved, convolved, config.mamba_d_conv, groups=convolved)
        self.dt_bias = nn.Parameter(torch.empty(heads))
        self.A_log = nn.Parameter(torch.empty(heads))
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = RMSNorm(inner, config.rms_norm_eps)
        self.out_proj = nn.Linear(inner, config.hidden_size, bias=False)
        self._initialise_decay()

    @torch.no_grad()
    def _initialise_decay(self) -> None:
        """Draw the rates uniformly, and softplus(dt_bias) log-uniformly as in [2]."""
        self.A_log.uniform_(*_RATE_RANGE).log_()
        low, high = (math.log(step) for step in _STEP_RANGE)
        step = self.dt_bias.uniform_(low, high).exp()
        self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, x: Hidden, gap: Gap | None = None) -> Hidden:
        """Mix each head with its own past."""
        z, xBC, dt = self._project(x)
        y, _ = self._mix(z, xBC, dt, gap, None, None)
        return y

    def initial_state(self, batch: int) -> State:
        """Zeros: `conv_tail`, (batch, width - 1, convolved), and `h`, (batch, channel, state)."""
        inner, state, _ = self.split_sizes
        convolved, _, width = self.conv1d.weight.shape
        shapes = {"conv_tail": (batch, width - 1, convolved), "h": (batch, inner, state)}
        dtype = torch.promote_types(self.D.dtype, torch.float32)
        return {name: self.D.new_zeros(shape, dtype=dtype) for name, shape in shapes.items()}

    @torch.no_grad()
    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """Mix further bars; without gradients."""
        tail = state["conv_tail"]
        z, xBC, dt = self._project(x)
        y, h = self._mix(z, xBC, dt, gap, tail, state["h"])
        seen = torch.cat([tail, xBC.to(tail.dtype)], dim=1)
        # A copy: a view would keep all the bars seen in memory.
        return y, {"conv_tail": seen[:, x.shape[1] :].clone(), "h": h}

    @torch.no_grad()
    def selection(self, x: Hidden) -> Selection:
        """What is taken in and kept at every bar of a whole sequence, head by head."""
        _, xBC, dt = self._project(x)
        u, B, C = self._convolve(xBC, None)
        return select(u, dt, self.dt_bias, B, C, torch.exp(self.A_log).unsqueeze(1))

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gate, input of the convolution and raw step size."""
        inner, heads = self.split_sizes[0], len(self.D)
        parts = torch.split(self.in_proj.weight, [inner, sum(self.split_sizes), heads])
        # Three products, not one cut in three: backward need not glue the parts together.
        z, xBC, dt = (linear(x, part) for part in parts)
        return z, xBC, dt

    def _mix(
        self,
        z: Tensor,
        xBC: Tensor,
        dt: Tensor,
        gap: Tensor | None,
        tail: Tensor | None,
        h0: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """All that follows the projection, and the last state."""
        u, B, C = self._convolve(xBC, tail)
        A = -torch.exp(self.A_log)
        y, h_last = head_scan(u, dt, A, B, C, self.D, z, self.dt_bias, gap, h0)
        return linear(self.norm(y), self.out_proj.weight), h_last

    def _convolve(self, xBC: Tensor, tail: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The scan's input, and its input and output weights."""
        assert self.conv1d.bias is not None
        xBC = causal_conv_silu(xBC, self.conv1d.weight.squeeze(1), self.conv1d.bias, tail)
        u, B, C = torch.split(xBC, self.split_sizes, dim=-1)
        return u, B, C
