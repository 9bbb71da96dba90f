"""Causal depthwise convolution and SiLU in C++ as torch operators, differentiable once.

`forecasting::conv_silu` and its backward take x and tail of one type (float32 or bfloat16), weight
and bias in float32. `convolve` is the face for any mixture.
"""

from typing import Any

import torch
from torch import Tensor

from forecasting.kernels import cpp_scan
from forecasting.kernels.cpp_library import (
    MAX_WIDTH,
    ConvolutionCall,
    New,
    dtypes,
    new_empty,
    run,
    series,
    with_adjacent_channels,
)

torch.library.define(
    "forecasting::conv_silu", "(Tensor x, Tensor weight, Tensor bias, Tensor? tail) -> Tensor"
)
torch.library.define(
    "forecasting::conv_silu_backward",
    "(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor? tail) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
)


def available() -> str | None:
    """None if the library can be called, else the reason why not."""
    return cpp_scan.available()


def supports(x: Tensor, weight: Tensor) -> str | None:
    """None if these arguments can be run, else the reason why not."""
    if x.device.type != "cpu":
        return f"x is on {x.device}, the C++ kernels run on the CPU"
    if torch.float64 in (x.dtype, weight.dtype):
        return "float64 wants the torch back-end, the C++ kernels count in float32"
    if weight.shape[1] > MAX_WIDTH:
        return f"{weight.shape[1]} taps, the C++ kernels take at most {MAX_WIDTH}"
    return None


def convolve(x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None) -> Tensor:
    """The contract of `forecasting.kernels.causal_conv_silu`, in float32 inside."""
    dtype = x.dtype if x.dtype in dtypes() else torch.float32
    y = torch.ops.forecasting.conv_silu(
        x.to(dtype),
        weight.to(torch.float32),
        bias.to(torch.float32),
        None if tail is None else tail.to(dtype),
    )
    return y.to(x.dtype)


def _call(
    x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None, dy: Tensor | None
) -> tuple[ConvolutionCall, list[Tensor]]:
    """The call without its results, and the tensors that must outlive it."""
    given = {"x": x, "tail": tail, "dy": dy}
    held = {name: with_adjacent_channels(a) for name, a in given.items() if a is not None}
    weight, bias = weight.contiguous(), bias.contiguous()
    call = ConvolutionCall(
        batch=x.shape[0],
        length=x.shape[1],
        channels=x.shape[2],
        width=weight.shape[1],
        half=x.dtype == torch.bfloat16,
        threads=torch.get_num_threads(),
        weight=weight.data_ptr(),
        bias=bias.data_ptr(),
        **{name: series(a) for name, a in held.items()},
    )
    return call, [weight, bias, *held.values()]


@torch.library.impl("forecasting::conv_silu", "CPU")
def _forward(x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None) -> Tensor:
    call, held = _call(x, weight, bias, tail, None)
    y = new_empty(x, x.shape)
    call.y = series(y)
    run("convolution_forward", call)
    del held
    return y


def _empty_result(x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None) -> Tensor:
    return x.new_empty(x.shape)


@torch.library.impl("forecasting::conv_silu_backward", "CPU")
def _backward(
    dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    call, held = _call(x, weight, bias, tail, dy)
    made = _empty_gradients(dy, x, weight, bias, tail, new_empty)
    dx, dweight, dbias, dtail = made
    call.dx, call.dweight, call.dbias = series(dx), dweight.data_ptr(), dbias.data_ptr()
    if dtail.numel():
        call.dtail = series(dtail)
    run("convolution_backward", call)
    del held
    return made


def _empty_gradients(
    dy: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    tail: Tensor | None,
    new: New = Tensor.new_empty,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    bars = 0 if tail is None else tail.shape[1]
    dtail = x.new_empty(x.shape[0], bars, x.shape[2])
    return new(x, x.shape), weight.new_empty(weight.shape), bias.new_empty(bias.shape), dtail


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    *made, dtail = torch.ops.forecasting.conv_silu_backward(dy, *ctx.saved_tensors)
    return (*made, None if ctx.saved_tensors[-1] is None else dtail)


def _refuse(ctx: Any, *gradients: Tensor) -> None:
    raise RuntimeError("the causal convolution is differentiable once, not twice")


torch.library.register_fake("forecasting::conv_silu", _empty_result)
torch.library.register_fake("forecasting::conv_silu_backward", _empty_gradients)
torch.library.register_autograd(
    "forecasting::conv_silu", _differentiate, setup_context=_keep_for_backward
)
torch.library.register_autograd("forecasting::conv_silu_backward", _refuse)
