"""The catalogue: every feature there is, in the order of the feature axis.

All are dimensionless, causal and known at the close of their bar at the latest. A source that
rescales its adjusted prices at a dividend or a split changes none of them; `volume_surprise` needs
volumes that do not jump at a split.
"""

import difflib
from typing import Any

from forecasting.errors import ConfigError
from forecasting.market.features.core import CORE, GAP_FEATURE
from forecasting.market.features.cross_section import cross_sectional, market_mean
from forecasting.market.features.echoes import ECHO_RANGE, ECHO_SQUARE
from forecasting.market.features.feature import OHLC, CrossSectional, Feature
from forecasting.market.features.liquidity import LIQUIDITY
from forecasting.market.features.market_model import MARKET_MODEL
from forecasting.market.features.trends import TRENDS
from forecasting.market.features.variances import VARIANCES

OWN: tuple[Feature, ...] = (
    *(*CORE, *VARIANCES, *TRENDS, *LIQUIDITY, *MARKET_MODEL),
    *(*ECHO_SQUARE, *ECHO_RANGE),
)
"""Features of a ticker's own bars."""
CROSS_SECTIONAL: tuple[CrossSectional, ...] = cross_sectional(OWN)
"""Features of all tickers of a bar; they stand after the own ones."""
_ALL: tuple[Feature | CrossSectional, ...] = OWN + CROSS_SECTIONAL
CATALOGUE = {feature.name: feature for feature in _ALL}
"""Features by name, in order."""

REQUIRED = ("log_volatility", GAP_FEATURE)
"""Part of every set: forecasts are measured in the one, the network's memory fades by the other."""

_NAMED: tuple[Feature | CrossSectional, ...] = CORE + tuple(
    each for each in CROSS_SECTIONAL if each.compute is market_mean
)

VARIANTS: dict[str, tuple[str, ...]] = {
    variant: tuple(each.name for each in _NAMED if columns.issuperset(each.needs))
    for variant, columns in {
        "close": frozenset[str](),
        "ohlc": frozenset(OHLC),
        "ohlcv": frozenset((*OHLC, "volume")),
    }.items()
}
"""Sets that have a name of their own, the richest last: what these columns allow of `CORE`, and the
means over the tickers of it."""

GROUPS: dict[str, tuple[str, ...]] = {
    "echo_square": tuple(each.name for each in ECHO_SQUARE),
    "echo_range": tuple(each.name for each in ECHO_RANGE),
}
"""Other sets that have a name of their own, of features that no variant has."""

NAMED_SETS = VARIANTS | GROUPS
"""Sets that have a name of their own."""


def expand(text: str) -> tuple[str, ...]:
    """The names of a set of features in the catalogue's order, `REQUIRED` ones included.

    Args:
        text: Names of variants, groups or features, joined by `+`.

    Raises:
        ConfigError: Names the unknown one and the nearest known.
    """
    chosen = set(REQUIRED)
    for name in text.split("+"):
        if name in NAMED_SETS:
            chosen.update(NAMED_SETS[name])
        elif name in CATALOGUE:
            chosen.add(name)
        else:
            near = difflib.get_close_matches(name, [*NAMED_SETS, *CATALOGUE], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"data.features: there is no feature {name!r}: {hint}Expected "
                f"{', '.join(NAMED_SETS)} or names that `forecasting features` lists."
            )
    return tuple(name for name in CATALOGUE if name in chosen)


def describe(text: str | None = None) -> list[dict[str, Any]]:
    """The catalogue as a table, one row a feature.

    Args:
        text: Only the features of this set.

    Returns:
        Rows with `name`, `unit`, `look_back` in bars, `needs` (columns besides `adj_close`),
        `known` (at the open or the close of its bar), `formula`, `source` and the `variants` and
        groups that have it; symbols as in `forecasting.market.features.feature`.

    Raises:
        ConfigError: The set names a feature that there is not.
    """
    names = CATALOGUE if text is None else expand(text)
    return [
        {
            "name": name,
            "unit": CATALOGUE[name].unit,
            "look_back": CATALOGUE[name].look_back,
            "needs": CATALOGUE[name].needs,
            "known": CATALOGUE[name].known,
            "formula": CATALOGUE[name].formula,
            "source": CATALOGUE[name].source,
            "variants": tuple(each for each, members in NAMED_SETS.items() if name in members),
        }
        for name in names
    ]
