"""What a strategy is: a function of forecasts, and what a plan has to know of it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

DERIVED = ("top_k", "bars_per_year", "prices", "cost", "decides")
"""Parameters that are taken from the data where they are declared without a default.

top_k (int): a quarter of the tickers, at least one. bars_per_year (float): of the prices before the
first forecast. prices (`Panel`): the traded tickers from their first bar to the end of the span.
cost (float): one-way cost of trading, share of notional. decides (bool, time): rows of the forecast
on which an order is sent; the other rows of the weights are not looked at.
"""


@dataclass(frozen=True)
class Strategy:
    """A way of choosing weights.

    Attributes:
        function: `weights(forecast, *, ...)`: finite target weights (time, ticker), signed shares
            of equity, row t from what is known at the close of bar t. Or, with an argument
            `positions`, `decide(forecast, positions, *, ...)`: the weights (ticker,) of one
            decision, asked with the forecast cut after its bar and the weights held then.
        description: What it does, in one line.
        buys_once: It decides a single time.
        least_tickers: Fewer cannot be traded.
        extra: Optional dependency that it needs, by its name in `forecasting[...]`.
    """

    function: Callable[..., Any]
    description: str
    buys_once: bool = False
    least_tickers: int = 1
    extra: str | None = None

    @cached_property
    def arguments(self) -> dict[str, inspect.Parameter]:
        """All that the function takes, by name."""
        return dict(inspect.signature(self.function).parameters)

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Declared parameters by name, without the forecast and the positions."""
        return {
            name: parameter
            for name, parameter in list(self.arguments.items())[1:]
            if name != "positions"
            and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        }

    @cached_property
    def takes_any(self) -> bool:
        """Whether it takes parameters that it does not declare."""
        return any(each.kind is each.VAR_KEYWORD for each in self.arguments.values())

    @cached_property
    def sees_positions(self) -> bool:
        """Whether it decides bar by bar, from what is held."""
        return "positions" in self.arguments

    @property
    def derived(self) -> tuple[str, ...]:
        """Those of `DERIVED` that are taken from the data unless given."""
        return tuple(
            name
            for name in DERIVED
            if name in self.parameters and self.parameters[name].default is inspect.Parameter.empty
        )
