"""How far back a network remembers: recall of one planted event, 64 to 16,384 bars later.

    python -m benchmarks.long_memory [--json] [--minutes 2] [--threads 2] [--plot FILE]

Selective copying (Gu & Dao, 2023, arXiv 2312.00752, section 4.1) with one thing to copy: every bar
shows one of eight symbols, a single bar is marked, and every bar after it asks for the symbol that
was marked; chance is 1/8. The networks have equally many parameters and are trained for the same
minutes. Sequences begin with 64 bars; whenever a network masters the longest, twice as long ones
join, up to 16,384. Attention looks back 64 bars in each of three layers, so that what is older than
189 bars has left a Transformer's sight for good.
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.model_peers import changed, parameters
from benchmarks.outcome import Row, conclude
from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone

_SYMBOLS = 8
_TOKENS = 4096
"""Bars of a training batch; a sequence that is longer is one by itself."""
_SHORTEST, _LONGEST, _MASTERED = 64, 16_384, 0.95
_RATE = 5e-3
_DISTANCES = tuple(64 << doubling for doubling in range(9))
_MARKED_BAR, _TEST_ROWS, _CHUNK = 32, 64, 512

_JAMBA = NetworkConfig(
    hidden_size=32,
    num_hidden_layers=3,
    attn_layer_period=3,
    attn_layer_offset=1,
    expert_layer_period=None,
    intermediate_size=64,
    sliding_window=64,
    dropout=0.0,
)


def networks() -> dict[str, NetworkConfig]:
    """The shapes that are compared, as wide in the feed-forward as equal parameters ask."""
    mamba = changed(_JAMBA, attn_layer_period=None)
    transformer = changed(_JAMBA, mixer="attention", attn_layer_period=None)
    shapes = {"Mamba": mamba, "Transformer": transformer, "Jamba": _JAMBA}
    widths = range(16, 257, 4)
    budget = parameters(_JAMBA)

    def as_large(shape: NetworkConfig) -> NetworkConfig:
        choices = [changed(shape, intermediate_size=width) for width in widths]
        return min(choices, key=lambda choice: abs(parameters(choice) - budget))

    return {name: as_large(shape) for name, shape in shapes.items()}


class Recall(nn.Module):
    """Symbols and mark in, scores of the symbols out, at every bar."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(_SYMBOLS + 1, config.hidden_size)
        self.backbone = Backbone(config)
        self.answer = nn.Linear(config.hidden_size, _SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        """A whole sequence."""
        return self.answer(self.backbone(self.embed(x))[0])

    @torch.no_grad()
    def stream(self, x: Tensor) -> Tensor:
        """The same chunk by chunk, for sequences of any length."""
        state, answers = self.backbone.initial_state(len(x)), []
        for chunk in torch.split(x, _CHUNK, dim=1):
            hidden, state = self.backbone.advance(self.embed(chunk), state)
            answers.append(self.answer(hidden))
        return torch.cat(answers, dim=1)


def sequences(length: int, marked: Tensor) -> tuple[Tensor, Tensor]:
    """Bars with a mark on one of each row, (batch, length, symbol + 1), and its symbols."""
    symbols = torch.randint(_SYMBOLS, (len(marked), length))
    mark = F.one_hot(marked, length).unsqueeze(-1)
    bars = torch.cat([F.one_hot(symbols, _SYMBOLS), mark], dim=-1).float()
    return bars, symbols.gather(1, marked.unsqueeze(1)).squeeze(1)


def train(model: Recall, minutes: float) -> tuple[int, int]:
    """Cross-entropy at every bar after the mark, by AdamW.

    Returns:
        The number of steps and the longest sequences among them.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.95))
    started, steps, done, longest = time.perf_counter(), 0, 0.0, _SHORTEST
    while done < 1:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1, (steps + 1) / 30, 2 - 2 * done)
        length = longest >> int(torch.randint((longest // _SHORTEST).bit_length(), ()))
        marked = torch.randint(length // 2, (max(1, _TOKENS // length),))
        bars, symbol = sequences(length, marked)
        asked = torch.arange(length) > marked.unsqueeze(1)
        answers, truth = model(bars)[asked], symbol.unsqueeze(1).expand(asked.shape)[asked]
        loss = F.cross_entropy(answers, truth)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        right = float((answers.argmax(dim=-1) == truth).float().mean())
        if length == longest and right > _MASTERED:
            longest = min(2 * longest, _LONGEST)
        steps, done = steps + 1, (time.perf_counter() - started) / (60 * minutes)
    return steps, longest


def recall(model: Recall) -> dict[int, float]:
    """Share of right answers at each distance, over rows and the 16 bars up to it."""
    length, right = _MARKED_BAR + _DISTANCES[-1] + 1, dict.fromkeys(_DISTANCES, 0.0)
    batch = 8
    for _ in range(_TEST_ROWS // batch):
        bars, symbol = sequences(length, torch.full((batch,), _MARKED_BAR))
        hit = model.stream(bars).argmax(dim=-1) == symbol.unsqueeze(1)
        for distance in _DISTANCES:
            bar = _MARKED_BAR + distance
            right[distance] += float(hit[:, bar - 15 : bar + 1].float().mean())
    return {distance: total * batch / _TEST_ROWS for distance, total in right.items()}


def plot(found: dict[str, dict[int, float]], file: Path) -> None:
    """Recall over distance, a line for each network."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, share), style in zip(found.items(), ("o-", "s-", "D--"), strict=True):
        axes.plot(list(share), list(share.values()), style, label=name)
    axes.axhline(1 / _SYMBOLS, color="grey", linestyle=":", label="chance")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="bars since the event", ylabel="recall", ylim=(0, 1.05))
    axes.set_xticks(_DISTANCES, [f"{distance:,}" for distance in _DISTANCES])
    axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> int:
    """Train and test each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--minutes", type=float, default=2.0, help="of training, each network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=Path("runs/long_memory.png"))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows, found = [], {}
    for name, config in networks().items():
        torch.manual_seed(0)
        model = Recall(config)
        steps, longest = train(model, chosen.minutes)
        found[name] = recall(model.eval())
        told = (
            f"{steps:,} steps in {chosen.minutes:g} min, up to {longest:,} bars; "
            f"{parameters(config) / 1e3:.1f}k parameters"
        )
        for distance, share in found[name].items():
            case = f"{name}, {distance:,} bars back"
            rows.append(Row(case, "recall", share, "", told, better="larger"))
    plot(found, chosen.plot)
    return conclude(rows, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
