"""From a strategy's name and parameters to weights and the bars on which they are traded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from forecasting.backtest.costs import Costs
from forecasting.backtest.strategies.decisions import Decide, Decisions
from forecasting.backtest.strategies.notes import notes_on
from forecasting.backtest.strategies.parameters import (
    RULES,
    TradingRules,
    complete,
    hint,
    require_names,
    shown,
)
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.strategies.strategy import Strategy
from forecasting.backtest.strategies.user_strategy import load_strategy, of_function
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan(Decisions):
    """What a strategy wants; `policy(times)` puts it on the bars of a tape.

    Attributes:
        parameters: All of them, also those left at their default.
        notes: What a reader of the result has to know.
    """

    parameters: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def strategy(self) -> str:
        """Its name."""
        return self.name


def make_plan(
    forecast: Forecast,
    strategy: str | Callable[..., Any],
    parameters: Mapping[str, Any],
    bars_per_year: float,
    n_tickers: int | None = None,
    prices: Panel | None = None,
    cost: float | int = 0.0,
) -> Plan:
    """Decisions of a named strategy, of a user's file, or of a function.

    Besides the strategy's own parameters there are the `TradingRules`. Those in `DERIVED` that have
    no value are taken from the data; `top_k` is a quarter of the tickers.

    Args:
        forecast: What is known at each close.
        strategy: A name in `STRATEGIES`, the path of a Python file (it ends in .py), or a function
            `weights(forecast, ...)` or `decide(forecast, positions, ...)`.
        parameters: Values by name.
        bars_per_year: Of the prices before the first decision.
        n_tickers: Tickers to choose from at the first decision, as far as known then; all of the
            forecast by default.
        prices: The tickers' prices from their first bar on, for strategies that look back.
        cost: One way, share of notional.

    Raises:
        ConfigError: An unknown strategy or parameter, a value that does not fit, or a file or
            function that `user_strategy` refuses.
    """
    name, chosen = _find(strategy)
    rules = TradingRules.of(parameters)
    decides = decision_bars(np.asarray(forecast.mask.any(axis=1)), rules.rebalance_every)
    if chosen.buys_once:
        decides &= np.cumsum(decides) == 1
    count = len(forecast.tickers) if n_tickers is None else n_tickers
    derived: dict[str, Any] = {
        "top_k": max(1, count // 4),
        "bars_per_year": bars_per_year,
        "cost": float(cost),
        "decides": decides,
    }
    if prices is not None:
        derived["prices"] = prices
    own = complete(name, chosen, _own(parameters), derived)
    told = shown(own, rules)
    if chosen.buys_once:
        del told["rebalance_every"]
    decide: Decide | None = None
    notes: tuple[str, ...] = ()
    if chosen.sees_positions:
        decide, weights = partial(chosen.function, **own), np.full(forecast.mask.shape, np.nan)
    else:
        weights = chosen.function(forecast, **own)
        notes = notes_on(name, chosen, own, forecast.times[decides], weights[decides])
    if rules.no_trade_band is not None and cost == 0:
        notes += (f"{name}: no_trade_band has no width, for trading costs nothing.",)
    return Plan(
        name=name,
        forecast=forecast,
        weights=weights,
        decides=decides,
        horizon=_horizon(own, forecast),
        rules=rules,
        cost=cost,
        decide=decide,
        parameters=told,
        notes=notes,
    )


def require_known(strategy: str | Callable[..., Any], parameters: Mapping[str, Any]) -> None:
    """Refuse a strategy and parameters that no forecast can save, before there is one.

    Raises:
        ConfigError: An unknown strategy or parameter, a file that does not run, or a trading rule
            outside its range.
    """
    name, chosen = _find(strategy)
    TradingRules.of(parameters)
    require_names(name, chosen, _own(parameters))


def plan_for(
    span: TradedSpan,
    strategy: str | Callable[..., Any],
    parameters: Mapping[str, Any],
    costs: Costs,
) -> Plan:
    """`make_plan` on the bars of a span, with what is known at its first decision.

    Raises:
        ConfigError: As `make_plan`.
    """
    return make_plan(
        span.forecast,
        strategy,
        parameters,
        span.known_bars_per_year,
        span.n_tickers,
        prices=span.known_prices,
        cost=costs.rate,
    )


def _own(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A strategy's own parameters, without the `TradingRules`."""
    return {name: value for name, value in parameters.items() if name not in RULES}


def _horizon(parameters: Mapping[str, Any], forecast: Forecast) -> int:
    """The strategy's, or the nearest that was forecast where it declares none."""
    own = parameters.get("horizon")
    return own if own in forecast.horizons else forecast.horizons[0]


def decision_bars(has_forecast: Bool[np.ndarray, " time"], every: int) -> Bool[np.ndarray, " time"]:
    """The first bar with a forecast, then each first one at least `every` bars after the last."""
    decides = np.zeros(len(has_forecast), dtype=bool)
    earliest = 0
    for bar in np.flatnonzero(has_forecast):
        if bar >= earliest:
            decides[bar] = True
            earliest = int(bar) + every
    return decides


def _find(strategy: str | Callable[..., Any]) -> tuple[str, Strategy]:
    """A strategy and its name."""
    if not isinstance(strategy, str):
        return getattr(strategy, "__name__", type(strategy).__name__), of_function(strategy)
    if strategy.endswith(".py"):
        return strategy, load_strategy(Path(strategy))
    if strategy not in STRATEGIES:
        near = hint(strategy, STRATEGIES)
        raise ConfigError(f"no strategy {strategy!r}: {near} Your own is a path that ends in .py.")
    return strategy, STRATEGIES[strategy]
