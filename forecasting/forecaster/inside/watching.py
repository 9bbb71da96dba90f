"""Watching a network's own modules while it forecasts whole histories."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from forecasting.forecaster.network_forecaster import network_law
from forecasting.market.sequences import Sequences
from forecasting.nn.network import ForecastNetwork


@runtime_checkable
class Watcher(Protocol):
    """Sees what one module of the network is given, and answers, for each ticker in turn."""

    @property
    def module(self) -> nn.Module:
        """What it watches."""

    def see(self, ticker: int, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Take down what is of interest.

        Args:
            ticker: Its index in the panel.
            inputs: Of the module, each (1, length, ...): one whole history, without padding.
            output: Of the module, a tensor or a tuple of tensors, cut in the same way.
        """


def watch(network: ForecastNetwork, sequences: Sequences, watchers: Sequence[Watcher]) -> None:
    """Let the network forecast all histories, as `NetworkForecaster.forecast` does, and watch.

    The hooks are gone when it returns; the network is as it was.
    """
    with ExitStack() as stack:
        for watcher in watchers:
            handle = watcher.module.register_forward_hook(_hook(watcher, sequences))
            stack.callback(handle.remove)
        network_law(network, sequences)


def _hook(watcher: Watcher, sequences: Sequences) -> Callable[[nn.Module, Any, Any], None]:
    lengths = np.diff(sequences.offsets)
    alone: Iterator[int] = iter(np.flatnonzero(lengths).tolist())

    def see(module: nn.Module, inputs: Any, output: Any) -> None:
        batch = len(inputs[0])
        # A history comes alone, or in a network that looks across tickers with all others.
        tickers = [next(alone)] if batch == 1 else range(batch)
        for row, ticker in enumerate(tickers):
            cut = (slice(row, row + 1), slice(int(lengths[ticker])))
            given = tuple(x[cut] for x in inputs if x is not None)
            watcher.see(ticker, given, _cut(output, cut))

    return see


def _cut(output: Any, cut: tuple[slice, slice]) -> Any:
    if isinstance(output, Tensor):
        return output[cut]
    return tuple(_cut(part, cut) for part in output)
