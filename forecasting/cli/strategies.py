"""Strategies on the command line: their names, their list, and their parameters."""

import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # NumPy is slow to import, which an error should not have to wait for
    from forecasting.backtest.strategies.strategy import Strategy


def complete_strategy(incomplete: str) -> list[str]:
    """Names of strategies that begin like the word being typed."""
    from forecasting.backtest.strategies.registry import STRATEGIES

    return [name for name in STRATEGIES if name.startswith(incomplete)]


def print_strategies(wanted: bool) -> bool:
    """Print each strategy, what it does and its parameters, and exit, if wanted."""
    if wanted:
        from forecasting.backtest.strategies.parameters import TradingRules
        from forecasting.backtest.strategies.registry import STRATEGIES
        from forecasting.cli.printing import print_entries, print_text

        print_entries(
            [
                (name, (strategy.description, *_parameters_of(strategy)))
                for name, strategy in STRATEGIES.items()
            ]
        )
        print()
        rules = ", ".join(f"{name}={_default(v)}" for name, v in asdict(TradingRules()).items())
        print_text(f"Each also has {rules}. Values: --set name=value, or several with --grid.")
        raise typer.Exit()
    return wanted


def _parameters_of(strategy: "Strategy") -> list[str]:
    """Its parameters and their defaults in a line, if a user can set any."""
    own = [
        f"{name}={_FROM_DATA.get(name) or _default(parameter.default)}"
        for name, parameter in strategy.parameters.items()
        if name not in ("prices", "decides")
    ]
    return [", ".join(own)] if own else []


_FROM_DATA = {
    "top_k": "(a quarter of the tickers)",
    "bars_per_year": "(of the prices)",
    "cost": "(of the costs)",
}
"""Parameters that are taken from the data unless they are set."""


def _default(value: Any) -> str:
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:g}"
    )


def parse_parameters(settings: list[str]) -> dict[str, Any]:
    """Strategy parameters from `name=value` texts, values in YAML.

    Raises:
        ConfigError: A text is none, or a name comes twice.
    """
    import yaml

    from forecasting.errors import ConfigError

    parameters: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name.isidentifier():
            raise ConfigError(f"--set {setting!r}: expected name=value, such as top_k=3.")
        if name in parameters:
            raise ConfigError(
                f"--set {setting!r}: {name} came before, expected each parameter once. Drop one, "
                "or try both with --grid."
            )
        try:
            parameters[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting!r}: the value is not valid YAML.") from error
    return parameters


def require_own(parameters: dict[str, Any], *verbs: Callable[..., Any]) -> None:
    """Refuse a strategy's parameter that would be taken for an argument of a verb.

    Raises:
        ConfigError: Names the parameter.
    """
    from forecasting.errors import ConfigError

    arguments = {name for verb in verbs for name in inspect.signature(verb).parameters}
    for name in parameters:
        if name in arguments:
            raise ConfigError(
                f"--set {name}: no strategy has this parameter. See `forecasting backtest --help` "
                "for the options of the verb."
            )


def split_tickers(
    words: list[str] | None, grid: list[str] | None
) -> tuple[list[str] | None, list[str]]:
    """Tickers, and the assignments of a grid: an option takes one word, the others follow it.

    Raises:
        ConfigError: There is an assignment, but no grid.
    """
    from forecasting.errors import ConfigError

    more = [word for word in words or [] if "=" in word]
    if more and not grid:
        raise ConfigError(
            f"{more[0]!r} is no ticker: expected --set {more[0]} for a parameter of the strategy, "
            "or --grid before several values. Correct it."
        )
    return [word for word in words or [] if "=" not in word] or None, [*(grid or []), *more]
