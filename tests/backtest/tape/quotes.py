"""Quotes of tickers with splits and dividends, as several kinds of sources give them."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from forecasting.market.panel import Panel

Reinvested = Literal["at close", "before", "never"]


@dataclass
class Quotes:
    """One ticker as it traded.

    Attributes:
        returns: Total simple return of each bar but the first.
        splits: Bar to ratio.
        dividends: Bar to cash a share held before the split of the bar.
        reinvested: Where the adjusted close puts dividends.
        split_adjusted: Whether closes and dividends are divided by all later splits, as Yahoo's.
        after_split: Whether a dividend is quoted for a share after the split of its bar.
    """

    returns: np.ndarray
    splits: dict[int, float] = field(default_factory=dict)
    dividends: dict[int, float] = field(default_factory=dict)
    reinvested: Reinvested = "at close"
    split_adjusted: bool = False
    after_split: bool = False

    def frame(self) -> pd.DataFrame:
        """Columns as `Panel.from_frames` takes them; the range is 1 % about the close."""
        n_bars = len(self.returns) + 1
        split, dividend = np.ones(n_bars), np.zeros(n_bars)
        for bar, ratio in self.splits.items():
            split[bar] = ratio
        close = np.full(n_bars, 50.0)
        adjusted = np.ones(n_bars)
        for t in range(1, n_bars):
            paid = self.dividends.get(t, 0.0)
            close[t] = (close[t - 1] * (1 + self.returns[t - 1]) - paid) / split[t]
            grown = {
                "at close": (close[t] * split[t] + paid) / close[t - 1],
                "before": close[t] * split[t] / (close[t - 1] - paid),
                "never": close[t] * split[t] / close[t - 1],
            }[self.reinvested]
            adjusted[t] = adjusted[t - 1] * grown
            dividend[t] = paid / split[t] if self.after_split else paid
        volume = 1000 * np.cumprod(split)
        if self.split_adjusted:
            later = split[::-1].cumprod()[::-1] / split  # splits after each bar
            close, volume, dividend = close / later, volume * later, dividend / later / split
        quotes = {"open": 0.999, "high": 1.005, "low": 0.995, "close": 1.0}
        return pd.DataFrame(
            {name: factor * close for name, factor in quotes.items()}
            | {
                "adj_close": adjusted / adjusted[-1] * close[-1],
                "volume": volume,
                "dividend": dividend,
                "split": split,
            },
            index=pd.bdate_range("2020-01-01", periods=n_bars),
        )


def market(*tickers: Quotes) -> Panel:
    """A panel of tickers A, B, ..."""
    names = "ABCDEFGH"[: len(tickers)]
    frames = {name: quotes.frame() for name, quotes in zip(names, tickers, strict=True)}
    return Panel.from_frames(frames, source="test quotes")
