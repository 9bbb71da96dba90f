"""One bar through a whole Mamba mixer in one call: the streaming path.

in_proj, causal convolution, x_proj, the inner norms, dt_proj, one step of the scan, gate and
out_proj run in C++ between two touches of Python, on a state that is updated in place. The cost of
a bar does not depend on how many came before.
"""

import functools
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.errors import ConfigError
from forecasting.kernels.backends import status
from forecasting.kernels.cpp_library import StepCall, library


@dataclass(frozen=True)
class BlockState:
    """What a mixer remembers of the past, in float32."""

    conv_tail: Float[Tensor, "batch past channel"]
    """Inputs of the convolution at the last width - 1 bars, oldest first."""
    h: Float[Tensor, "batch state channel"]
    """State of the scan; the channels last, unlike in `selective_scan`."""

    @classmethod
    def after(
        cls,
        conv_tail: Float[Tensor, "batch past channel"],
        h_last: Float[Tensor, "batch channel state"],
    ) -> "BlockState":
        """The state that a whole-sequence pass leaves behind, copied."""
        return cls(
            conv_tail.to(torch.float32, copy=True).contiguous(),
            h_last.to(torch.float32).transpose(1, 2).clone(memory_format=torch.contiguous_format),
        )


class BlockStep:
    """A mixer's weights, packed once, and the call that takes one bar.

    The weights are copied: make a new one after training has changed them. Not for use by two
    threads at once.
    """

    def __init__(self, mixer: nn.Module) -> None:
        """Pack the weights of a Mamba mixer with Jamba's names (`forecasting.nn.mamba`).

        Raises:
            ConfigError: The C++ kernels cannot run here.
        """
        if reason := status("cpp", "cpu").reason:
            raise ConfigError(f"the block step needs the C++ kernels: {reason}.")
        m: Any = mixer
        self.inner, self.width = m.conv1d.weight.shape[0], m.conv1d.weight.shape[2]
        self.hidden = m.in_proj.weight.shape[1]
        rank, self.state = m.dt_proj.weight.shape[1], m.A_log.shape[1]
        with torch.no_grad():
            weights = {
                "in_proj": m.in_proj.weight.t(),
                "conv_weight": m.conv1d.weight.squeeze(1).t(),
                "conv_bias": m.conv1d.bias,
                "x_proj": m.x_proj.weight.t(),
                "dt_norm": m.dt_layernorm.weight,
                "b_norm": m.b_layernorm.weight,
                "c_norm": m.c_layernorm.weight,
                "dt_proj": m.dt_proj.weight.t(),
                "dt_bias": m.dt_proj.bias,
                "A": -m.A_log.exp().t(),
                "D": m.D,
                "out_proj": m.out_proj.weight.t(),
            }
            self._weights = {
                name: x.detach()
                .to("cpu", torch.float32)
                .clone(memory_format=torch.contiguous_format)
                for name, x in weights.items()
            }
        self._call = StepCall(
            hidden=self.hidden,
            channels=self.inner,
            state=self.state,
            rank=rank,
            width=self.width,
            epsilon=m.dt_layernorm.eps,
            **{name: x.data_ptr() for name, x in self._weights.items()},
        )
        self._run = functools.partial(library().forecasting_step, self._call)

    def initial_state(self, batch: int) -> BlockState:
        """The state before the first bar."""
        return BlockState(
            torch.zeros(batch, self.width - 1, self.inner),
            torch.zeros(batch, self.state, self.inner),
        )

    def __call__(
        self, x: Float[Tensor, "batch hidden"], state: BlockState
    ) -> Float[Tensor, "batch hidden"]:
        """Take one bar; `state` is changed in place. Without gradients.

        Raises:
            ValueError: A shape or type disagrees with the mixer's.
        """
        batch = len(x)
        self._require("x", x, (batch, self.hidden))
        self._require("conv_tail", state.conv_tail, (batch, self.width - 1, self.inner))
        self._require("h", state.h, (batch, self.state, self.inner))
        x = x.contiguous()
        y = torch.empty_like(x)
        call = self._call
        call.batch, call.threads = batch, torch.get_num_threads()
        call.x, call.y = x.data_ptr(), y.data_ptr()
        call.conv_tail, call.h = state.conv_tail.data_ptr(), state.h.data_ptr()
        self._run()
        return y

    @staticmethod
    def _require(name: str, x: Tensor, shape: tuple[int, ...]) -> None:
        if x.shape != shape or x.dtype != torch.float32 or x.device.type != "cpu":
            raise ValueError(
                f"{name} is {x.dtype} of shape {tuple(x.shape)} on {x.device}, expected "
                f"torch.float32 of shape {shape} on cpu"
            )
        if name != "x" and not x.is_contiguous():
            raise ValueError(f"{name} is not contiguous, but it is changed in place")
