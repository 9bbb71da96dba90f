"""The step sizes of a state-space layer along real histories, taken down while it runs."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from forecasting.forecaster.inside.cells import Cells
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer

StateSpace = MambaMixer | Mamba2Mixer


class StepWatcher:
    """What a state space took in and kept on the cells, summed as the histories pass by.

    Attributes:
        layer: Index in the network.
        module: The layer's mixer.
    """

    def __init__(self, layer: int, module: StateSpace, cells: Cells) -> None:
        self.layer, self.module = layer, module
        self._cells = cells
        self._rate = torch.exp(module.A_log.detach()).double().numpy()
        self._rate = self._rate.reshape(len(self._rate), -1)
        self._total = np.zeros(len(self._rate))
        self._weight = np.zeros_like(self._rate)
        self._log_step: list[np.ndarray] = []

    def see(self, ticker: int, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Add one ticker's history."""
        place = self._cells.place[self._cells.of(ticker)]
        if not len(place):
            return
        selection = self.module.selection(inputs[0])
        step, written, read = (
            part[0].double().numpy()[place]
            for part in (selection.step, selection.written, selection.read)
        )
        self._total += step.sum(axis=0)
        self._weight += written.T @ read
        self._log_step.append(np.log(step).mean(axis=1))

    @property
    def log_step(self) -> Float[np.ndarray, " cell"]:
        """Log of the geometric mean of the channels' steps, at each cell."""
        return np.concatenate(self._log_step)

    @property
    def log_rate(self) -> float:
        """Log of the geometric mean of the rates -A."""
        return float(np.log(self._rate).mean())

    @property
    def half_life(self) -> Float[np.ndarray, "channel state"]:
        """Ln 2 / (mean step * rate), in bars."""
        return np.log(2) / (self._total[:, None] / len(self.log_step) * self._rate)

    @property
    def weight(self) -> Float[np.ndarray, "channel state"]:
        """Share of each state in sum |C_n step B_n u|; the shares of a layer sum to 1."""
        return self._weight / self._weight.sum()
