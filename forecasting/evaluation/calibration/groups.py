"""Tickers that share their calibration: those of like volatility, unless the caller says else."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.volatility import WARM_UP

LEAST_TICKERS = 10
"""Fewer than these are one group."""
TERCILES = ("calm", "middle", "volatile")
EVERYBODY = "all"


@dataclass(frozen=True)
class TickerGroups:
    """Who belongs to which group.

    Attributes:
        names: Of the groups.
        members: Index in `names` of each ticker's group.
        notes: What a reader has to know of tickers whose group is a guess.
    """

    names: tuple[Hashable, ...]
    members: Int[np.ndarray, " ticker"]
    notes: tuple[str, ...] = ()


def named_groups(tickers: tuple[str, ...], groups: Mapping[str, Hashable]) -> TickerGroups:
    """Groups as the caller names them.

    Raises:
        DataError: A ticker has no group.
    """
    if missing := [ticker for ticker in tickers if ticker not in groups]:
        raise DataError(
            f"no group came for {missing[0]}: expected one for each of {len(tickers)} tickers. "
            "Add it, or pass no groups."
        )
    names = tuple(sorted({groups[ticker] for ticker in tickers}, key=str))
    return TickerGroups(names, np.array([names.index(groups[ticker]) for ticker in tickers]))


def volatility_groups(bars: Panel, before: int) -> TickerGroups:
    """Terciles of the volatility before a bar; one group of few tickers, or without any history.

    A ticker with fewer than 21 returns by then goes into the middle group.

    Args:
        bars: Prices.
        before: Index of the first bar that is not looked at.
    """
    n_tickers = len(bars.tickers)
    volatility = _past_volatility(bars, before)
    known = np.isfinite(volatility)
    if n_tickers < LEAST_TICKERS or not known.any():
        return TickerGroups((EVERYBODY,), np.zeros(n_tickers, dtype=np.int64))
    cuts = np.quantile(volatility[known], [1 / 3, 2 / 3])
    members = np.where(known, np.searchsorted(cuts, volatility), TERCILES.index("middle"))
    notes: tuple[str, ...] = ()
    if not known.all():
        young = [bars.tickers[k] for k in np.flatnonzero(~known)]
        notes = (
            f"{len(young)} of {n_tickers} tickers had no history before calibration began and "
            f"share the bands of tickers of middle volatility ({', '.join(young[:5])}"
            f"{' ...' if len(young) > 5 else ''}).",
        )
    return TickerGroups(TERCILES, members.astype(np.int64), notes)


def _past_volatility(bars: Panel, before: int) -> Float[np.ndarray, " ticker"]:
    """Standard deviation of each ticker's log returns, NaN with too few of them."""
    volatility = np.full(len(bars.tickers), np.nan)
    for k, prices in enumerate(bars.column("adj_close")[:before].T):
        log_returns = np.diff(np.log(prices[np.isfinite(prices)]))
        if len(log_returns) >= WARM_UP:
            volatility[k] = log_returns.std()
    return volatility
