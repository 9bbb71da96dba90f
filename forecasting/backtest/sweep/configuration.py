"""One configuration of a sweep: a strategy, its parameters, and the terms on which it trades."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.errors import ConfigError

C = TypeVar("C", bound="Configuration")

COSTS = {
    "cost_bps": "commission_bps",
    "slippage_bps": "slippage_bps",
    "spread": "spread",
    "impact": "impact",
}
"""Axes that change what trading costs, and the field of `Costs` of each."""
ACCOUNT = tuple(each.name for each in fields(AccountTerms))
"""Axes that change the account, fields of `AccountTerms`."""
WHOLE = ("strategy", "execution", "delay")
"""Axes of the configuration itself."""
CHOICES = ("whole_shares", "margin_limit")
"""Terms of the account that whoever trades may choose, as the strategy and its parameters.

All other terms and costs are assumptions: no result says which of them holds. Execution and delay
are choices: another bar of trading is another strategy, and among many the best is found by luck.
"""
MOST_DELAY = 252
"""Bars of delay beyond which a decision is another one."""


@dataclass(frozen=True)
class Configuration:
    """What decides an account beside the forecasts and the prices.

    Attributes:
        strategy: A name such as `long_short`, the path of a Python file, or a function.
        costs: What trading costs.
        account: What the account earns and pays beside, and its limits.
        execution: `next_open`, `next_close` or `auto`.
        parameters: The strategy's own, and `rebalance_every`, `no_trade_band`, `stop_quantile`.
        delay: Bars that each decision is put off, beyond the one to its fill.

    Raises:
        ConfigError: The delay is not 0 to `MOST_DELAY`.
    """

    strategy: str | Path | Callable[..., Any] = "long_short"
    costs: Costs = field(default_factory=Costs)
    account: AccountTerms = field(default_factory=AccountTerms)
    execution: str = "auto"
    parameters: dict[str, Any] = field(default_factory=dict)
    delay: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delay <= MOST_DELAY:
            raise ConfigError(f"delay = {self.delay}: expected 0 to {MOST_DELAY} bars. Correct it.")

    @property
    def name(self) -> str:
        """What the strategy is called: its name, its path, or the function's name."""
        if isinstance(self.strategy, str | Path):
            return str(self.strategy)
        return getattr(self.strategy, "__name__", type(self.strategy).__name__)

    def changed(self: C, settings: Mapping[str, Any]) -> C:
        """The configuration with some settings of a grid: names of axes to values.

        What is no name of `COSTS`, `ACCOUNT` or `WHOLE` is a parameter of the strategy.

        Raises:
            ConfigError: A value is not of its kind, or out of its range.
        """
        whole = {name: settings[name] for name in WHOLE if name in settings}
        costs = {COSTS[name]: _cost(name, settings[name]) for name in COSTS if name in settings}
        account = {name: _term(name, settings[name]) for name in ACCOUNT if name in settings}
        known = {*COSTS, *ACCOUNT, *WHOLE}
        own = {name: value for name, value in settings.items() if name not in known}
        for name, value in whole.items():
            if name != "delay" and not isinstance(value, str):
                raise ConfigError(f"{name} = {value!r}: expected a name. Correct it.")
            if name == "delay" and (isinstance(value, bool) or not isinstance(value, int)):
                raise ConfigError(f"delay = {value!r}: expected a whole number. Correct it.")
        return replace(
            self,
            costs=replace(self.costs, **costs),
            account=replace(self.account, **account),
            parameters=self.parameters | own,
            **whole,
        )

    def plain(self) -> dict[str, Any]:
        """All settings as plain values; equal settings are equal values, 5 and 5.0 too."""
        return {
            "strategy": self.name,
            "costs": _plain(asdict(self.costs)),
            "account": _plain(asdict(self.account)),
            "execution": self.execution,
            "parameters": self.parameters,
            "delay": self.delay,
        }


def _cost(name: str, value: Any) -> Any:
    if name != "spread":
        return _number(name, value)
    if not isinstance(value, str):
        raise ConfigError(f"spread = {value!r}: expected one of {', '.join(SpreadModel)}.")
    return SpreadModel.choose(value)


def _term(name: str, value: Any) -> Any:
    if name == "whole_shares":
        if not isinstance(value, bool):
            raise ConfigError(f"whole_shares = {value!r}: expected true or false. Correct it.")
        return value
    number = _number(name, value)
    if name != "delisted_after":
        return number
    if number != int(number):
        raise ConfigError(f"delisted_after = {value!r}: expected a number of bars. Correct it.")
    return int(number)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} = {value!r}: expected a number. Correct it.")
    return float(value)


def _plain(terms: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers as floats: JSON tells them apart."""
    return {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in terms.items()
    }


def is_assumption(axis: str) -> bool:
    """Whether an axis of a grid is no choice of whoever trades; see `CHOICES`."""
    return axis in COSTS or (axis in ACCOUNT and axis not in CHOICES)
