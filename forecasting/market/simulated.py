"""Simulated markets whose truth is known: what a forecaster may find, and what it must not.

Every market has business-day bars: behind one overnight step lies a path of `_STEPS` steps that
gives open, high, low and close; the adjusted close is the close, the volume is noise.

Symbols: e_t standard Gaussian shock of bar t (the sum of its steps), v_t volatility, r_t log
return. The typical volatility of one bar is `_DAILY` = 0.015.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.span import cut

Grid = Float[np.ndarray, "time ticker"]

SIGNAL_IC = 0.05
"""Correlation between today's reversed return and tomorrow's return in the `signal` market."""
FREEDOM = 5.0
"""Degrees of freedom of the random walk's returns."""

_DAILY = 0.015
_STEPS = 16
_OVERNIGHT = 0.2  # share of a day's variance that falls before its open
_PREFIX = "simulated"


@dataclass(frozen=True, eq=False)
class Truth:
    """What the log returns of each bar were drawn from.

    Attributes:
        location: Mean log return of the bar, decimal, known at the close of the bar before.
        volatility: Standard deviation of the bar's log return about it, decimal, at the bar
            itself: only its law is known at the close of the bar before.
    """

    location: Grid
    volatility: Grid


def random_walk(rng: np.random.Generator, shock: Grid) -> Truth:
    """A martingale in logs without memory: nothing can be learnt.

    v_t = 0.015 * sqrt(w_t) with w_t inverse-gamma of mean 1, drawn afresh for each bar, so that
    r_t = v_t e_t is exactly Student-t with `FREEDOM` degrees of freedom and standard deviation
    0.015. The range of a bar tells w_t, which says nothing about the next bar: location 0 and
    volatility 0.015 are the best forecast. An EWMA, which follows the noise, is worse than that.

    Source: Andrews & Mallows (1974), Scale mixtures of normal distributions, JRSS B 36(1).
    """
    weight = (FREEDOM - 2) / rng.chisquare(FREEDOM, shock.shape)
    return Truth(np.zeros_like(shock), _DAILY * np.sqrt(weight))


def stochastic_volatility(rng: np.random.Generator, shock: Grid) -> Truth:
    """Clustered volatility, half of it shared by all tickers; no mean to find.

    log v_t = log 0.015 + m_t + i_t, both AR(1) with coefficient 0.95 and standard deviation 0.5,
    m_t shared, i_t the ticker's own; r_t = v_t e_t. Ranges and the other tickers show v_t far
    better than one squared return does, and it reverts to its mean, which an EWMA does not know: a
    forecaster that uses either beats the EWMA.

    Source: Taylor (1986), Modelling Financial Time Series, chapter 3.
    """
    n_bars, n_tickers = shock.shape
    shared = _autoregression(rng.normal(size=(n_bars, 1)), coefficient=0.95, deviation=0.5)
    own = _autoregression(rng.normal(size=(n_bars, n_tickers)), coefficient=0.95, deviation=0.5)
    return Truth(np.zeros_like(shock), _DAILY * np.exp(shared + own))


def reversal_signal(rng: np.random.Generator, shock: Grid) -> Truth:
    """Constant volatility and a known reversal: a mean to find, no volatility.

    r_t = -IC r_{t-1} + 0.015 sqrt(1 - IC^2) e_t. IC = `SIGNAL_IC` is then the correlation of
    -r_{t-1} with r_t, over time and across tickers.
    """
    volatility = np.full_like(shock, _DAILY * np.sqrt(1 - SIGNAL_IC**2))
    location = np.zeros_like(shock)
    for t in range(1, len(shock)):
        location[t] = -SIGNAL_IC * (location[t - 1] + volatility[t - 1] * shock[t - 1])
    return Truth(location, volatility)


MARKETS: dict[str, Callable[[np.random.Generator, Grid], Truth]] = {
    "volatility": stochastic_volatility,
    "random-walk": random_walk,
    "signal": reversal_signal,
}


def simulate(kind: str, n_tickers: int = 8, n_bars: int = 3000, seed: int = 0) -> Panel:
    """Draw a market; equal arguments give equal prices.

    Args:
        kind: `random-walk`, `volatility` or `signal`.
        n_tickers: Tickers `SIM01`, `SIM02`, ...
        n_bars: Business days from 2000-01-03.
        seed: Seed of everything that is drawn.

    Raises:
        DataError: Another kind, or a number out of range.
    """
    return simulate_with_truth(kind, n_tickers, n_bars, seed)[0]


def simulate_with_truth(
    kind: str, n_tickers: int = 8, n_bars: int = 3000, seed: int = 0
) -> tuple[Panel, Truth]:
    """Draw a market and say what its returns were drawn from; see `simulate`."""
    if kind not in MARKETS:
        raise DataError(f"no simulated market {kind!r}: expected one of {', '.join(MARKETS)}.")
    if not (1 <= n_tickers <= 500 and 2 <= n_bars <= 20_000 and seed >= 0):
        raise DataError(
            f"a market of {n_tickers} tickers, {n_bars} bars, seed {seed}: expected 1 to 500 "
            "tickers, 2 to 20000 bars and a seed of at least 0."
        )
    rng = np.random.default_rng(seed)
    shares = np.array([_OVERNIGHT] + [(1 - _OVERNIGHT) / _STEPS] * _STEPS)
    steps = rng.normal(size=(n_bars, n_tickers, _STEPS + 1)) * np.sqrt(shares)
    truth = MARKETS[kind](rng, steps.sum(axis=2))
    first = np.log(rng.uniform(20, 200, n_tickers))
    values = _prices(steps, truth, first)
    values[:, :, COLUMNS.index("volume")] = np.round(rng.lognormal(13, 0.4, (n_bars, n_tickers)))
    times = pd.bdate_range("2000-01-03", periods=n_bars).to_numpy().astype("datetime64[ns]")
    tickers = tuple(f"SIM{k + 1:02d}" for k in range(n_tickers))
    source = f"simulated {kind} market, seed {seed}"
    return Panel(times, tickers, values, source=source), truth


def _prices(
    steps: Float[np.ndarray, "time ticker step"], truth: Truth, first: Float[np.ndarray, " ticker"]
) -> Float[np.ndarray, "time ticker column"]:
    """Prices along the steps of each day; the mean return falls into the night."""
    path = truth.location[:, :, None] + truth.volatility[:, :, None] * np.cumsum(steps, axis=2)
    before = first + np.vstack([np.zeros_like(first), np.cumsum(path[:-1, :, -1], axis=0)])
    quotes = np.exp(before[:, :, None] + path)
    values = np.full((*path.shape[:2], len(COLUMNS)), np.nan)
    columns = {
        "open": quotes[:, :, 0],
        "high": quotes.max(axis=2),
        "low": quotes.min(axis=2),
        "close": quotes[:, :, -1],
        "adj_close": quotes[:, :, -1],
        "dividend": 0.0,
        "split": 1.0,
    }
    for name, column in columns.items():
        values[:, :, COLUMNS.index(name)] = column
    return values


def _autoregression(noise: Grid, *, coefficient: float, deviation: float) -> Grid:
    """Stationary AR(1) driven by standard Gaussian noise, with this standard deviation."""
    level = deviation * noise
    for t in range(1, len(level)):
        fresh = np.sqrt(1 - coefficient**2) * deviation * noise[t]
        level[t] = coefficient * level[t - 1] + fresh
    return level


@dataclass(frozen=True)
class SimulatedSource:
    """A simulated market as a price source.

    Its name is `simulated-KIND`, or `simulated` for the `volatility` market, and may go on with
    settings: `simulated-random-walk:seed=3,tickers=12,bars=2000`.
    """

    name: str
    kind: str
    n_tickers: int = 8
    n_bars: int = 3000
    seed: int = 0

    @classmethod
    def from_name(cls, name: str) -> "SimulatedSource":
        """Parse a name as described above.

        Raises:
            DataError: Another market or setting.
        """
        head, _, tail = name.partition(":")
        kind = head.removeprefix(_PREFIX).removeprefix("-") or next(iter(MARKETS))
        settings = {"tickers": cls.n_tickers, "bars": cls.n_bars, "seed": cls.seed}
        for part in filter(None, tail.split(",")):
            match = re.fullmatch(r"(tickers|bars|seed)=(\d{1,9})", part)
            if match is None:
                raise DataError(
                    f"{part!r} in {name!r} is no setting of a simulated market: expected "
                    "tickers=N, bars=N or seed=N, separated by commas."
                )
            settings[match[1]] = int(match[2])
        if kind not in MARKETS:
            known = ", ".join(f"{_PREFIX}-{market}" for market in MARKETS)
            raise DataError(f"no simulated market {head!r}: expected one of {known}.")
        return cls(name, kind, settings["tickers"], settings["bars"], settings["seed"])

    def tickers(self) -> tuple[str, ...]:
        """The names of the simulated tickers."""
        return tuple(f"SIM{k + 1:02d}" for k in range(self.n_tickers))

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Draw the market and cut out tickers and dates; see `PriceSource.load`."""
        panel = simulate(self.kind, self.n_tickers, self.n_bars, self.seed)
        return cut(panel, tickers, start, end)
