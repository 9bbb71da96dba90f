"""Find, build and load the shared library of the C++ kernels, and say its calls in ctypes.

The library that the wheel carries comes first, then one in the user's cache, which is compiled at
first use. `FORECASTING_CACHE` moves the cache.
"""

import ctypes
import functools
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import SymInt, Tensor

from forecasting.kernels.cpp_build import SOURCES, BuildError, build, library_name

PACKAGED = Path(__file__).parent / "_library"
_ABI = 1

# As in cpp/abi.h.
MAX_WIDTH = 16
_STEPS, _PAD, _STATE_PAD = 16, 16, 8
_LARGE_PAGE = 2**21


# A size, or its symbol while a compiler traces.
IntLike = int | SymInt
# Makes memory for a result, like the type of a tensor and of a shape.
New = Callable[[Tensor, Sequence[IntLike]], Tensor]


class LibraryError(Exception):
    """Why the library cannot be used; one line."""


class Series(ctypes.Structure):
    """A (batch, length, channel) array whose channels are adjacent."""

    _fields_ = (("data", ctypes.c_void_p), ("batch", ctypes.c_int64), ("step", ctypes.c_int64))


def _fields(text: str) -> tuple[tuple[str, type], ...]:
    kinds = {
        "long": ctypes.c_int64,
        "int": ctypes.c_int32,
        "float": ctypes.c_float,
        "series": Series,
        "pointer": ctypes.c_void_p,
    }
    lines = (line.split() for line in text.strip().splitlines())
    return tuple((name, kinds[kind]) for kind, *names in lines for name in names)


class ScanCall(ctypes.Structure):
    """`ScanCall` of cpp/abi.h."""

    _fields_ = _fields("""
        long batch length channels state
        int half threads
        series u dt z B C
        pointer A D dt_bias h0
        series y
        pointer h_last checkpoints
        series dy du ddt dz dB dC
        pointer dh_last dA dD ddt_bias dh0 partial
    """)


class ConvolutionCall(ctypes.Structure):
    """`ConvolutionCall` of cpp/abi.h."""

    _fields_ = _fields("""
        long batch length channels width
        int half threads
        series x tail y
        pointer weight bias
        series dy dx dtail
        pointer dweight dbias partial
    """)


class StepCall(ctypes.Structure):
    """`StepCall` of cpp/abi.h."""

    _fields_ = _fields("""
        long batch hidden channels state rank width
        int threads
        float epsilon
        pointer x in_proj conv_weight conv_bias x_proj dt_norm b_norm c_norm
        pointer dt_proj dt_bias A D out_proj conv_tail h y
    """)


_CALLS = {
    "scan_forward": ScanCall,
    "scan_backward": ScanCall,
    "convolution_forward": ConvolutionCall,
    "convolution_backward": ConvolutionCall,
    "step": StepCall,
}


def cache_folder() -> Path:
    """Where libraries that were compiled at first use lie; safe to delete."""
    if value := os.environ.get("FORECASTING_CACHE"):
        return Path(value).expanduser() / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "forecasting" / "kernels"
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "forecasting" / "kernels"


@functools.cache
def library() -> ctypes.CDLL:
    """The library, ready to be called.

    Raises:
        LibraryError: There is none and none can be built.
    """
    packaged = PACKAGED / library_name()
    try:
        return open_library(packaged if packaged.is_file() else build(cache_folder()))
    except BuildError as error:
        raise LibraryError(str(error)) from error


def open_library(path: Path) -> ctypes.CDLL:
    """Load a library and declare its calls.

    Raises:
        LibraryError: The file is no library of these kernels.
    """
    try:
        found = ctypes.CDLL(str(path))
        found.forecasting_abi.restype = ctypes.c_int64
        if found.forecasting_abi() != _ABI:
            raise LibraryError(f"{path} speaks another version than {SOURCES / 'abi.h'}")
        for name, call in _CALLS.items():
            getattr(found, f"forecasting_{name}").argtypes = [ctypes.POINTER(call)]
    except (OSError, AttributeError) as error:
        raise LibraryError(f"{path} cannot be loaded: {error}") from error
    found.forecasting_isa.restype = ctypes.c_char_p
    found.forecasting_use_isa.argtypes = [ctypes.c_char_p]
    found.forecasting_exponential.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    found.forecasting_peak.argtypes = [ctypes.c_int64]
    found.forecasting_peak.restype = ctypes.c_float
    return found


def run(name: str, call: ctypes.Structure) -> None:
    """Make one call; other Python threads may run meanwhile.

    Raises:
        MemoryError: The kernel found no memory for its partial sums.
    """
    if getattr(library(), f"forecasting_{name}")(ctypes.byref(call)) != 0:
        raise MemoryError(f"{name}: no memory for the partial sums")


def with_adjacent_channels(x: Tensor) -> Tensor:
    """The tensor itself, or a copy if its last axis is not the fastest one."""
    return x if x.stride(2) == 1 or x.shape[2] == 1 else x.contiguous()


def series(x: Tensor) -> Series:
    """The address of a tensor for the kernels; the caller keeps the tensor alive."""
    return Series(x.data_ptr(), x.stride(0), x.stride(1))


def new_empty(like: Tensor, shape: Sequence[IntLike]) -> Tensor:
    """`like.new_empty(shape)`, on a boundary of large pages (2 MiB) if it fills one.

    The kernels ask for large pages there, whose first touch is fifteen times cheaper.
    """
    numbers, page = math.prod(shape), _LARGE_PAGE // like.element_size()
    if numbers < page:
        return like.new_empty(shape)
    room = like.new_empty(numbers + page)
    first = -room.data_ptr() % _LARGE_PAGE // like.element_size()
    return room[first : first + numbers].view(shape)


def checkpoint_numbers(shape: Sequence[IntLike], state: IntLike) -> IntLike:
    """How many float32 the checkpoints of a scan over u of this shape take."""
    batch, length, channels = shape
    chunks = -(-length // _STEPS)
    return batch * chunks * (-(-channels // _PAD) * _PAD) * (-(-state // _STATE_PAD) * _STATE_PAD)


def dtypes() -> tuple[torch.dtype, ...]:
    """The types of series that the kernels read and write; their state is always float32."""
    return torch.float32, torch.bfloat16
