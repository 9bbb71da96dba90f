"""Times of calls that take turns, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_LONG, _TURN = 3.0, 0.05  # seconds
Run = Callable[[], object]


def interleaved(runs: Sequence[Run], rounds: int) -> list[float]:
    """Median seconds of each, taking turns.

    A turn is one call to warm caches and allocator, then calls for a twentieth of a second; a
    run of many seconds has one turn of one call.
    """
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, times in zip(runs, seconds, strict=True):
            if times and times[0] > _LONG:
                continue
            first = timed(run)
            calls = max(1, round(_TURN / first))
            times.append(first if first > _LONG else timed(repeated(run, calls)) / calls)
    return [statistics.median(times) for times in seconds]


def repeated(run: Run, times: int) -> Run:
    """The same call several times."""

    def runs() -> None:
        for _ in range(times):
            run()

    return runs


def forward(function: Callable[..., Tensor], arguments: Sequence[Tensor]) -> Run:
    """A call without gradients."""

    def run() -> None:
        with torch.no_grad():
            function(*arguments)

    return run


def training(function: Callable[..., Tensor], arguments: Sequence[Tensor]) -> Run:
    """A call and the gradients of everything that it depends on."""
    leaves = [x.detach().clone().requires_grad_() for x in arguments]
    with torch.no_grad():
        dy = torch.ones_like(function(*leaves))

    def run() -> None:
        torch.autograd.grad(function(*leaves), leaves, dy)

    return run


def timed(run: Run) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
