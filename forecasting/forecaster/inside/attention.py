"""How far back attention looks: its weights by lag, and by volatility regime.

A bar's lookback is its mean lag, sum_a a w_a in bars, of weights w that are averaged over the
heads. Weights say what is mixed in, not what the answer rests on: Jain & Wallace (2019), Attention
is not Explanation, arXiv 1902.10186.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor

from forecasting.forecaster.inside.cells import REGIMES, Cells
from forecasting.forecaster.inside.contrast import contrast
from forecasting.nn.attention import Attention
from forecasting.nn.megalodon import GatedAttention

CausalAttention = Attention | GatedAttention


def window_of(module: CausalAttention) -> int:
    """Most bars that a layer sees, the own one included."""
    return module.window if isinstance(module, Attention) else module.chunk


def bars_seen(module: CausalAttention, place: Int[np.ndarray, " bar"]) -> Int[np.ndarray, " bar"]:
    """How many bars are seen from these places in a history, the own one included.

    A sliding window sees as far back everywhere; a chunk of Megalodon begins anew.
    """
    if isinstance(module, Attention):
        return np.minimum(place + 1, module.window)
    return place % module.chunk + 1


class AttentionWatcher:
    """What a layer of attention looked at on the cells, summed as the histories pass by.

    Attributes:
        layer: Index in the network.
        module: The layer's attention.
        window: Most bars that it sees, the own one included.
        weight: Sum of the weights by regime (the last row: without one) and lag.
        even: The same, had each cell looked at all bars that it sees alike.
    """

    def __init__(self, layer: int, module: CausalAttention, cells: Cells) -> None:
        self.layer, self.module = layer, module
        self.window = window_of(module)
        self.weight = np.zeros((len(REGIMES) + 1, self.window))
        self.even = np.zeros_like(self.weight)
        self._cells = cells
        self._lookback: list[np.ndarray] = []
        self._even_lookback: list[np.ndarray] = []

    def see(self, ticker: int, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Add one ticker's history."""
        of = self._cells.of(ticker)
        if of.start == of.stop:
            return
        weights = self.module.weights(*inputs)[0].mean(dim=0).double().numpy()
        weights = weights[self._cells.place[of]]
        lags = np.arange(self.window)
        seen = bars_seen(self.module, self._cells.place[of])
        even = (lags < seen[:, None]) / seen[:, None]
        regime = self._cells.regime[self._cells.date[of]]
        for k in np.unique(regime):
            self.weight[k] += weights[regime == k].sum(axis=0)
            self.even[k] += even[regime == k].sum(axis=0)
        self._lookback.append(weights @ lags)
        self._even_lookback.append((seen - 1) / 2)

    @property
    def lookback(self) -> Float[np.ndarray, " cell"]:
        """Mean lag of each cell, in bars."""
        return np.concatenate(self._lookback)

    @property
    def even_lookback(self) -> Float[np.ndarray, " cell"]:
        """What it would be if the cell looked at all bars that it sees alike."""
        return np.concatenate(self._even_lookback)


@dataclass(frozen=True, eq=False)
class AttentionUse:
    """What the layers of attention look at; weights are means over heads and cells.

    Attributes:
        profile: A row for each layer, regime (`all` first) and lag in bars (0 is the own bar):
            mean `weight`, which sums to 1 over the lags, and `even`, that of a layer that looks at
            all bars it sees alike.
        lookback: A row for each layer and regime: mean lag `lookback` in bars; `even`, that of
            even weights over the bars seen; `excess`, the one less the other, with 95 % interval
            `low` to `high`, errors by date; `t` and `p` of the excess being that of the cells of
            other regimes (NaN for `all`); `cells`.
        verdicts: A sentence a layer.
    """

    profile: pd.DataFrame
    lookback: pd.DataFrame
    verdicts: tuple[str, ...]


def attention_use_of(watchers: Sequence[AttentionWatcher], cells: Cells) -> AttentionUse | None:
    """The attention of a network's layers; None if no layer attends over time."""
    if not watchers:
        return None
    profile = pd.concat([_profile(watcher) for watcher in watchers], ignore_index=True)
    lookback = pd.DataFrame([row for watcher in watchers for row in _lookback(watcher, cells)])
    overall = lookback.query("regime == 'all'")
    verdicts = tuple(
        f"layer {row.layer}: looks back {row.lookback:.1f} bars on average, "
        f"{row.excess:+.1f} ({row.low:+.1f} to {row.high:+.1f}) to even attention"
        for row in overall.itertuples()
    )
    return AttentionUse(profile, lookback, verdicts)


def _profile(watcher: AttentionWatcher) -> pd.DataFrame:
    parts = []
    for name in ("all", *REGIMES):
        rows = slice(None) if name == "all" else [REGIMES.index(name)]
        weight, even = (sums[rows].sum(axis=0) for sums in (watcher.weight, watcher.even))
        if cells := even.sum():
            columns = {"lag": np.arange(watcher.window), "weight": weight / cells}
            place = {"layer": watcher.layer, "regime": name}
            parts.append(pd.DataFrame({**place, **columns, "even": even / cells}))
    return pd.concat(parts)


def _lookback(watcher: AttentionWatcher, cells: Cells) -> list[dict[str, object]]:
    rows = []
    regime = cells.regime[cells.date]
    for name in ("all", *REGIMES):
        own = np.full(len(regime), True) if name == "all" else regime == REGIMES.index(name)
        if not own.any():
            continue
        # The excess: how many bars there are to look back on is no choice of the network.
        found = contrast(watcher.lookback - watcher.even_lookback, own, cells.date)
        rows.append(
            {
                "layer": watcher.layer,
                "regime": name,
                "lookback": float(watcher.lookback[own].mean()),
                "even": float(watcher.even_lookback[own].mean()),
                "excess": found.mean,
                "low": found.mean - 1.96 * found.mean_error,
                "high": found.mean + 1.96 * found.mean_error,
                "t": found.t,
                "p": found.p,
                "cells": found.cells,
            }
        )
    return rows
