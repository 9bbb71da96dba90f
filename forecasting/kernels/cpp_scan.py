"""The selective scan in C++ as torch operators, differentiable once.

`forecasting::scan` and `forecasting::scan_backward` take what the kernels take: series of one type
(float32 or bfloat16), everything else float32. `scan` is the face for any mixture.
"""

from typing import Any

import torch
from torch import Tensor

from forecasting.kernels.cpp_library import (
    LibraryError,
    New,
    ScanCall,
    checkpoint_numbers,
    dtypes,
    library,
    new_empty,
    run,
    series,
    with_adjacent_channels,
)

_ARGUMENTS = (
    "Tensor u, Tensor dt, Tensor A, Tensor B, Tensor C, Tensor D, Tensor z, Tensor dt_bias, "
    "Tensor? h0"
)
torch.library.define("forecasting::scan", f"({_ARGUMENTS}, bool keep) -> (Tensor, Tensor, Tensor)")
torch.library.define(
    "forecasting::scan_backward",
    f"(Tensor dy, Tensor? dh_last, {_ARGUMENTS}, Tensor checkpoints) "
    f"-> ({', '.join(['Tensor'] * 9)})",
)


def available() -> str | None:
    """None if the library can be called, else the reason why not."""
    try:
        library()
    except LibraryError as error:
        return str(error)
    return None


def supports(u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> str | None:
    """None if these arguments can be run, else the reason why not."""
    if u.device.type != "cpu":
        return f"u is on {u.device}, the C++ kernels run on the CPU"
    if torch.float64 in (u.dtype, A.dtype) or (h0 is not None and h0.dtype == torch.float64):
        return "float64 wants the torch back-end, the C++ kernels count in float32"
    return None


def scan(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    h0: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The contract of `forecasting.kernels.selective_scan`, in float32 inside."""
    given = (u, dt, B, C, z)
    kinds = {x.dtype for x in given}
    dtype = u.dtype if len(kinds) == 1 and u.dtype in dtypes() else torch.float32
    cast_u, dt, B, C, z = (x.to(dtype) for x in given)
    A, D, dt_bias = (x.to(torch.float32) for x in (A, D, dt_bias))
    h0 = None if h0 is None else h0.to(torch.float32)
    arguments = (cast_u, dt, A, B, C, D, z, dt_bias, h0)
    keep = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in arguments)
    y, h_last, _ = torch.ops.forecasting.scan(*arguments, keep)
    return y.to(u.dtype), h_last


def _call(
    series_of: dict[str, Tensor], matrices: dict[str, Tensor | None], state: int
) -> tuple[ScanCall, list[Tensor]]:
    """The call without its results, and the tensors that must outlive it."""
    held = {name: with_adjacent_channels(x) for name, x in series_of.items()}
    u = held["u"]
    call = ScanCall(
        batch=u.shape[0],
        length=u.shape[1],
        channels=u.shape[2],
        state=state,
        half=u.dtype == torch.bfloat16,
        threads=torch.get_num_threads(),
        **{name: series(x) for name, x in held.items()},
    )
    owned = {name: x.contiguous() for name, x in matrices.items() if x is not None}
    for name, x in owned.items():
        setattr(call, name, x.data_ptr())
    return call, [*held.values(), *owned.values()]


@torch.library.impl("forecasting::scan", "CPU")
def _forward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    h0: Tensor | None,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    y, h_last, checkpoints = _empty_results(u, dt, A, B, C, D, z, dt_bias, h0, keep, new_empty)
    call, held = _call(
        {"u": u, "dt": dt, "z": z, "B": B, "C": C},
        {"A": A, "D": D, "dt_bias": dt_bias, "h0": h0},
        A.shape[1],
    )
    call.y, call.h_last = series(y), h_last.data_ptr()
    call.checkpoints = checkpoints.data_ptr() if keep else None
    run("scan_forward", call)
    del held
    return y, h_last, checkpoints


def _empty_results(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    h0: Tensor | None,
    keep: bool,
    new: New = Tensor.new_empty,
) -> tuple[Tensor, Tensor, Tensor]:
    numbers = checkpoint_numbers(u.shape, A.shape[1]) if keep else 0
    return (
        new(u, u.shape),
        A.new_empty(u.shape[0], *A.shape),
        new(A, (numbers,)),
    )


@torch.library.impl("forecasting::scan_backward", "CPU")
def _backward(
    dy: Tensor,
    dh_last: Tensor | None,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    h0: Tensor | None,
    checkpoints: Tensor,
) -> tuple[Tensor, ...]:
    call, held = _call(
        {"u": u, "dt": dt, "z": z, "B": B, "C": C, "dy": dy},
        {"A": A, "D": D, "dt_bias": dt_bias, "dh_last": dh_last, "checkpoints": checkpoints},
        A.shape[1],
    )
    made = _empty_gradients(dy, dh_last, u, dt, A, B, C, D, z, dt_bias, h0, checkpoints, new_empty)
    names = ("du", "ddt", "dA", "dB", "dC", "dD", "dz", "ddt_bias", "dh0")
    for name, x in zip(names, made, strict=True):
        series_like = name in ("du", "ddt", "dB", "dC", "dz")
        setattr(call, name, series(x) if series_like else x.data_ptr())
    run("scan_backward", call)
    del held
    return made


def _empty_gradients(
    dy: Tensor,
    dh_last: Tensor | None,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    h0: Tensor | None,
    checkpoints: Tensor,
    new: New = Tensor.new_empty,
) -> tuple[Tensor, ...]:
    made = [new(x, x.shape) for x in (u, dt, A, B, C, D, z, dt_bias)]
    return (*made, A.new_empty(u.shape[0], *A.shape))


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *arguments, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*arguments, output[2])


def _differentiate(
    ctx: Any, dy: Tensor | None, dh_last: Tensor | None, _: Tensor | None
) -> tuple[Tensor | None, ...]:
    *arguments, checkpoints = ctx.saved_tensors
    dy = torch.zeros_like(arguments[0]) if dy is None else dy
    gradients = torch.ops.forecasting.scan_backward(dy, dh_last, *arguments, checkpoints)
    dh0 = None if arguments[-1] is None else gradients[-1]
    return (*gradients[:-1], dh0, None)


def _refuse(ctx: Any, *gradients: Tensor) -> None:
    raise RuntimeError("the selective scan is differentiable once, not twice")


torch.library.register_fake("forecasting::scan", _empty_results)
torch.library.register_fake("forecasting::scan_backward", _empty_gradients)
torch.library.register_autograd(
    "forecasting::scan", _differentiate, setup_context=_keep_for_backward
)
torch.library.register_autograd("forecasting::scan_backward", _refuse)
