"""The causal feature table: what the network and the linear baselines may look at.

Each feature is a pure function of one ticker's own bars, known at the close of its bar; *market*
features are the cross-sectional mean of such a feature over the tickers that trade at the same bar.
Returns are measured in units of the volatility known one bar earlier, and squashed by asinh, so
that a crash stays large without drowning the rest. r: log return of the adjusted close, s: EWMA
volatility.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.errors import DataError
from forecasting.market.bars import Bars, Quantity, Series, ticker_bars
from forecasting.market.panel import Panel

# Keeps the logarithm finite on a bar that did not move; one hundredth of the usual variance.
_FLOOR = 0.01


@dataclass(frozen=True)
class Feature:
    """One row of the table. Every feature is dimensionless and known at the close of its bar.

    Attributes:
        name: Column name.
        look_back: Bars of history it needs before the first value.
        needs: Price columns it needs besides `adj_close`.
        compute: From a ticker's bars to one value a bar.
        meaning: What it measures.
    """

    name: str
    look_back: int
    needs: tuple[str, ...]
    compute: Callable[[Bars], Series]
    meaning: str


def _trailing_return(length: int) -> Callable[[Bars], Series]:
    def compute(bars: Bars) -> Series:
        total = bars.trailing_mean("log_return", length) * length
        return np.arcsinh(total / (bars.volatility * np.sqrt(length)))

    return compute


def _log_ratio(variance: Quantity, length: int) -> Callable[[Bars], Series]:
    def compute(bars: Bars) -> Series:
        return np.log(bars.trailing_mean(variance, length) / bars.volatility**2 + _FLOOR)

    return compute


def _volume_surprise(bars: Bars) -> Series:
    usual = bars.mean_before("volume", 22)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(usual > 0, np.log(bars.volume / usual + _FLOOR), np.nan)


# Own feature of every variant: how long the bar before lies back.
GAP_FEATURE = "log_gap"

_OHLC = ("open", "high", "low", "close")

OWN_FEATURES: tuple[Feature, ...] = (
    Feature(
        "return_1",
        23,
        (),
        lambda bars: np.arcsinh(bars.log_return / bars.known_before),
        "asinh(r_t / s_{t-1})",
    ),
    *(
        Feature(f"return_{n}", max(n, 21) + 1, (), _trailing_return(n), f"asinh(r over {n} bars)")
        for n in (5, 22, 66)
    ),
    Feature("log_volatility", 22, (), lambda bars: np.log(bars.volatility), "log s_t"),
    Feature(
        GAP_FEATURE, 2, (), lambda bars: np.log(bars.gap_days), "log calendar days since a bar"
    ),
    *(
        Feature(
            f"log_square_{n}",
            max(n, 21) + 1,
            (),
            _log_ratio("squared_return", n),
            f"log r^2, {n} bars",
        )
        for n in (1, 5, 22, 66)
    ),
    *(
        Feature(
            f"log_range_{n}",
            max(n, 21) + 1,
            _OHLC,
            _log_ratio("range_variance", n),
            f"range, {n} bars",
        )
        for n in (1, 5, 22, 66)
    ),
    Feature(
        "overnight",
        23,
        _OHLC,
        lambda bars: np.arcsinh(bars.overnight / bars.known_before),
        "asinh(log(open / previous close) / s_{t-1})",
    ),
    Feature(
        "volume_surprise", 23, ("volume",), _volume_surprise, "log(volume / mean of 22 before)"
    ),
)

# Market feature name -> the own feature that is averaged over the tickers of the same bar.
MARKET_FEATURES = {
    "market_return": "return_1",
    "market_square": "log_square_1",
    "market_range": "log_range_1",
    "market_volatility": "log_volatility",
}

_VARIANT_COLUMNS: dict[str, tuple[str, ...]] = {
    "close": (),
    "ohlc": _OHLC,
    "ohlcv": (*_OHLC, "volume"),
}


def resolve_variant(panel: Panel, variant: str) -> str:
    """The feature variant to use on a panel; `auto` is the richest one that every ticker allows.

    Args:
        panel: Prices.
        variant: `auto`, `close` (adjusted close only), `ohlc` or `ohlcv`.

    Raises:
        DataError: The panel lacks a column that the variant needs.
    """
    able = [name for name, needs in _VARIANT_COLUMNS.items() if _has_columns(panel, needs)]
    if variant == "auto":
        return able[-1]
    if variant not in able:
        raise DataError(
            f"features {variant!r} need {', '.join(_VARIANT_COLUMNS[variant])} of every ticker, "
            f"which {panel.source} does not have: expected features out of {able}. Use a source "
            "with these columns, or train with --set data.features=close."
        )
    return variant


def _has_columns(panel: Panel, needs: tuple[str, ...]) -> bool:
    # A volume that is zero throughout is how many files write 'no volume'.
    traded = "volume" not in needs or bool((panel.column("volume") > 0).any(axis=0).all())
    return panel.has(*needs) and traded


def own_features(variant: str) -> tuple[Feature, ...]:
    """The own features of a variant, in table order."""
    columns = set(_VARIANT_COLUMNS[variant])
    return tuple(feature for feature in OWN_FEATURES if columns.issuperset(feature.needs))


def feature_names(variant: str) -> tuple[str, ...]:
    """Own features, then market features, in the order of the feature axis."""
    own = tuple(feature.name for feature in own_features(variant))
    return own + tuple(name for name, base in MARKET_FEATURES.items() if base in own)


def look_back(variant: str) -> int:
    """Bars of history before the first complete feature row."""
    return max(feature.look_back for feature in own_features(variant))


def compute_features(
    panel: Panel, variant: str, decay: float
) -> tuple[Float[np.ndarray, "time ticker feature"], Float[np.ndarray, "time ticker"]]:
    """All features and the EWMA volatility on the panel's grid.

    Returns:
        Features in the order of `feature_names`, NaN where a ticker has no bar or too short a
        history; and the decimal one-bar volatility known at the same bar.
    """
    own = own_features(variant)
    grid = np.full((*panel.mask.shape, len(feature_names(variant))), np.nan)
    volatility = np.full(panel.mask.shape, np.nan)
    for k in range(len(panel.tickers)):
        rows, bars = ticker_bars(panel, k, decay)
        volatility[rows, k] = bars.volatility
        for j, feature in enumerate(own):
            grid[rows, k, j] = feature.compute(bars)
    fill_market_features(grid, variant)
    return grid, volatility


def fill_market_features(grid: Float[np.ndarray, "time ticker feature"], variant: str) -> None:
    """Write the market features of a grid whose own features are there."""
    names = feature_names(variant)
    for j, name in enumerate(names):
        if name in MARKET_FEATURES:
            grid[:, :, j] = _market_mean(grid[:, :, names.index(MARKET_FEATURES[name])])


def _market_mean(
    values: Float[np.ndarray, "time ticker"],
) -> Float[np.ndarray, "time ticker"]:
    present = np.isfinite(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return np.where(present, mean[:, None], np.nan)
