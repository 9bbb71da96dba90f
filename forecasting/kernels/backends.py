"""Which back-end runs a scan, and why the others do not.

A back-end is a module with `available() -> str | None` and `supports(u, A, h0, needs_grad) -> str |
None`, which give the reason why not, and `scan(...)`, the contract of `selective_scan`. Before a
back-end runs for the first time on a kind of device, it must agree with the float64 reference
there; one that does not is refused.
"""

import functools
import importlib
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from forecasting.errors import ConfigError
from forecasting.kernels import torch_conv
from forecasting.kernels.parity import TOLERANCE, convolution_error, scan_error

Scan = Callable[..., tuple[Tensor, Tensor]]
Convolution = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]

# The fastest first.
MODULES = {
    "cpp": "forecasting.kernels.cpp_scan",
    "mamba_ssm": "forecasting.kernels.mamba_ssm_scan",
    "triton": "forecasting.kernels.triton_scan",
    "torch": "forecasting.kernels.torch_scan",
}
# With `supports(x, weight)` and `convolve(x, weight, bias, tail)`; elsewhere torch convolves.
_CONVOLUTIONS = {
    "cpp": "forecasting.kernels.cpp_conv",
    "mamba_ssm": "forecasting.kernels.cuda_conv",
}
DEVICES = {"cpp": "cpu", "mamba_ssm": "cuda", "triton": "cuda"}
VARIABLE = "FORECASTING_SCAN"

_checking = threading.RLock()


@dataclass(frozen=True)
class Status:
    """What the start-up check found of one back-end on one kind of device."""

    name: str
    reason: str | None
    """Why it does not run; None if it does."""
    error: float | None
    """Largest relative error against the float64 reference; None if it was not run."""


def choose(backend: str, u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> Scan:
    """The scan of the back-end that runs these arguments.

    Raises:
        ConfigError: There is no such back-end, or the one asked for cannot run these arguments.
    """
    asked = requested(backend)
    if asked != "auto":
        if reason := _obstacle(asked, u, A, h0, needs_grad):
            raise ConfigError(
                f"the scan back-end {asked!r} cannot run: {reason}. Use `auto`, or see "
                "`forecasting doctor`."
            )
        return _module(asked).scan
    for name in MODULES:
        if _obstacle(name, u, A, h0, needs_grad) is None:
            return _module(name).scan
        if name == "cpp" and u.device.type == "cpu" and (reason := status(name, "cpu").reason):
            _warn_of_slowness(reason)
    raise AssertionError("the torch back-end runs everything")


def choose_convolution(backend: str, x: Tensor, weight: Tensor) -> Convolution:
    """The convolution that goes with the scan's back-end; pure torch where that has none.

    Raises:
        ConfigError: There is no such back-end, or the one asked for cannot run here.
    """
    asked = requested(backend)
    for name in _CONVOLUTIONS:
        if asked not in ("auto", name):
            continue
        module = _module(name, _CONVOLUTIONS)
        reason = _status(name, x.device.type, convolves=True).reason or module.supports(x, weight)
        if reason is None:
            return module.convolve
        if asked == name == "cpp":
            raise ConfigError(f"the convolution back-end {name!r} cannot run: {reason}.")
    return torch_conv.convolve


def requested(backend: str = "auto") -> str:
    """The name that the argument or, for `auto`, the environment asks for.

    Raises:
        ConfigError: There is no back-end of that name.
    """
    source = "backend"
    if backend == "auto" and (value := os.environ.get(VARIABLE)):
        backend, source = value, VARIABLE
    if backend != "auto" and backend not in MODULES:
        raise ConfigError(f"{source} is {backend!r}, expected auto, {', '.join(sorted(MODULES))}.")
    return backend


def status(name: str, device: str) -> Status:
    """What the start-up check says; it is run once for each back-end and kind of device."""
    return _status(name, device, convolves=False)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _status(name: str, device: str, *, convolves: bool) -> Status:
    with _checking:
        return _check(name, device, convolves)


@functools.cache
def _check(name: str, device: str, convolves: bool) -> Status:
    if DEVICES.get(name, device) != device:
        return Status(name, f"runs on {DEVICES[name]}, not on {device}", None)
    try:
        module = _module(name, _CONVOLUTIONS if convolves else MODULES)
        if reason := module.available():
            return Status(name, reason, None)
        measure = convolution_error if convolves else scan_error
        error = measure(module, torch.device(device))
    except Exception as failure:
        # Whatever a foreign package, driver or library throws: it is not used, and doctor says why.
        return Status(name, f"{type(failure).__name__}: {failure}", None)
    if not error <= TOLERANCE:
        return Status(name, f"disagrees with the reference: relative error {error:.1e}", error)
    return Status(name, None, error)


def _obstacle(name: str, u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> str | None:
    if name == "torch":
        return None
    if reason := status(name, u.device.type).reason:
        return reason
    return _module(name).supports(u, A, h0, needs_grad)


def _module(name: str, modules: Mapping[str, str] = MODULES) -> ModuleType:
    return importlib.import_module(modules[name])


@functools.cache
def _warn_of_slowness(reason: str) -> None:
    warnings.warn(
        f"the selective scan runs in pure torch, many times slower than in C++: {reason}. Install "
        f"a C++ compiler (g++ or clang++) and start again, or set {VARIABLE}=torch to accept it.",
        RuntimeWarning,
        stacklevel=4,
    )
