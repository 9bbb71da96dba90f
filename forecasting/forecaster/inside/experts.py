"""Which experts the routers pick, and whether that depends on the market's volatility regime."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from forecasting.forecast.significance import LEVEL
from forecasting.forecaster.inside.cells import REGIMES, Cells
from forecasting.nn.moe import MixtureOfExperts

LEAST_CHANGES = 30
"""Changes of regime in a span below which `shift_test` says nothing."""

Counts = Float[np.ndarray, "date regime"]
Picks = Float[np.ndarray, "date expert"]


class RoutingWatcher:
    """What a router picked on the cells, as its layer reports it.

    Attributes:
        layer: Index in the network.
        module: The layer's mixture of experts.
        picks: How often each expert was picked, on each date of the panel.
    """

    def __init__(self, layer: int, module: MixtureOfExperts, cells: Cells) -> None:
        self.layer, self.module = layer, module
        self._cells = cells
        self.picks = np.zeros((len(cells.times), module.router.out_features))

    def see(self, ticker: int, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Count one ticker's picks."""
        of = self._cells.of(ticker)
        _, (_, picked) = output
        for each in picked[0].numpy()[self._cells.place[of]].T:
            np.add.at(self.picks, (self._cells.date[of], each), 1)


@dataclass(frozen=True, eq=False)
class ExpertUse:
    """The load of the experts by volatility regime.

    Attributes:
        shares: A row for each layer, regime (`all` first) and expert: `share` of the picks, which
            sum to 1 over the experts.
        loads: A row for each layer and regime: `dates`, and `entropy` of the shares over its
            maximum, log of the number of experts: 1 is an even load, 0 a single expert.
        tests: A row a layer: `cramers_v` between regime and expert, `p`, `dates`. See
            `shift_test`; without a test V and p are NaN.
        verdicts: A sentence a layer; the level of 5 % is divided by the number of layers.
    """

    shares: pd.DataFrame
    loads: pd.DataFrame
    tests: pd.DataFrame
    verdicts: tuple[str, ...]


def expert_use_of(watchers: Sequence[RoutingWatcher], cells: Cells) -> ExpertUse | None:
    """The expert use of a network's layers; None if no layer has experts."""
    if not watchers:
        return None
    shares: list[dict[str, object]] = []
    loads: list[dict[str, object]] = []
    tests: list[dict[str, object]] = []
    for watcher in watchers:
        looked_at = watcher.picks.sum(axis=1) > 0
        for name in ("all", *REGIMES):
            own = looked_at & ((name == "all") | (cells.regime == _index(name)))
            load = watcher.picks[own].sum(axis=0)
            place = {"layer": watcher.layer, "regime": name}
            share = load / load.sum() if own.any() else np.full(len(load), np.nan)
            shares += [{**place, "expert": e, "share": s} for e, s in enumerate(share)]
            loads.append({**place, "dates": int(own.sum()), "entropy": _relative_entropy(share)})
        known = looked_at & (cells.regime >= 0)
        regime = np.eye(len(REGIMES))[cells.regime[known]]
        v, p = shift_test(regime, watcher.picks[known])
        tests.append({"layer": watcher.layer, "cramers_v": v, "p": p, "dates": int(known.sum())})
    found = pd.DataFrame(tests)
    verdicts = tuple(_verdict(row, LEVEL / len(found)) for row in found.itertuples())
    return ExpertUse(pd.DataFrame(shares), pd.DataFrame(loads), found, verdicts)


def shift_test(regime: Counts, picks: Picks) -> tuple[float, float]:
    """Cramer's V between regime and expert, and how often chance gives as much.

    Both are persistent, so bars cannot be shuffled: a year of calm under one expert would count as
    hundreds of proofs. Instead the regimes are shifted against the picks by every number of dates,
    the last following the first, which keeps the persistence of both; p is the share of shifts,
    none included, that give at least as much. Exact for a circle of dates; on a line it holds its
    level where the span has many spells of each regime: with some ten in all it rejects twice as
    often as it should, with fifty it does not.

    Args:
        regime: One where a date has that regime.
        picks: How often each expert was picked on each date.

    Returns:
        V, from 0 (the same shares in each regime) to 1, and p; NaN where the regime changes fewer
        than `LEAST_CHANGES` times, or only one expert occurs.

    Source: Cramer (1946), Mathematical Methods of Statistics, section 21.9; Harris (2020), A shift
    test for independence in generic time series, arXiv 2012.06862.
    """
    n = len(regime)
    changes = (np.diff(regime, axis=0) != 0).any(axis=1).sum()
    if changes < LEAST_CHANGES or (picks.sum(axis=0) > 0).sum() < 2:
        return np.nan, np.nan
    # All shifts at once: a correlation of each regime's dates with each expert's picks.
    spectra = np.fft.rfft(regime, axis=0).conj()[:, :, None] * np.fft.rfft(picks, axis=0)[:, None]
    tables = np.fft.irfft(spectra, n, axis=0)
    v = _cramers_v(np.maximum(tables, 0))
    # Equal up to the rounding of the transform counts as equal.
    return float(v[0]), float((v >= v[0] - 1e-9).mean())


def _cramers_v(tables: Float[np.ndarray, "shift regime expert"]) -> Float[np.ndarray, " shift"]:
    by_regime, by_expert = (tables.sum(axis=axis, keepdims=True) for axis in (2, 1))
    total = by_regime.sum(axis=1, keepdims=True)
    expected = by_regime * by_expert / total
    # What never occurs has counts of no more than the rounding of the transform.
    occurs = (by_regime > 0.5) & (by_expert > 0.5)
    squares = np.divide((tables - expected) ** 2, expected, np.zeros_like(tables), where=occurs)
    used = min((margin[0] > 0.5).sum() for margin in (by_regime, by_expert))
    return np.sqrt(squares.sum(axis=(1, 2)) / (total[:, 0, 0] * (used - 1)))


def _relative_entropy(share: Float[np.ndarray, " expert"]) -> float:
    positive = share[share > 0]
    if np.isnan(share).any():
        return np.nan
    return float(-(positive * np.log(positive)).sum() / np.log(len(share))) + 0.0


def _index(regime: str) -> int:
    return REGIMES.index(regime) if regime in REGIMES else -1


def p_text(p: float) -> str:
    """A p-value for people."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _verdict(row: Any, level: float) -> str:
    if np.isnan(row.p):
        return f"layer {row.layer}: NOT ENOUGH DATA to compare the experts' use between regimes"
    measured = f"layer {row.layer}: Cramer's V of regime and expert {row.cramers_v:.3f}"
    if row.p >= level:
        return f"{measured}, {p_text(row.p)}: NO EVIDENCE that routing depends on the regime"
    return f"{measured}, {p_text(row.p)}: routing depends on the regime"
