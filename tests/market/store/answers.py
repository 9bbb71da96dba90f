"""A source that answers from a frame, as the network would, and remembers what it was asked."""

import numpy as np
import pandas as pd

from forecasting.market.store.refresh import Refreshed, refresh


class Answers:
    """Bars from the day on that is asked for."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.asked: list[str | None] = []

    def __call__(self, start: str | None) -> pd.DataFrame:
        self.asked.append(start)
        return self.frame if start is None else self.frame.loc[start:]


def store(frame: pd.DataFrame, ticker: str = "AAA", **settings: str | None) -> Refreshed:
    """Refresh a ticker from a source that has exactly these bars."""
    return refresh(ticker, Answers(frame), **{"source": "test", **settings})


def make_bars(n_bars: int, seed: int = 0) -> pd.DataFrame:
    """A random walk with all columns of a source, a dividend every 50 bars, no split."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, n_bars)))
    dividend = np.where(np.arange(n_bars) % 50 == 30, 0.25, 0.0)
    return pd.DataFrame(
        {
            "open": close * np.exp(rng.normal(0, 0.001, n_bars)),
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": np.round(rng.lognormal(12, 0.4, n_bars)),
            "adj_close": close * 0.9,
            "dividend": dividend,
            "split": np.ones(n_bars),
        },
        index=pd.bdate_range("2010-01-04", periods=n_bars),
    )


def pay_dividend(frame: pd.DataFrame, factor: float, before: int | None = None) -> pd.DataFrame:
    """The history as it is after a dividend rescaled the adjusted closes before a bar."""
    changed = frame.copy()
    changed.iloc[:before, changed.columns.get_loc("adj_close")] *= factor
    return changed


def split(frame: pd.DataFrame, ratio: float, at: int) -> pd.DataFrame:
    """The history as Yahoo gives it after a split on the bar with index `at`."""
    changed = frame.copy()
    for name in ("open", "high", "low", "close", "adj_close", "dividend"):
        changed.iloc[:at, changed.columns.get_loc(name)] /= ratio
    volume = changed.columns.get_loc("volume")
    changed.iloc[:at, volume] = np.round(changed.iloc[:at, volume] * ratio)
    changed.iloc[at, changed.columns.get_loc("split")] = ratio
    return changed
