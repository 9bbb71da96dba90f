"""Speed and memory of the selective scan, the Mamba block and its streaming step on this CPU.

    python -m benchmarks.scan [--json] [--threads 2] [--rounds 7]

Ours and a peer run in the same process, with the same threads, taking turns, each turn after a
warm-up; times are medians, ratios are of medians. Peers are in the `oracle` extra; a
missing one is reported so.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from benchmarks import scan_peers
from benchmarks.outcome import Row, conclude
from benchmarks.scan_block import block_rows
from benchmarks.timing import forward, interleaved, repeated, timed, training
from forecasting.kernels import selective_scan
from forecasting.kernels.cpp_library import library

_STATE = 16

# Inputs and results are there before the first reading: what is left is what the scan keeps.
_MEMORY = """
import resource, threading, time, torch
from benchmarks.scan import problem
from forecasting.kernels import selective_scan
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
warm = [x.requires_grad_() for x in problem(1, 32, 32)]
torch.autograd.grad(selective_scan(*warm)[0].sum(), warm)
x = [v.requires_grad_() for v in problem(4, 1024, 256)]
dy = torch.ones(4, 1024, 256)
before, peak, done = resident(), 0.0, False
def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(2e-4)
watcher = threading.Thread(target=watch)
watcher.start()
torch.autograd.grad(selective_scan(*x)[0], x, dy)
done = True
watcher.join()
print(max(peak, resident()) - before)
"""


def problem(batch: int, length: int, channels: int) -> list[Tensor]:
    """Arguments of a scan as an untrained Mamba layer makes them."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    series, weights = (batch, length, channels), (batch, length, _STATE)
    rates = -torch.arange(1.0, _STATE + 1).repeat(channels, 1)
    bias = normal(channels) - 4
    u, dt, z, B, C = (normal(*shape) for shape in (series, series, series, weights, weights))
    return [u, dt, rates, B, C, torch.ones(channels), z, bias]


def ours(*arguments: Tensor) -> Tensor:
    """The scan that runs by itself."""
    return selective_scan(*arguments)[0]


def against(
    case: str,
    peer: tuple[str, Callable[..., Tensor] | None],
    mine: tuple[Callable[..., Tensor], Sequence[Tensor]],
    theirs: Sequence[Tensor],
    floors: tuple[float | None, float | None],
    rounds: int,
) -> list[Row]:
    """How many times the peer's time ours takes, forward and in training."""
    name, function = peer
    rows = []
    for metric, make, floor in (
        ("forward", forward, floors[0]),
        ("training", training, floors[1]),
    ):
        if function is None:
            rows.append(Row(case, metric, None, "x", f"{name} is not installed"))
            continue
        fast, slow = interleaved([make(*mine), make(function, theirs)], rounds)
        told = f"{name} {1e3 * slow:.4g} ms, ours {1e3 * fast:.4g} ms"
        rows.append(Row(case, metric, slow / fast, "x", told, floor, "larger"))
    return rows


def scan_rows(rounds: int) -> list[Row]:
    """The scan alone against other scans and against attention."""
    few, many = problem(1, 1024, 256), problem(4, 1024, 256)
    plain = ("our torch back-end", lambda *x: selective_scan(*x, backend="torch")[0])
    reference = ("mamba-ssm reference", scan_peers.mamba_ssm_reference())
    rows = against("scan B1 L1024 D256", reference, (ours, few), few, (50, 1000), rounds)
    for peer, floors in (
        (("mambapy pscan", scan_peers.mambapy_pscan()), (60, 40)),
        (("two-level scan", scan_peers.two_level), (40, 35)),
        (plain, (None, None)),
    ):
        rows += against("scan B4 L1024 D256", peer, (ours, many), many, floors, rounds)
    long, x = problem(1, 4096, 256), [torch.randn(1, 4096, 128)]
    peer = ("attention", scan_peers.attention)
    return [*rows, *against("scan B1 L4096 D256", peer, (ours, long), x, (None, 12), rounds)]


def shape_rows(rounds: int) -> list[Row]:
    """Memory, cost a token over length, and the share of the peak."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True
    )
    rows = [
        Row("scan B4 L1024 D256", "extra memory", float(done.stdout), "MiB", "training", 60),
    ]
    lengths = (1024, 4096, 16384, 65536)
    most = lengths[-1]
    runs = [repeated(forward(ours, problem(1, n, 256)), most // n) for n in lengths]
    tokens = [seconds / most for seconds in interleaved(runs, rounds)]
    told = ", ".join(f"{1e9 * s:.0f}" for s in tokens)
    spread = max(tokens) / min(tokens) - 1
    rows.append(Row("scan L1024..65536", "spread", spread, "", f"{told} ns a token", 0.25))
    (seconds,) = interleaved([forward(ours, problem(4, 1024, 256))], rounds)
    # An update: an exponential, 13 flops, and 6 more for delta A, v B, the step and the sum.
    flops = 19 * 4 * 1024 * 256 * _STATE
    share = flops / seconds / (fma_peak() * torch.get_num_threads())
    told = f"{flops / seconds / 1e9:.0f} GFLOP/s; the aim is 0.5"
    return [*rows, Row("scan B4 L1024 D256", "share of peak", share, "", told, better="larger")]


def fma_peak() -> float:
    """Multiply-add peak of one core, flops a second."""
    rounds, lanes = (
        2_000_000,
        {"avx512": 16, "avx2": 8}.get(library().forecasting_isa().decode(), 4),
    )
    best = min(timed(lambda: library().forecasting_peak(rounds)) for _ in range(5))
    return 2 * 16 * lanes * rounds / best


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = [*scan_rows(chosen.rounds), *shape_rows(chosen.rounds), *block_rows(chosen.rounds)]
    return conclude(rows, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
