"""What a ticker's state takes, and the longest context that can be trained in a fixed memory."""

import subprocess
import sys

from benchmarks.model_peers import JAMBA, WINDOW, changed, state_bytes, transformer_twin
from benchmarks.outcome import Row

_BUDGET = 2048.0  # MiB
_TIME_LIMIT = 60.0  # seconds of a child process
_SHORTEST, _LONGEST = 8192, 262_144

# One step first, so that what every step needs is there before the first reading. The peak that
# `getrusage` knows would be the parent's where that is larger.
_TRAINING_STEP = """
import sys, torch
from benchmarks.model_peers import JAMBA, transformer_twin
from forecasting.nn.backbone import Backbone
def mebibytes(entry):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(entry))
kind, length = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(int(sys.argv[3]))
backbone = Backbone(JAMBA if kind == "Jamba" else transformer_twin(JAMBA, length))
def step(length):
    x = torch.randn(1, length, JAMBA.hidden_size)
    backbone(x)[0].backward(torch.ones_like(x))
step(64)
before = mebibytes("VmRSS:")
step(length)
print(mebibytes("VmHWM:") - before)
"""


def state_rows(contexts: tuple[int, ...]) -> list[Row]:
    """State of the all-attention twin over that of Jamba, both looking back the whole context."""
    rows, bounded = [], state_bytes(JAMBA)
    for context in contexts:
        twin = state_bytes(transformer_twin(JAMBA, context))
        jamba = state_bytes(changed(JAMBA, sliding_window=context))
        told = (
            f"Transformer {twin / 2**20:.3g} MiB a ticker, Jamba {jamba / 2**20:.3g}, "
            f"with a window of {WINDOW} {min(jamba, bounded) / 2**20:.3g}"
        )
        rows.append(Row(f"state context {context}", "Transformer", twin / jamba, "x", told))
    return [*rows, _published_row()]


def _published_row() -> Row:
    """Jamba-v0.1 at 256K tokens in 16 bits, by arithmetic alone.

    Source: Lieber et al. (2024), Jamba, arXiv 2403.19887, table 1: 4 GB of keys and values instead
    of 32 GB.
    """
    layers, attention, tokens, wide = 32, 4, 256 * 1024, 2  # bytes of a number
    keys_and_values = wide * 2 * 8 * 128 * tokens  # 8 heads of 128
    mamba = wide * 2 * 4096 * (16 + 4 - 1)  # states, and inputs of the convolution
    hybrid = attention * keys_and_values + (layers - attention) * mamba
    ratio = layers * keys_and_values / hybrid
    told = f"{layers * keys_and_values / 2**30:.3g} GiB, Jamba {hybrid / 2**30:.3g}; arithmetic"
    return Row("state of Jamba-v0.1 at 256K", "Transformer", ratio, "x", told, 7.9, "larger")


def longest_context_rows(threads: int) -> list[Row]:
    """The longest context, a power of two, whose training step fits, batch 1."""
    return [_longest_context(kind, threads) for kind in ("Jamba", "Transformer")]


def _longest_context(kind: str, threads: int) -> Row:
    best, told, length = None, [], _SHORTEST
    while length <= _LONGEST:
        command = [sys.executable, "-c", _TRAINING_STEP, kind, str(length), str(threads)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=_TIME_LIMIT
            )
        except subprocess.TimeoutExpired:
            told.append(f"{length:,} bars stopped after {_TIME_LIMIT:.0f} s, memory not known")
            break
        extra = float(done.stdout)
        told.append(f"{length:,} bars {extra:,.0f} MiB")
        if extra > _BUDGET:
            break
        best, length = length, 2 * length
    case = f"context in 2 GiB, {kind}"
    return Row(case, "training", best, "bars", ", ".join(told), better="larger")
