"""Six leaks of published work, each planted into one small pipeline that is honest without it.

The pipeline: features of a ticker's own bars, scaled by their past, the mean label of the nearest
training rows as forecast, chosen on validation rows, tested fold by fold. A leak replaces one part.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from forecasting.evaluation.audit.stage import Stage
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.splits import Split
from forecasting.market.targets import future_log_returns, volatility_grid

FIRST_TEST = 500
VALIDATION_BARS = 100
UNUSUAL = 2.0
"""Bars beyond so many volatilities are left out by the test filters."""

Features = Callable[[Panel], np.ndarray]
Scale = Callable[[np.ndarray], np.ndarray]
Scored = Callable[[Panel], np.ndarray]
Choice = tuple[tuple[int, ...], int]
"""Which features, and how many neighbours."""


def own_features(prices: Panel) -> np.ndarray:
    """Return, range and gap of the bar, a quarter's return and the EWMA volatility."""
    log_close = np.log(prices.column("adj_close"))
    high, low, opened = (np.log(prices.column(name)) for name in ("high", "low", "open"))
    volatility = volatility_grid(prices, 0.94)
    day, quarter = (log_close - lagged(log_close, n) for n in (1, 66))
    gap = opened - lagged(log_close, 1)
    return np.stack([day, high - low, gap, quarter, np.log(volatility)], axis=-1)


def same_bar_features(prices: Panel) -> np.ndarray:
    """The row of the close before gets open, high and low of the bar that is to be forecast."""
    log_close = np.log(prices.column("adj_close"))
    quotes = [np.log(prices.column(name)) for name in ("open", "high", "low")]
    leak = [lagged(quote, -1) - log_close for quote in quotes]
    return np.concatenate([own_features(prices), np.stack(leak, axis=-1)], axis=-1)


def backward_shifted_features(prices: Panel) -> np.ndarray:
    """One more feature: a two-bar return that was shifted against time."""
    log_close = np.log(prices.column("adj_close"))
    leak = lagged(log_close, -2) - log_close
    return np.concatenate([own_features(prices), leak[:, :, None]], axis=-1)


def price_level(prices: Panel) -> np.ndarray:
    """The log price alone, which only a scaler can compare between tickers and years."""
    return np.log(prices.column("adj_close"))[:, :, None]


def past_scale(features: np.ndarray) -> np.ndarray:
    """Standard scores by mean and deviation of all bars so far."""
    known = np.isfinite(features)
    n = np.maximum(np.cumsum(known, axis=0), 1)
    mean = np.cumsum(np.where(known, features, 0.0), axis=0) / n
    square = np.cumsum(np.where(known, features, 0.0) ** 2, axis=0) / n
    return (features - mean) / np.sqrt(np.maximum(square - mean**2, 1e-12))


def full_window_scale(features: np.ndarray) -> np.ndarray:
    """Standard scores by mean and deviation of the whole sample."""
    return (features - np.nanmean(features, axis=0)) / np.nanstd(features, axis=0)


def every_bar(prices: Panel) -> np.ndarray:
    """All bars whose next return is known are scored."""
    return np.isfinite(future_log_returns(prices, (1,))[0][:, :, 0])


def no_unusual_bar_before(prices: Panel) -> np.ndarray:
    """Origins that are unusual themselves are left out: known at their close."""
    day = np.diff(np.log(prices.column("adj_close")), axis=0, prepend=np.nan)
    usual = np.abs(day) < UNUSUAL * lagged(volatility_grid(prices, 0.94), 1)
    return every_bar(prices) & usual


def no_unusual_label(prices: Panel) -> np.ndarray:
    """Origins whose next return turns out to be unusual are left out, as suspended."""
    ahead = future_log_returns(prices, (1,))[0][:, :, 0]
    return every_bar(prices) & (np.abs(ahead) < UNUSUAL * volatility_grid(prices, 0.94))


def lagged(grid: np.ndarray, n: int) -> np.ndarray:
    """What stood n bars earlier; later, for a negative n."""
    moved = np.full_like(grid, np.nan)
    if n > 0:
        moved[n:] = grid[:-n]
    else:
        moved[:n] = grid[-n:]
    return moved


@dataclass(frozen=True, eq=False)
class Rows:
    """Scaled features and labels of every complete bar, ticker after ticker."""

    x: np.ndarray
    y: np.ndarray
    origin: np.ndarray
    ticker: np.ndarray
    label_end: np.ndarray


@dataclass(frozen=True, eq=False)
class Pipeline:
    """From prices to a forecast, with a split; every part can be replaced by a leaking one."""

    features: Features = own_features
    scale: Scale = past_scale
    scored: Scored = every_bar
    purged: bool = True
    validation_is_test: bool = False
    horizon: int = 1
    block: int = 1_000
    choices: tuple[Choice, ...] = (((), 40),)

    def scaled(self, prices: Panel) -> np.ndarray:
        return self.scale(self.features(prices))

    def rows(self, prices: Panel) -> Rows:
        x = self.scaled(prices)
        returns, label_end = future_log_returns(prices, (self.horizon,))
        ticker, origin = np.nonzero(np.isfinite(x).all(axis=2).T)
        cells = origin, ticker
        return Rows(x[cells], returns[*cells, 0], *cells, label_end[*cells, 0])

    def splits(self, rows: Rows) -> list[Split]:
        """One fold every `block` bars from the first test on."""
        known_by = rows.label_end if self.purged else rows.origin
        splits = []
        for first in range(FIRST_TEST, int(rows.origin.max()) + 1, self.block):
            test = (rows.origin >= first) & (rows.origin < first + self.block)
            held = rows.origin >= first - VALIDATION_BARS
            train = known_by < first - VALIDATION_BARS * (len(self.choices) > 1)
            validation = held & (known_by < first) & (len(self.choices) > 1)
            splits.append(Split(train, test if self.validation_is_test else validation, test))
        return splits

    def forecast(self, prices: Panel) -> Forecast:
        rows = self.rows(prices)
        mean = np.full((*prices.mask.shape, 1), np.nan)
        for split in self.splits(rows):
            choice = self._chosen(rows, split)
            cells = rows.origin[split.test], rows.ticker[split.test]
            mean[*cells, 0] = nearest_mean(rows, split.train, split.test, choice)
        scale = volatility_grid(prices, 0.94)[:, :, None] * np.sqrt(self.horizon)
        scale[~self.scored(prices)] = np.nan
        law = StudentT(mean, scale, np.full_like(scale, 5.0))
        price = prices.column("adj_close")
        return Forecast("nearest", prices.times, prices.tickers, (self.horizon,), price, law)

    def _chosen(self, rows: Rows, split: Split) -> Choice:
        if len(self.choices) == 1:
            return self.choices[0]

        def skill(choice: Choice) -> float:
            known = split.validation & np.isfinite(rows.y)
            said = nearest_mean(rows, split.train, known, choice)
            return float(np.corrcoef(said, rows.y[known])[0, 1])

        return max(self.choices, key=skill)

    def stages(self) -> Sequence[Stage]:
        return (
            Stage("features", self.features, per_ticker=True),
            Stage("scalers", self.scaled, per_ticker=True),
            Stage("network", lambda prices: self.forecast(prices).mean),
            Stage("test filter", self.scored, futures=("noise", "x1000"), per_ticker=True),
        )


def nearest_mean(rows: Rows, train: np.ndarray, asked: np.ndarray, choice: Choice) -> np.ndarray:
    """Mean label of the nearest training rows."""
    columns, k = choice
    x = rows.x[:, list(columns)] if columns else rows.x
    train = train & np.isfinite(rows.y)
    _, nearest = cKDTree(x[train]).query(x[asked], k=k)
    return rows.y[train][nearest.reshape(-1, k)].mean(axis=1)


HONEST = Pipeline()
SLOW = replace(HONEST, features=price_level, horizon=21)
REFITTED = replace(HONEST, horizon=21, block=10, choices=(((3, 4), 5),))
CHOSEN = replace(
    HONEST,
    choices=tuple((c, 5) for n in (1, 2) for c in itertools.combinations(range(5), n)),
)
FILTERED = replace(HONEST, scored=no_unusual_bar_before)

LEAKS: dict[str, tuple[Pipeline, Pipeline]] = {
    "same-bar features": (HONEST, replace(HONEST, features=same_bar_features)),
    "backward shift": (HONEST, replace(HONEST, features=backward_shifted_features)),
    "full-window z-score": (SLOW, replace(SLOW, scale=full_window_scale)),
    "label-dependent test filter": (FILTERED, replace(FILTERED, scored=no_unusual_label)),
    "validation returns test rows": (CHOSEN, replace(CHOSEN, validation_is_test=True)),
    "missing purge": (REFITTED, replace(REFITTED, purged=False)),
}
"""Name of a leak to the pipeline without it and with it."""
