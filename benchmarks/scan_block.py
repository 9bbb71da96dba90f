"""The whole Mamba block against its peers and itself, and its streaming step."""

import os
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import scan_peers
from benchmarks.outcome import Row
from benchmarks.timing import Run, forward, interleaved, repeated
from forecasting.config import NetworkConfig
from forecasting.kernels.block_step import BlockStep
from forecasting.nn.mamba import MambaMixer


def block_rows(rounds: int) -> list[Row]:
    """The whole Mamba block against Hugging Face's, and its streaming step."""
    torch.manual_seed(0)
    mixer = MambaMixer(NetworkConfig(hidden_size=128))
    x = torch.randn(4, 1024, 128)
    theirs = scan_peers.hugging_face_mixer(128)
    case, rows = "block d128 B4 L1024", []
    for metric, make in (("forward", _block_forward), ("training", _block_training)):
        if theirs is None:
            rows.append(Row(case, metric, None, "x", "transformers is not installed"))
            continue
        fast, slow = interleaved([make(mixer, x), make(theirs, x)], rounds)
        told = f"JambaMambaMixer {1e3 * slow:.4g} ms, ours {1e3 * fast:.4g} ms"
        rows.append(Row(case, metric, slow / fast, "x", told, 10, "larger"))
    rows += _own_block_rows(mixer, x, rounds)
    for batch, floor in ((1, 150), (512, 500)):
        rows += _step_rows(mixer, batch, floor, rounds)
    return rows


def _own_block_rows(mixer: MambaMixer, x: Tensor, rounds: int) -> list[Row]:
    """The block against itself: without the C++ kernels, and with bfloat16 products."""
    rows = []
    for metric, make in (("forward", _block_forward), ("training", _block_training)):
        runs = [make(mixer, x), _without_kernels(make(mixer, x)), _in_bfloat16(make(mixer, x))]
        fast, plain, half = interleaved(runs, rounds)
        told = f"{1e3 * plain:.4g} ms in pure torch, {1e3 * fast:.4g} ms"
        rows.append(Row("block d128 B4 L1024", metric, plain / fast, "x", told, better="larger"))
        told = f"{1e3 * fast:.4g} ms, in bfloat16 {1e3 * half:.4g} ms"
        rows.append(Row("block d128 B4 L1024", metric, fast / half, "x", told, better="larger"))
    return rows


def _without_kernels(run: Run) -> Run:
    def without() -> None:
        with (
            patch.dict(os.environ, {"FORECASTING_SCAN": "torch"}),
            patch("forecasting.nn.mamba.linear", F.linear),
        ):
            run()

    return without


def _in_bfloat16(run: Run) -> Run:
    def narrow() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            run()

    return narrow


def _block_forward(block: torch.nn.Module, x: Tensor) -> Run:
    return forward(lambda x: block(x), [x])


def _block_training(block: torch.nn.Module, x: Tensor) -> Run:
    leaves, dy = [x.clone().requires_grad_(), *block.parameters()], torch.ones_like(x)
    return lambda: torch.autograd.grad(block(leaves[0]), leaves, dy)


def _step_rows(mixer: MambaMixer, batch: int, floor: float, rounds: int) -> list[Row]:
    """One bar by the step, against the same bar by recomputing a window of 1,024."""
    step, bar = BlockStep(mixer), torch.randn(batch, 128)
    state = step.initial_state(batch)
    repeats = 1000 if batch == 1 else 20
    kept = step(bar, state)  # the bare call writes to it again

    # A window of the whole batch of 512 takes gigabytes: four rows stand for their share.
    rows_at_once = min(batch, 4)
    window = _block_forward(mixer, torch.randn(rows_at_once, 1024, 128))
    inside, whole = interleaved([repeated(step._run, repeats), window], rounds)
    inside /= repeats
    del kept
    again = whole * batch / rows_at_once
    case = f"step d128 B{batch}"
    limit = 20.0 if batch == 1 else None
    told = f"window {1e3 * again:.4g} ms"
    return [
        Row(
            case, "inside the call", 1e6 * inside, "us", f"{1e6 * inside / batch:.2f} a row", limit
        ),
        Row(case, "vs recomputing", again / inside, "x", told, floor, "larger"),
    ]
