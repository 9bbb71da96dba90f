"""Is the best of many configurations still good on bars that did not choose it?

[1] Bailey, Borwein, Lopez de Prado & Zhu (2017), The probability of backtest overfitting, Journal
    of Computational Finance 20(4).
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.statistics.performance import LEAST_BARS

BLOCKS = (16, 10)
"""Blocks that the bars are cut into: the first number of which each gets `LEAST_BARS` bars."""
_ENTRIES = 2**21  # of a matrix (split, configuration) that is in memory at once


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What happens to the configuration that is best on one half of the blocks, on the other.

    Attributes:
        probability: PBO: share of splits whose best configuration is no better than the median on
            the other half. About 0.5 where nothing but luck chooses, near 0 where skill does.
        loss_probability: Share of splits whose best configuration loses on the other half: it has
            a mean return below zero.
        slope: Of the best one's Sharpe ratio on the other half on that where it was chosen, least
            squares over splits; negative is degradation.
        logits: ln(w / (1 - w)) of each split with the relative rank w of its best configuration on
            the other half.
        in_sample: Sharpe ratio a bar of each split's best where it was chosen.
        out_of_sample: The same on the other half.
        blocks: How many the bars were cut into.
        configurations: How many were compared.

    The three numbers are NaN where there are too few bars or fewer than two configurations.
    """

    probability: float
    loss_probability: float
    slope: float
    logits: Float[np.ndarray, " split"]
    in_sample: Float[np.ndarray, " split"]
    out_of_sample: Float[np.ndarray, " split"]
    blocks: int
    configurations: int


def overfitting(
    returns: Float[np.ndarray, "bar configuration"], blocks: int | None = None
) -> Overfitting:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    The bars are cut into S blocks in order, as equal as can be. Every choice of S / 2 blocks is a
    half to choose on, the rest the half to judge on; Sharpe ratios of halves come from sums and
    sums of squares of the blocks. A configuration that does not vary on a half has a Sharpe ratio
    of zero there. Ties share their mean rank.

    Args:
        returns: Of every configuration that was tried, on the same bars.
        blocks: Even number S; by default the first of `BLOCKS` that the bars suffice for.

    Raises:
        ValueError: An odd number of blocks, fewer than two, or more than bars.

    Source: [1], section 2.2 (algorithm) and 3 (statistics).
    """
    n_bars, n_configurations = returns.shape
    if blocks is None:
        blocks = next((each for each in BLOCKS if n_bars >= each * LEAST_BARS), 0)
    elif blocks < 2 or blocks % 2 or blocks > n_bars:
        raise ValueError(f"{blocks} blocks of {n_bars} bars: expected an even number from 2 on")
    if not blocks or n_configurations < 2:
        none = np.empty(0)
        unknown = math.nan
        return Overfitting(unknown, unknown, unknown, none, none, none, blocks, n_configurations)
    sums = _BlockSums.of(returns, blocks)
    halves = _halves(blocks)
    at_once = max(1, _ENTRIES // n_configurations)
    pieces = [_judge(sums, halves[at : at + at_once]) for at in range(0, len(halves), at_once)]
    rank, in_sample, out_of_sample = np.concatenate(pieces, axis=1)
    relative = rank / (n_configurations + 1)
    logits = np.log(relative / (1 - relative))
    centred = in_sample - in_sample.mean()
    scatter = float(centred @ centred)
    return Overfitting(
        probability=float((logits <= 1e-12).mean()),
        loss_probability=float((out_of_sample < 0).mean()),
        slope=float(centred @ out_of_sample) / scatter if scatter > 0 else math.nan,
        logits=logits,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        blocks=blocks,
        configurations=n_configurations,
    )


@dataclass(frozen=True, eq=False)
class _BlockSums:
    """Sums of returns less each configuration's mean, whose squares lose no digits."""

    mean: Float[np.ndarray, " configuration"]
    bars: Float[np.ndarray, " block"]
    first: Float[np.ndarray, "block configuration"]
    second: Float[np.ndarray, "block configuration"]

    @classmethod
    def of(cls, returns: Float[np.ndarray, "bar configuration"], blocks: int) -> "_BlockSums":
        mean = returns.mean(axis=0)
        pieces = [piece - mean for piece in np.array_split(returns, blocks)]
        return cls(
            mean,
            np.array([len(piece) for piece in pieces], dtype=float),
            np.stack([piece.sum(axis=0) for piece in pieces]),
            np.stack([np.einsum("bc,bc->c", piece, piece) for piece in pieces]),
        )

    def sharpe(self, chosen: Bool[np.ndarray, "split block"]) -> np.ndarray:
        """Sharpe ratio a bar of each configuration on each union of blocks."""
        picked = chosen.astype(float)
        bars = (picked @ self.bars)[:, None]
        offset = picked @ self.first / bars
        variance = (picked @ self.second / bars - offset**2) * (bars / (bars - 1))
        mean = offset + self.mean
        # Rounding leaves a constant configuration with a variance of this order.
        varies = variance > 1e-24 * mean**2
        return np.divide(mean, np.sqrt(np.maximum(variance, 0)), np.zeros_like(mean), where=varies)


def _halves(blocks: int) -> Bool[np.ndarray, "split block"]:
    """One of each pair of complementary halves: those that have the first block."""
    others = list(combinations(range(1, blocks), blocks // 2 - 1))
    halves = np.zeros((len(others), blocks), dtype=bool)
    halves[:, 0] = True
    rows = np.repeat(np.arange(len(others)), blocks // 2 - 1)
    halves[rows, np.array(others, dtype=int).ravel()] = True
    return halves


def _judge(sums: _BlockSums, halves: Bool[np.ndarray, "split block"]) -> np.ndarray:
    """Rank (1 is worst) and Sharpe ratios of the best: a column a split, both ways round."""
    one, other = sums.sharpe(halves), sums.sharpe(~halves)
    return np.concatenate([_choose(one, other), _choose(other, one)], axis=1)


def _choose(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    best = inside.argmax(axis=1)
    rows = np.arange(len(best))
    kept = outside[rows, best]
    below = (outside < kept[:, None]).sum(axis=1)
    equal = (outside == kept[:, None]).sum(axis=1)
    return np.stack([below + (equal + 1) / 2, inside[rows, best], kept])
