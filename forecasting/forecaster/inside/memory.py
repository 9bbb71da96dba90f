"""How long the states of a network remember, in bars.

A state of a selective state space fades over bar t by exp(-step_t rate), and what it held fades
over T bars by exp(-rate * sum of step_t). So along a real history it halves every

    half-life = ln 2 / (mean step * rate)  bars,

which is exact whatever the steps between. At one bar, ln 2 / (step_t * rate) is how long it would
remember if all bars were like that one. Megalodon's moving average fades by a constant modulus r,
with half-life ln 2 / -log r; it also turns, and may cancel what it has not yet forgotten.

Source: Gu & Dao (2023), Mamba, arXiv 2312.00752, equation 4 (step Delta, rate -A); Ma et al.
(2024), Megalodon, arXiv 2404.08801, equation 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.forecaster.inside.cells import Cells
from forecasting.forecaster.inside.steps import StepWatcher
from forecasting.nn.cema import CEMA

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Memory:
    """Half-lives of all states, in bars (time that passes between bars does not count).

    Attributes:
        states: A row a state: layer, channel (of Mamba-2 a head, whose states share one
            half-life), state, half_life in bars, and weight, its share in what the layer's states
            write and read: |C_n step B_n u| summed over bars; of Megalodon |c_n|. It leaves out
            that a later bar may read more, or less, than the bar that wrote.
        over_time: Geometric mean over tickers, channels and states, without weights, of the
            half-life at each date, in bars; a column a selective layer.
    """

    states: pd.DataFrame
    over_time: pd.DataFrame

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence a layer, by weight."""
        return tuple(
            f"layer {layer}: half of its memory halves within {half:.1f} bars, nine tenths within "
            f"{most:.1f}"
            for layer, half, most in self.quantiles([0.5, 0.9]).itertuples()
        )

    def quantiles(self, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
        """Weighted quantiles of the half-lives of each layer, in bars, a column a level."""
        rows = {}
        for layer, part in self.states.groupby("layer"):
            half_life, weight = (part[name].to_numpy() for name in ("half_life", "weight"))
            # The smallest half-life below or at which lies that share of the weight.
            rows[layer] = np.quantile(half_life, levels, weights=weight, method="inverted_cdf")
        quantiles = pd.DataFrame.from_dict(rows, orient="index", columns=list(levels))
        return quantiles.rename_axis("layer")


def memory_of(steps: Sequence[StepWatcher], cemas: dict[int, CEMA], cells: Cells) -> Memory | None:
    """The memory of a network's layers; None if none has a state that fades of itself.

    Args:
        steps: Of the selective layers.
        cemas: Moving averages by layer.
        cells: That `steps` has seen.
    """
    parts = [_states(step.layer, step.half_life, step.weight) for step in steps]
    for layer, cema in cemas.items():
        fading, size = (part.double().numpy() for part in cema.decay())
        parts.append(_states(layer, np.log(2) / fading, size / size.sum()))
    if not parts:
        return None
    dates = pd.Index(cells.times[cells.date], name="time")
    over_time = {
        step.layer: np.exp(
            np.log(np.log(2)) - step.log_rate - pd.Series(step.log_step).groupby(dates).mean()
        )
        for step in steps
    }
    return Memory(pd.concat(parts, ignore_index=True), pd.DataFrame(over_time))


def _states(
    layer: int,
    half_life: Float[np.ndarray, "channel state"],
    weight: Float[np.ndarray, "channel state"],
) -> pd.DataFrame:
    channel, state = (index.ravel() for index in np.indices(half_life.shape))
    return pd.DataFrame(
        {
            "layer": layer,
            "channel": channel,
            "state": state,
            "half_life": half_life.ravel(),
            "weight": weight.ravel(),
        }
    )
