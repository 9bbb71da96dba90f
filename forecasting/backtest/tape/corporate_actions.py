"""Which splits and dividends a holder of raw shares has seen, reconciled with the adjusted close.

Sources differ. Some quote closes as they traded, others (Yahoo) closes that all later splits are
already in, while the split column says when they were. Some count a dividend before the split of
its day, some after it. The adjusted close tells them apart, event by event. With a the adjusted
close, c the close, s and d the split and the dividend of the bar, ' the ticker's bar before, one of

    a / a' = (c s + d) / c'        the dividend is reinvested at the close of the ex-date
    a / a' = c s / (c' - d)        it is reinvested at the close before, as Yahoo and CRSP do
    a / a' = c s / c'              the adjusted close leaves it out

holds to within `DISAGREEMENT` for one of the readings (s, d), (s, d s) and (1, d): as quoted, the
dividend quoted after the split, the split already in the close. The third line is tried last; the
dividend is paid then too.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecasting.market.checks.distributions import DISAGREEMENT
from forecasting.market.features.bars import Bars, Series

_IN_CLOSE = 2
"""The last of the readings."""


@dataclass(frozen=True, eq=False)
class CorporateActions:
    """What happens to a share held at the close before, before each bar's open.

    Attributes:
        split: Shares that it becomes.
        dividend: Cash that it is paid, counted before the split.
        in_close: Where a quoted split changes no shares, for the closes before are divided already.
        unadjusted: Where a dividend is paid that the adjusted close leaves out.
        miss: Where no reading explains the adjusted close: by how much the best one misses its
            return, relative; else NaN.
    """

    split: Series
    dividend: Series
    in_close: Bool[np.ndarray, "*ticker bar"]
    unadjusted: Bool[np.ndarray, "*ticker bar"]
    miss: Series


def corporate_actions(bars: Bars) -> CorporateActions:
    """Splits and dividends of consecutive bars.

    Where no reading explains the adjusted close, the source adjusted for something that it does not
    quote: a split, a spin-off, a dividend; or it quotes something that did not happen so. The
    adjusted close is believed, for that is what was forecast and scored: the distribution is taken
    in shares, s = a c' / (a' c) and d = 0. A holder then earns exactly a / a' on that bar, an
    unquoted split is right, and no cash is ever taken away from a holder.

    Known at each bar's open, but for such a bar, and for a split or dividend that is the first to
    be read from that bar's close.
    """
    close, adj_close = bars.column("close"), bars.column("adj_close")
    split, dividend = bars.column("split"), bars.column("dividend")
    split = np.where(np.isfinite(split) & (split > 0), split, 1.0)
    dividend = np.where(np.isfinite(dividend), dividend, 0.0)
    before = _before(close)
    growth = adj_close / _before(adj_close)
    in_close, unadjusted = np.zeros((2, *close.shape), dtype=bool)
    miss = close / before / growth - 1
    at = np.nonzero((dividend != 0) | (split != 1))
    split[at], dividend[at], miss[at], in_close[at], unadjusted[at] = _read(
        close[at] / before[at], split[at], dividend[at] / before[at], growth[at]
    )
    dividend[at] *= before[at]
    wrong = np.abs(miss) > DISAGREEMENT
    split = np.where(wrong, growth * before / close, split)
    dividend = np.where(wrong, 0.0, dividend)
    split[..., 0], dividend[..., 0] = 1.0, 0.0
    miss = np.where(wrong, miss, np.nan)
    return CorporateActions(split, dividend, in_close & ~wrong, unadjusted, miss)


def _before(values: Series) -> Series:
    return np.concatenate([np.full((*values.shape[:-1], 1), np.nan), values[..., :-1]], axis=-1)


def _read(
    change: Float[np.ndarray, " event"],
    split: Float[np.ndarray, " event"],
    paid: Float[np.ndarray, " event"],
    growth: Float[np.ndarray, " event"],
) -> tuple[np.ndarray, ...]:
    """The reading of each event that explains the growth of the adjusted close best.

    Args:
        change: Close over the close before.
        split: As quoted.
        paid: Quoted dividend over the close before.
        growth: Adjusted close over the one before.

    Returns:
        Split, dividend over the close before, miss, whether the split is in the close already, and
        whether the adjusted close leaves the dividend out.
    """
    events = np.arange(len(change))
    splits = np.stack([split, split, np.ones_like(split)])
    payments = np.stack([paid, paid * split, paid])
    with np.errstate(divide="ignore"):
        left_out = change * splits
        reinvested = np.concatenate([left_out + payments, left_out / (1 - payments)])
    best, reading = _nearest(reinvested / growth - 1)
    other, without = _nearest(left_out / growth - 1)
    unadjusted = (np.abs(best) > DISAGREEMENT) & (np.abs(other) <= DISAGREEMENT)
    chosen = np.where(unadjusted, without, reading % len(splits))
    return (
        splits[chosen, events],
        payments[chosen, events],
        np.where(unadjusted, other, best),
        (chosen == _IN_CLOSE) & (split != 1),
        unadjusted,
    )


def _nearest(
    misses: Float[np.ndarray, "reading event"],
) -> tuple[Float[np.ndarray, " event"], np.ndarray]:
    """The smallest miss of each event, signed, and the first reading that has it."""
    reading = np.abs(misses).argmin(axis=0)
    return misses[reading, np.arange(misses.shape[1])], reading
