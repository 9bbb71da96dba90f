"""The complex exponential moving average: a damped oscillator's memory for every channel.

Source: Ma et al. (2024), Megalodon, arXiv 2404.08801, section 3.1, equation 2, as coded by its
authors: the phase of the input is left to the complex readout.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from forecasting.nn.state import Gap, Hidden, State

Coefficients = Complex[Tensor, "channel state"]
Memory = Complex[Tensor, "batch channel state"]

_CHUNK = 16
_LONGEST_GAP = 1e4  # Beyond it the phase is little but rounding, and in the end inf or NaN.


class CEMA(nn.Module):
    """y_t = Re(sum_n c_n h_t,n) + omega x_t, where h_t = q h_t-1 + x_t is complex.

    The decay q = r exp(i a) of state n has modulus r = 1 - sigmoid(alpha) sigmoid(delta) and angle
    a = sigmoid(theta) 2 pi n / states; its readout is c = sigmoid(alpha) gamma / sqrt(states).
    A gap of g usual bars before a bar makes its decay q^g; the input enters once.
    """

    def __init__(self, size: int, states: int) -> None:
        """Start with fastest cycles of 1 to `size` bars, spread over the channels at random.

        Args:
            size: Channels, each averaged by itself.
            states: Complex states of each channel.
        """
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(size, states).normal_(std=0.2))
        self.delta = nn.Parameter(torch.empty(size, states).normal_(std=0.2))
        turns = torch.exp(-math.log(size) / size * (torch.randperm(size) + 1))
        self.theta = nn.Parameter(torch.logit(turns))
        self.gamma = nn.Parameter(F.pad(torch.randn(size, states, 1), (0, 1)))  # (real, imaginary)
        self.omega = nn.Parameter(torch.empty(size))
        nn.init.trunc_normal_(self.omega, std=0.25, a=-1, b=1)

    def forward(self, x: Hidden, gap: Gap | None = None) -> Hidden:
        """Average a whole sequence; the type of `x` is kept."""
        return self.advance(x, self.initial_state(len(x)), gap)[0]

    def initial_state(self, batch: int) -> State:
        """Nothing remembered; real and imaginary parts lie in the last axis."""
        dtype = torch.promote_types(self.alpha.dtype, torch.float32)
        return {"memory": self.gamma.new_zeros(batch, *self.gamma.shape, dtype=dtype)}

    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """Average further bars."""
        memory = torch.view_as_complex(state["memory"])
        with torch.autocast(x.device.type, enabled=False):
            wide = x.to(torch.promote_types(x.dtype, state["memory"].dtype))
            log_modulus, angle, readout = self._coefficients(wide.dtype)
            if gap is None:
                log_decay = torch.complex(log_modulus, angle)
                y, memory = steady_average(wide, log_decay, readout, memory)
            else:
                bars = gap.to(wide).clamp(max=_LONGEST_GAP)[..., None, None]
                decay = _exponential(bars * log_modulus, bars * angle)
                y, memory = varying_average(wide, decay, readout, memory)
            y = y + self.omega * wide
        return y.to(x.dtype), {"memory": torch.view_as_real(memory).contiguous()}

    @torch.no_grad()
    def decay(self) -> tuple[Float[Tensor, "channel state"], Float[Tensor, "channel state"]]:
        """-log r, by which each state fades over a usual bar, and the size |c| of its readout."""
        log_modulus, _, readout = self._coefficients(self.alpha.dtype)
        return -log_modulus, readout.abs()

    def _coefficients(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """The logarithm of r, a and c, each (channel, state)."""
        alpha, delta, theta, gamma = (
            parameter.to(dtype) for parameter in (self.alpha, self.delta, self.theta, self.gamma)
        )
        states, device = alpha.shape[1], alpha.device
        weight = torch.sigmoid(alpha)
        forgotten = weight * torch.sigmoid(delta)
        # A state that forgets everything would have log r = -inf, and its gradient be NaN.
        log_modulus = torch.log1p(-forgotten.clamp(max=1 - torch.finfo(dtype).eps))
        cycle = torch.arange(1, states + 1, dtype=dtype, device=device) * (2 * math.pi / states)
        angle = torch.sigmoid(theta).unsqueeze(-1) * cycle
        return log_modulus, angle, torch.view_as_complex(gamma) * weight / math.sqrt(states)


def steady_average(
    x: Float[Tensor, "batch length channel"],
    log_decay: Coefficients,
    readout: Coefficients,
    memory: Memory,
) -> tuple[Float[Tensor, "batch length channel"], Memory]:
    """Re(sum_n c_n h_t,n) for all bars, and the last h, where every bar has the same decay.

    Chunks of bars are each one product with a triangular matrix; the memory goes from chunk to
    chunk. Unlike a Fourier transform this lets not even the rounding of later bars in.

    Args:
        x: Inputs.
        log_decay: log q.
        readout: c.
        memory: h before the first bar.
    """
    answers = []
    whole = x.shape[1] - x.shape[1] % _CHUNK
    for part in (x[:, :whole], x[:, whole:]):
        if part.shape[1]:
            size = min(_CHUNK, part.shape[1])
            y, memory = _average_chunks(part, log_decay, readout, memory, size)
            answers.append(y)
    return torch.cat(answers, dim=1), memory


def _average_chunks(
    x: Tensor, log_decay: Tensor, readout: Tensor, memory: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """`steady_average` where `size` divides the length."""
    batch = len(x)
    ages = torch.arange(size + 1, device=x.device)
    # In float64: the rounding of an angle times 7 would add up where chunks of 7 bars follow each
    # other, and drift away from that of 16.
    powers = torch.exp(log_decay.to(torch.complex128).unsqueeze(-1) * ages).to(log_decay.dtype)
    kept, faded = powers[..., :-1], readout.unsqueeze(-1) * powers  # (channel, state, age)
    # (channel, bar of the chunk, chunk and row)
    chunks = torch.unflatten(x, 1, (-1, size)).permute(3, 2, 1, 0).flatten(2)

    arrivals = kept.flip(-1) @ chunks.to(powers.dtype)  # (channel, state, chunk and row)
    memory, starts = memory.permute(1, 2, 0), []
    for arrival in torch.unflatten(arrivals, -1, (-1, batch)).unbind(2):
        starts.append(memory)
        memory = powers[..., -1:] * memory + arrival

    kernel = faded[..., :-1].sum(dim=1).real
    within = F.pad(kernel.flip(-1), (0, size - 1)).unfold(-1, size, 1).flip(-2)  # row t: k_t .. k_0
    before = faded[..., 1:].transpose(1, 2) @ torch.cat(starts, dim=-1)
    y = torch.unflatten(within @ chunks + before.real, -1, (-1, batch))
    return y.permute(3, 2, 1, 0).flatten(1, 2), memory.permute(2, 0, 1)


def varying_average(
    x: Float[Tensor, "batch length channel"],
    decay: Complex[Tensor, "batch length channel state"],
    readout: Coefficients,
    memory: Memory,
) -> tuple[Float[Tensor, "batch length channel"], Memory]:
    """Re(sum_n c_n h_t,n) for all bars, and the last h, where each bar has its own decay.

    A loop over bars: on the CPU its steps take less time than the decays that they are given.

    Args:
        x: Inputs.
        decay: q of each bar.
        readout: c.
        memory: h before the first bar.
    """
    memories = []
    for new, factor in zip(x.unsqueeze(-1).unbind(1), decay.unbind(1), strict=True):
        memory = factor * memory + new
        memories.append(memory)
    return (torch.stack(memories, dim=1) * readout).sum(dim=-1).real, memory


def _exponential(real: Tensor, imaginary: Tensor) -> Tensor:
    """exp(real + i imaginary); a quarter of the time of torch's own on the CPU."""
    modulus = torch.exp(real)
    return torch.complex(modulus * torch.cos(imaginary), modulus * torch.sin(imaginary))
