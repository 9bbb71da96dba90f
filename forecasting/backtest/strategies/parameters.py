"""Parameters of strategies: which there are, what they are when not given, and what is refused."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forecasting.backtest.strategies.strategy import DERIVED, Strategy
from forecasting.errors import ConfigError

_FROM_DATA = ("prices", "decides")


@dataclass(frozen=True)
class TradingRules:
    """Parameters that every strategy has beside its own.

    Attributes:
        rebalance_every: Bars between decisions.
        no_trade_band: Risk aversion gamma of the band round each target within which nothing is
            traded, see `NoTradeBand`; None for no band.
        stop_quantile: Predictive quantile at which a holding is sold, see `QuantileStop`; None for
            no stop.

    Raises:
        ConfigError: A value lies outside its range.
    """

    rebalance_every: int = 5
    no_trade_band: float | None = None
    stop_quantile: float | None = None

    def __post_init__(self) -> None:
        if self.rebalance_every < 1:
            raise ConfigError(
                f"rebalance_every = {self.rebalance_every}: expected at least 1 bar. Correct it."
            )
        for name, most in (("no_trade_band", math.inf), ("stop_quantile", 0.5)):
            value = getattr(self, name)
            if value is not None and not 0 < value < most:
                below = f" and below {most:g}" if most < math.inf else " and finite"
                raise ConfigError(f"{name} = {value:g}: expected above 0{below}. Correct it.")

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "TradingRules":
        """Those among a strategy's parameters.

        Raises:
            ConfigError: A value does not fit.
        """
        kinds = {"rebalance_every": int, "no_trade_band": float, "stop_quantile": float}
        given = {name: parameters[name] for name in kinds if parameters.get(name) is not None}
        return cls(**{name: checked(name, value, kinds[name]) for name, value in given.items()})


RULES = tuple(TradingRules.__dataclass_fields__)


def complete(
    name: str, strategy: Strategy, given: Mapping[str, Any], derived: Mapping[str, Any]
) -> dict[str, Any]:
    """All arguments of a strategy's function: given, else declared default, else derived.

    Args:
        name: Of the strategy.
        strategy: What declares them.
        given: By the user, without the `TradingRules`.
        derived: From the data, see `DERIVED`.

    Raises:
        ConfigError: An unknown parameter, one without a value, or a value that does not fit.
    """
    require_names(name, strategy, given)
    arguments = dict(given)
    for own, parameter in strategy.parameters.items():
        if parameter.default is not parameter.empty:
            arguments.setdefault(own, parameter.default)
        elif own in derived:
            arguments.setdefault(own, derived[own])
        if own not in arguments:
            raise ConfigError(f"strategy {name} needs its parameter {own!r}: {_remedy(own)}.")
        arguments[own] = checked(own, arguments[own], parameter.annotation)
    rate = arguments.get("bars_per_year")
    if isinstance(rate, float) and math.isnan(rate):
        raise ConfigError(
            f"{name} needs bars_per_year, and there are no bars before the first forecast to "
            "measure it from. Set it, as in --set bars_per_year=252."
        )
    return arguments


def require_names(name: str, strategy: Strategy, given: Iterable[str]) -> None:
    """Refuse names of parameters that a strategy does not have.

    Raises:
        ConfigError: One is unknown, or is always taken from the data.
    """
    for each in given:
        if each in _FROM_DATA:
            raise ConfigError(f"{each} is taken from the data: expected no value. Leave it out.")
        if each not in strategy.parameters and not strategy.takes_any:
            known = [own for own in strategy.parameters if own not in _FROM_DATA]
            raise ConfigError(
                f"strategy {name} has no parameter {each!r}: {hint(each, [*known, *RULES])}"
            )


def shown(arguments: Mapping[str, Any], rules: TradingRules) -> dict[str, Any]:
    """Parameters as a reader is told of them: without the data, and with the rules that are on."""
    own = {name: value for name, value in arguments.items() if name not in _FROM_DATA}
    on = {name: value for name in RULES if (value := getattr(rules, name)) is not None}
    return own | on


def checked(name: str, value: Any, annotation: Any) -> Any:
    """A value that fits a bool, int or float annotation, whole numbers made float for the last.

    Raises:
        ConfigError: It does not fit.
    """
    if annotation is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{name} = {value!r}: expected true or false. Correct it.")
        return value
    if annotation not in (int, float):
        return value
    if isinstance(value, bool) or not isinstance(value, int if annotation is int else int | float):
        words = "a whole number" if annotation is int else "a number"
        raise ConfigError(f"{name} = {value!r}: expected {words}. Correct it.")
    return annotation(value)


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}."


def _remedy(name: str) -> str:
    if name in DERIVED:
        return f"it is taken from the data, and none came. Pass {name}"
    return "give it a value"
