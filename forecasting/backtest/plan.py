"""From a strategy's name and parameters to weights and the bars on which they are traded."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.strategies import STRATEGIES, Strategy
from forecasting.backtest.user_strategy import load_strategy
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast

REBALANCE_EVERY = 5


@dataclass(frozen=True, eq=False)
class Plan:
    """What a strategy wants.

    Attributes:
        strategy: Its name.
        parameters: All of them, also those left at their default.
        weights: Target weights on the bars of the forecast, known at their close.
        decides: On which bars an order is sent.
        notes: What a reader of the result has to know.
    """

    strategy: str
    parameters: dict[str, Any]
    weights: Float[np.ndarray, "time ticker"]
    decides: Bool[np.ndarray, " time"]
    notes: tuple[str, ...] = ()


def make_plan(
    forecast: Forecast,
    strategy: str,
    parameters: Mapping[str, Any],
    bars_per_year: float,
    n_tickers: int | None = None,
) -> Plan:
    """Weights of a named strategy, or of a user's file.

    Besides the strategy's own parameters there is `rebalance_every` (bars between decisions, 5 by
    default). Parameters `top_k` and `bars_per_year` without a value are taken from the data: a
    quarter of the tickers, and the bars a year of the prices.

    Args:
        forecast: What is known at each close.
        strategy: A name in `STRATEGIES`, or the path of a Python file (it ends in .py).
        parameters: Values by name.
        bars_per_year: Of the prices before the first decision.
        n_tickers: Tickers to choose from at the first decision, as far as known then; all of the
            forecast by default.

    Raises:
        ConfigError: An unknown strategy or parameter, a value that does not fit, or a file that
            `load_strategy` refuses.
    """
    chosen = _find(strategy)
    count = len(forecast.tickers) if n_tickers is None else n_tickers
    derived = {"top_k": max(1, count // 4), "bars_per_year": bars_per_year}
    every = _bars_between(parameters)
    given = {name: value for name, value in parameters.items() if name != "rebalance_every"}
    own = _complete(strategy, chosen.weights, given, derived)
    rate = own.get("bars_per_year")
    if isinstance(rate, float) and math.isnan(rate):
        raise ConfigError(
            f"{strategy} needs bars_per_year, and there are no bars before the first forecast to "
            "measure it from. Set it, as in --set bars_per_year=252."
        )
    weights = chosen.weights(forecast, **own)
    decides = decision_bars(np.asarray(forecast.mask.any(axis=1)), every)
    if chosen.buys_once:
        decides &= np.cumsum(decides) == 1
    else:
        own["rebalance_every"] = every
    plan = Plan(strategy, own, weights, decides)
    return Plan(strategy, own, weights, decides, _notes(plan, chosen.buys_once))


def decision_bars(has_forecast: Bool[np.ndarray, " time"], every: int) -> Bool[np.ndarray, " time"]:
    """The first bar with a forecast, then each first one at least `every` bars after the last."""
    decides = np.zeros(len(has_forecast), dtype=bool)
    earliest = 0
    for bar in np.flatnonzero(has_forecast):
        if bar >= earliest:
            decides[bar] = True
            earliest = int(bar) + every
    return decides


def _find(name: str) -> Strategy:
    if name.endswith(".py"):
        return Strategy(load_strategy(Path(name)))
    if name not in STRATEGIES:
        hint = _hint(name, STRATEGIES)
        raise ConfigError(f"no strategy {name!r}: {hint} Your own is a path that ends in .py.")
    return STRATEGIES[name]


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}."


def _bars_between(parameters: Mapping[str, Any]) -> int:
    every = parameters.get("rebalance_every", REBALANCE_EVERY)
    if _checked("rebalance_every", every, int) < 1:
        raise ConfigError(f"rebalance_every = {every}: expected at least 1 bar. Correct it.")
    return every


def _complete(
    strategy: str, function: Callable[..., Any], given: dict[str, Any], derived: dict[str, Any]
) -> dict[str, Any]:
    """All arguments of a weights function: given, else declared default, else derived."""
    declared = dict(list(inspect.signature(function).parameters.items())[1:])
    named = {
        name: parameter
        for name, parameter in declared.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in declared.values())
    for name in given:
        if name not in named and not takes_any:
            hint = _hint(name, [*named, "rebalance_every"])
            raise ConfigError(f"strategy {strategy} has no parameter {name!r}: {hint}")
    complete = dict(given)
    for name, parameter in named.items():
        if parameter.default is not parameter.empty:
            complete.setdefault(name, parameter.default)
        elif name in derived:
            complete.setdefault(name, derived[name])
        if name not in complete:
            raise ConfigError(f"strategy {strategy} needs its parameter {name!r}: give it a value.")
        complete[name] = _checked(name, complete[name], parameter.annotation)
    return complete


def _checked(name: str, value: Any, annotation: Any) -> Any:
    """A value that fits an int or float annotation, whole numbers made float for the latter."""
    if annotation not in (int, float):
        return value
    if isinstance(value, bool) or not isinstance(value, int if annotation is int else int | float):
        words = "a whole number" if annotation is int else "a number"
        raise ConfigError(f"{name} = {value!r}: expected {words}. Correct it.")
    return annotation(value)


def _notes(plan: Plan, buys_once: bool) -> tuple[str, ...]:
    """How often the strategy chose cash or met its cap, and whom a single purchase left out."""
    notes = []
    decided = plan.weights[plan.decides]
    gross = np.abs(decided).sum(axis=1)
    if idle := int((gross == 0).sum()):
        notes.append(f"{plan.strategy} held nothing after {idle} of its {len(gross)} decisions.")
    if "max_leverage" in plan.parameters:
        cap = plan.parameters["max_leverage"]
        capped = int((gross >= cap * (1 - 1e-12)).sum())
        if capped:
            notes.append(
                f"{plan.strategy} met its leverage cap of {cap:g} in {capped} of its {len(gross)} "
                "decisions."
            )
    bought, tickers = int((decided[:1] != 0).sum()), decided.shape[1]
    if buys_once and bought < tickers:
        notes.append(
            f"{plan.strategy} holds {bought} of {tickers} tickers: the others had no forecast on "
            "its one day of purchase."
        )
    return tuple(notes)
