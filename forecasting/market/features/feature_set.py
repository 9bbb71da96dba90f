"""Sets of features, and the text that names one wherever it is written down.

`ohlcv`, or `ohlcv+echo_square+beta_252`, or names alone: in a recipe, a model's corpus, a stream's
file. One set has one text: what a variant holds is named by the variant, what a whole group of the
rest holds by the group, and what is left follows in the catalogue's order.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from forecasting.errors import DataError
from forecasting.market.features.catalogue import CATALOGUE, GROUPS, NAMED_SETS, VARIANTS, expand
from forecasting.market.features.feature import CrossSectional, Feature
from forecasting.market.features.history import Kept
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.volatility import WARM_UP

# What every stream remembers, whatever its features: so do the files of older streams.
_ALWAYS_KEPT: tuple[Kept, ...] = ("log_return", "range_variance", "volume")

# Echoes count in bars of a day: of any others `auto` has none.
_DAILY = "1d"


@dataclass(frozen=True)
class FeatureSet:
    """Features of the catalogue.

    Attributes:
        names: Theirs, in the catalogue's order: that of the feature axis.
    """

    names: tuple[str, ...]

    @cached_property
    def own(self) -> tuple[Feature, ...]:
        """Those of a ticker's own bars."""
        chosen = (CATALOGUE[name] for name in self.names)
        return tuple(each for each in chosen if isinstance(each, Feature))

    @cached_property
    def cross_sectional(self) -> tuple[CrossSectional, ...]:
        """Those of the cross-section."""
        chosen = (CATALOGUE[name] for name in self.names)
        return tuple(each for each in chosen if isinstance(each, CrossSectional))

    @cached_property
    def computed(self) -> tuple[Feature, ...]:
        """`own`, and after them what only the cross-section is made of."""
        bases = dict.fromkeys(each.of for each in self.cross_sectional)
        return self.own + tuple(each for each in bases if each not in self.own)

    @cached_property
    def kept(self) -> tuple[Kept, ...]:
        """Quantities whose last values a stream remembers."""
        asked = (quantity for each in self.computed for quantity in each.keeps)
        return tuple(dict.fromkeys((*_ALWAYS_KEPT, *asked)))

    @cached_property
    def look_back(self) -> int:
        """Bars of history before the first complete row of features."""
        return max(CATALOGUE[name].look_back for name in self.names)

    @cached_property
    def lags(self) -> int:
        """Bars whose quantities a stream remembers."""
        return max(self.look_back, WARM_UP, *(each.memory for each in self.computed))

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Columns of the panel besides `adj_close`."""
        needed = {column for name in self.names for column in CATALOGUE[name].needs}
        return tuple(column for column in COLUMNS if column in needed)

    def missing(self, panel: Panel) -> tuple[str, ...]:
        """Columns that it needs and that not every ticker of a panel has."""
        return tuple(column for column in self.needs if not _has(panel, column))

    @cached_property
    def text(self) -> str:
        """The one text that names it."""
        inside = [each for each, names in NAMED_SETS.items() if set(names) <= set(self.names)]
        variant = [each for each in inside if each in VARIANTS][-1:]
        named = [*variant, *(each for each in inside if each in GROUPS)]
        covered = {name for each in named for name in NAMED_SETS[each]}
        return "+".join([*named, *(name for name in self.names if name not in covered)])


@lru_cache(maxsize=64)
def feature_set(text: str) -> FeatureSet:
    """The set that a text names.

    Raises:
        ConfigError: It names a feature that there is not.
    """
    return FeatureSet(expand(text))


def resolve_variant(panel: Panel, variant: str) -> str:
    """The text of the features to use on a panel.

    Args:
        panel: Prices.
        variant: `auto`, the richest variant that every ticker allows and, of bars of a day, the
            echoes that every ticker allows; or names of variants (`close`, `ohlc`, `ohlcv`), groups
            (`echo_square`, `echo_range`) and features, joined by `+`.

    Raises:
        ConfigError: It names a feature that there is not.
        DataError: The panel lacks a column that they need.
    """
    able = [name for name in NAMED_SETS if not feature_set(name).missing(panel)]
    richest = [name for name in able if name in VARIANTS][-1]
    if variant == "auto":
        groups = [name for name in able if name in GROUPS and panel.interval == _DAILY]
        return "+".join([richest, *groups])
    chosen = feature_set(variant)
    if missing := chosen.missing(panel):
        blind = [name for name in chosen.names if set(CATALOGUE[name].needs) & set(missing)]
        raise DataError(
            f"features {variant!r} need {', '.join(missing)} of every ticker, which {panel.source} "
            f"does not have: {', '.join(blind[:4])}{' ...' if len(blind) > 4 else ''} cannot be "
            "computed. Use a source with these columns, or train with --set "
            f"data.features={richest}."
        )
    return chosen.text


def feature_names(variant: str) -> tuple[str, ...]:
    """Own features, then those of the cross-section, in the order of the feature axis."""
    return feature_set(variant).names


def look_back(variant: str) -> int:
    """Bars of history before the first complete feature row."""
    return feature_set(variant).look_back


def _has(panel: Panel, column: str) -> bool:
    # A volume that is zero throughout is how many files write 'no volume'.
    if column == "volume":
        return bool((panel.column(column) > 0).any(axis=0).all())
    return panel.has(column)
