"""The Mamba-1 mixer with Jamba's inner norms.

1. Gu & Dao (2023), Mamba, arXiv 2312.00752, section 3.4 and algorithm 2.
2. Lieber et al. (2024), Jamba, arXiv 2403.19887, section 6.4: RMSNorm on dt, B and C.

Parameter names and shapes are those of Hugging Face's `JambaMambaMixer`; the initialisation is
that of [1], because Hugging Face's zeroes the step-size bias, which starts nearly memoryless.
"""

import math
import operator
import threading
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.kernels import causal_conv_silu, linear, selective_scan
from forecasting.kernels.backends import requested, status
from forecasting.kernels.block_step import BlockState, BlockStep
from forecasting.nn.norm import RMSNorm
from forecasting.nn.selection import Selection, select
from forecasting.nn.state import Gap, State

_STEP_RANGE = (1e-3, 0.1)
_SMALLEST_STEP = 1e-4
# So small that no state decays, yet with multiples whose logarithm is finite.
_NO_STEP, _NO_GAP = 1e-30, 1e-6
# All that `BlockStep` packs.
_packed_weights = operator.attrgetter(
    *(f"{name}.weight" for name in ("in_proj", "conv1d", "x_proj", "dt_proj", "out_proj")),
    *(f"{name}_layernorm.weight" for name in ("dt", "b", "c")),
    *("conv1d.bias", "dt_proj.bias", "A_log", "D"),
)


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
        self.dt_layernorm = _inner_norm(config, rank)
        self.b_layernorm = _inner_norm(config, state)
        self.c_layernorm = _inner_norm(config, state)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, config.hidden_size, bias=False)
        self._packed = _PackedStep()
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
        self, x: Float[Tensor, "batch length hidden"], gap: Gap | None = None
    ) -> Float[Tensor, "batch length hidden"]:
        """Mix each channel with its own past.

        Args:
            x: The sequence.
            gap: Not negative; before a bar the state decays over that many of its steps, by
                exp(gap delta A), while the bar enters as ever, by delta u B.
        """
        u, z = self._input(x)
        y, _ = self._scan(u, z, gap)
        return linear(y, self.out_proj.weight)

    def initial_state(self, batch: int) -> State:
        """Zeros: `conv_tail`, (batch, width - 1, channel), and `h`, (batch, state, channel).

        The channels of `h` come last, unlike in `selective_scan`: so the single bar wants it.
        """
        inner, state = self.A_log.shape
        past = self.conv1d.kernel_size[0] - 1
        dtype = torch.promote_types(self.A_log.dtype, torch.float32)
        return {
            "conv_tail": self.A_log.new_zeros(batch, past, inner, dtype=dtype),
            "h": self.A_log.new_zeros(batch, state, inner, dtype=dtype),
        }

    @torch.no_grad()
    def advance(
        self, x: Float[Tensor, "batch length hidden"], state: State, gap: Gap | None = None
    ) -> tuple[Float[Tensor, "batch length hidden"], State]:
        """Mix further bars; a single one in one call of C++ where that runs."""
        tail, h = state["conv_tail"], state["h"]
        if x.shape[1] == 1 and gap is None and self._packed.fits(self, x):
            memory = BlockState(tail.contiguous(), h.contiguous())
            y = self._packed.step(self, x[:, 0], memory)
            return y.unsqueeze(1), {"conv_tail": memory.conv_tail, "h": memory.h}
        u, z = self._input(x)
        y, h_last = self._scan(u, z, gap, tail, h.transpose(1, 2))
        past = tail.shape[1]
        recent = torch.cat([tail, u[:, max(0, u.shape[1] - past) :].to(tail.dtype)], dim=1)
        tail = recent[:, recent.shape[1] - past :].clone()
        state = {"conv_tail": tail, "h": h_last.transpose(1, 2).contiguous()}
        return linear(y, self.out_proj.weight), state

    @torch.no_grad()
    def selection(self, x: Float[Tensor, "batch length hidden"]) -> Selection:
        """What is taken in and kept at every bar of a whole sequence."""
        u, dt, B, C = self._select(self._input(x)[0], None)
        return select(u, dt, self.dt_proj.bias, B, C, torch.exp(self.A_log))

    def _input(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the convolution reads, and the gate."""
        # Two products, not one cut in two: backward need not glue the halves together.
        u, z = (linear(x, half) for half in self.in_proj.weight.chunk(2))
        return u, z

    def _scan(
        self,
        u: Tensor,
        z: Tensor,
        gap: Tensor | None,
        tail: Tensor | None = None,
        h0: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Convolution, step size, scan and gate; the channels out and the last state."""
        u, dt, B, C = self._select(u, tail)
        A = -torch.exp(self.A_log)
        if gap is not None:
            dt, B = self._stretch(dt, B, gap.unsqueeze(-1))
        return selective_scan(u, dt, A, B, C, self.D, z, self.dt_proj.bias, h0)

    def _select(self, u: Tensor, tail: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The scan's input, step before its bias, and input and output weights."""
        assert self.conv1d.bias is not None
        u = causal_conv_silu(u, self.conv1d.weight.squeeze(1), self.conv1d.bias, tail)
        step, B, C = torch.split(linear(u, self.x_proj.weight), self.split_sizes, dim=-1)
        # The bias of dt_proj joins inside the scan, in the precision of the state.
        dt = linear(self.dt_layernorm(step), self.dt_proj.weight)
        return u, dt, self.b_layernorm(B), self.c_layernorm(C)

    def _stretch(self, dt: Tensor, B: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
        """The step before bias and softplus moved until it is `gap` times as long, and B / gap.

        With s = softplus(b), softplus(a) = g s for

            a = b + (g - 1) s + log(expm1(-g s) / expm1(-s)),

        which overflows nowhere and is exactly b for g = 1.
        """
        gap = gap.clamp(min=_NO_GAP)
        step = F.softplus(dt + self.dt_proj.bias).clamp(min=_NO_STEP)
        ratio = torch.expm1(-gap * step) / torch.expm1(-step)
        return dt + (gap - 1) * step + torch.log(ratio), B / gap


def _inner_norm(config: NetworkConfig, size: int) -> nn.Module:
    return RMSNorm(size, config.rms_norm_eps) if config.mamba_inner_norms else nn.Identity()


class _PackedStep:
    """The `BlockStep` of a mixer's present weights; copies and pickles of it are empty.

    Weights that were replaced or changed in place are packed anew. A change shows in a weight's
    address or in the version counter, which autograd relies on for the same purpose; only writes
    through `Tensor.data` hide from it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._step: BlockStep | None = None
        self._key: tuple[tuple[int, int], ...] = ()
        # While these aliases live, no other tensor can come by their addresses.
        self._held: list[Tensor] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _PackedStep, ()

    def fits(self, mixer: "MambaMixer", x: Tensor) -> bool:
        """Whether one call may take a bar like `x`."""
        return (
            isinstance(mixer.dt_layernorm, RMSNorm)  # the call of C++ normalises
            and x.device.type == "cpu"
            and x.dtype == mixer.A_log.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and requested() in ("auto", "cpp")
            and status("cpp", "cpu").reason is None
        )

    def step(self, mixer: "MambaMixer", x: Tensor, memory: BlockState) -> Tensor:
        """Take one bar, one thread at a time; `memory` is changed in place."""
        with self._lock:
            weights = _packed_weights(mixer)
            if any(weight.is_inference() for weight in weights):  # no version counter
                return BlockStep(mixer)(x, memory)
            key = tuple((weight.data_ptr(), weight._version) for weight in weights)
            if self._step is None or key != self._key:
                self._step, self._key = BlockStep(mixer), key
                self._held = [weight.detach() for weight in weights]
            return self._step(x, memory)
