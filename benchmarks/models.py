"""Speed and memory of the whole backbone against a Transformer twin and other packages' models.

    python -m benchmarks.models [--json] [--threads 2] [--rounds 3] [--longest 16384]

A twin has as many parameters, the same experts and attention over the whole context; Jamba's one
attention layer looks back 256 bars, as its recipe does. Training is forward and backward with all
gradients, without the optimiser. Ours and a peer run in one process, with the same threads, taking
turns; times are medians, ratios are of medians. Peers are in the `oracle` extra; a missing one is
reported so.
"""

import argparse
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks import model_peers
from benchmarks.model_memory import longest_context_rows, state_rows
from benchmarks.model_peers import JAMBA, changed, parameters, transformer_twin
from benchmarks.outcome import Row, conclude
from benchmarks.timing import Run, interleaved
from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer
from forecasting.nn.state import State

_TOKENS = 16_384
"""Bars of a batch, whatever the context."""
_TRAINING_FLOORS = {256: 0.7, 1024: 1.2, 4096: 2.5, 16_384: 6.0}
_WINDOW_RE_READ = 512


def make(config: NetworkConfig) -> Backbone:
    """An untrained backbone."""
    torch.manual_seed(0)
    return Backbone(config)


def forecasting(model: nn.Module, x: Tensor) -> Run:
    """A pass without gradients."""

    def run() -> None:
        with torch.no_grad():
            model(x)

    return run


def training(model: nn.Module, x: Tensor) -> Run:
    """A pass and the gradients of all parameters that it uses."""
    leaves = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def run() -> None:
        answer = model(x)
        y = answer[0] if isinstance(answer, tuple) else answer
        torch.autograd.grad(y, leaves, torch.ones_like(y), allow_unused=True)

    return run


def twin_rows(contexts: Sequence[int], rounds: int) -> list[Row]:
    """R3 and R6: bars a second of Jamba over those of the Transformer twin."""
    rows, jamba = [], make(JAMBA)
    for context in contexts:
        twin = transformer_twin(JAMBA, context)
        batch = max(1, _TOKENS // context)
        x = torch.randn(batch, context, JAMBA.hidden_size)
        case = f"Jamba B{batch} L{context}"
        models = (jamba, make(twin))
        for metric, run, floor in (
            ("training", training, _TRAINING_FLOORS[context]),
            ("forecasting", forecasting, None),
        ):
            fast, slow = interleaved([run(model, x) for model in models], rounds)
            told = (
                f"Transformer {_rate(x, slow)}, Jamba {_rate(x, fast)}; "
                f"{parameters(twin) / 1e3:.0f}k and {parameters(JAMBA) / 1e3:.0f}k parameters"
            )
            rows.append(Row(case, metric, slow / fast, "x", told, floor, "larger"))
    return [*rows, _unbounded_row(x, models[1], rounds)]


def _unbounded_row(x: Tensor, twin: Backbone, rounds: int) -> Row:
    """The last case with an attention layer in Jamba that looks back the whole context too."""
    whole = make(changed(JAMBA, sliding_window=x.shape[1]))
    fast, slow = interleaved([training(model, x) for model in (whole, twin)], rounds)
    case = f"Jamba B{len(x)} L{x.shape[1]}, no window"
    told = f"Transformer {_rate(x, slow)}, Jamba {_rate(x, fast)}"
    return Row(case, "training", slow / fast, "x", told, better="larger")


def _rate(x: Tensor, seconds: float) -> str:
    return f"{x.shape[0] * x.shape[1] / seconds:,.0f} bars/s"


def mamba_rows(rounds: int) -> list[Row]:
    """R8: time of a Mamba layer over that of a Mamba-2 layer of the same sizes."""
    rows, x = [], torch.randn(4, 1024, 64)
    for size in (16, 32, 64, 128):
        config = changed(JAMBA, mamba_d_state=size)
        mixers = (Mamba2Mixer(config), MambaMixer(config))
        for metric, run in (("training", training), ("forecasting", forecasting)):
            second, first = interleaved([run(mixer, x) for mixer in mixers], rounds)
            told = f"Mamba {1e3 * first:.4g} ms, Mamba-2 {1e3 * second:.4g} ms"
            case = f"Mamba-2 d64 N{size} B4 L1024"
            rows.append(Row(case, metric, first / second, "x", told, better="larger"))
    return rows


def package_rows(rounds: int, context: int = 256, batch: int = 8) -> list[Row]:
    """Training on the same windows and batch as other packages' nearest models."""
    backbone = make(JAMBA)
    x, prices = torch.randn(batch, context, JAMBA.hidden_size), torch.randn(batch, context, 1)
    peers = (
        ("transformers", "JambaModel", model_peers.hugging_face_jamba(JAMBA, backbone), x, 10.0),
        (
            "neuralforecast",
            "VanillaTransformer, one forecast a window",
            model_peers.neuralforecast_transformer(context, JAMBA),
            prices,
            None,
        ),
    )
    rows = []
    for package, name, model, windows, floor in peers:
        case = f"Jamba B{batch} L{context}, {package}"
        if model is None:
            rows.append(Row(case, "training", None, "x", f"{package} is not installed"))
            continue
        count = sum(parameter.numel() for parameter in model.parameters())
        fast, slow = interleaved([training(backbone, x), training(model, windows)], rounds)
        told = f"{name} {_rate(windows, slow)}, ours {_rate(x, fast)}; {count / 1e3:.0f}k"
        rows.append(Row(case, "training", slow / fast, "x", told, floor, "larger"))
    return rows


def history_row(rounds: int, bars: int = 10_000, sample: int = 64) -> Row:
    """Forecast every bar in one pass, against reading a window again for every bar.

    The slow side is a sample of bars, read in two batches, times their number.
    """
    backbone = make(JAMBA)
    history = torch.randn(1, bars, JAMBA.hidden_size)
    windows = torch.randn(sample // 2, _WINDOW_RE_READ, JAMBA.hidden_size)
    runs = [forecasting(backbone, history), forecasting(backbone, windows)]
    once, half = interleaved(runs, rounds)
    again = 2 * half / sample * bars
    told = f"{again:.4g} s, extrapolated from {sample} bars, one pass {once:.4g} s"
    case = f"{bars:,} bars, re-reading {_WINDOW_RE_READ}"
    return Row(case, "forecasting", again / once, "x", told, 100, "larger")


def streaming_row(rounds: int, early: int = 1000, late: int = 50_000, timed: int = 50) -> Row:
    """Time of a bar late in a stream over that of one early."""
    backbone = make(JAMBA)

    def after(bars: int) -> State:
        state = backbone.initial_state(1)
        for _ in range(bars // 1000):
            _, state = backbone.advance(torch.randn(1, 1000, JAMBA.hidden_size), state)
        return state

    bar = torch.randn(1, 1, JAMBA.hidden_size)

    def stream(state: State) -> Run:
        def run() -> None:
            following = dict(state)
            for _ in range(timed):
                _, following = backbone.advance(bar, following)

        return run

    with torch.no_grad():
        first, last = interleaved([stream(after(bars)) for bars in (early, late)], 3 * rounds)
    told = f"{1e6 * first / timed:.4g} us at bar {early:,}, {1e6 * last / timed:.4g} us"
    return Row(f"a bar at {late:,}", "streaming", last / first, "x", told, 1.25)


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--longest", type=int, default=max(_TRAINING_FLOORS), help="context, bars")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    contexts = tuple(context for context in _TRAINING_FLOORS if context <= chosen.longest)
    rows = [
        *twin_rows(contexts, chosen.rounds),
        *state_rows(contexts),
        *mamba_rows(chosen.rounds),
        *package_rows(chosen.rounds),
        history_row(chosen.rounds),
        streaming_row(chosen.rounds),
        *longest_context_rows(chosen.threads),
    ]
    return conclude(rows, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
