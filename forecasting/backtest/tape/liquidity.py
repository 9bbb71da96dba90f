"""How much a ticker moves and how much money is traded in it, known at each close."""

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.sliding import sliding_sum

LENGTH = 20
"""Own bars of a ticker over which volatility and traded money are measured."""
LEAST = 10
"""Bars with a value among them, below which they are not known."""


def volatility(log_return: Series) -> Series:
    """Standard deviation of the last `LENGTH` log returns, with the divisor n - 1; decimal a bar.

    NaN until `LEAST` returns are known.
    """
    count, total = trailing_sum(log_return, LENGTH)
    _, squares = trailing_sum(log_return**2, LENGTH)
    known = count >= LEAST
    n = np.where(known, count, np.nan)
    # The squares of daily log returns dwarf the square of their mean: nothing cancels.
    return np.sqrt(np.maximum(squares - total**2 / n, 0.0) / (n - 1))


def traded_money(money: Series) -> Series:
    """Mean of close times volume over the last `LENGTH` bars, in the currency of the prices.

    The same on raw and on split-adjusted quotes. NaN until `LEAST` bars have a volume, and where
    all of them say zero: a source that counts no shares, as for many indices and currencies.
    """
    mean = trailing_mean(money, LENGTH, LEAST)
    return np.where(mean > 0, mean, np.nan)


def trailing_mean(values: Series, length: int, least: int) -> Series:
    """Mean of the known ones among the last `length` values; NaN where fewer than `least` are."""
    count, total = trailing_sum(values, length)
    return np.where(count >= least, total / np.maximum(count, 1), np.nan)


def trailing_sum(values: Series, length: int) -> tuple[Series, Series]:
    """How many of the last `length` values are known at each bar, and their sum."""
    known = np.isfinite(values)
    first = np.zeros((*values.shape[:-1], length - 1))
    count = sliding_sum(np.concatenate([first, known], axis=-1), length)
    total = sliding_sum(np.concatenate([first, np.where(known, values, 0.0)], axis=-1), length)
    return count, total
