"""Strategies on the command line: their names, their list, and their parameters."""

import inspect
from collections.abc import Callable
from typing import Any

import typer


def complete_strategy(incomplete: str) -> list[str]:
    """Names of strategies that begin like the word being typed."""
    from forecasting.backtest.strategies.registry import STRATEGIES

    return [name for name in STRATEGIES if name.startswith(incomplete)]


def print_strategies(wanted: bool) -> bool:
    """Print each strategy with a line on what it does, and exit, if wanted."""
    if wanted:
        from forecasting.backtest.strategies.registry import STRATEGIES
        from forecasting.cli.printing import print_rows

        rows = [(name, strategy.description) for name, strategy in STRATEGIES.items()]
        print_rows(("strategy", "what it does"), rows)
        raise typer.Exit()
    return wanted


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


def require_own(parameters: dict[str, Any], verb: Callable[..., Any]) -> None:
    """Refuse a strategy's parameter that would be taken for an argument of the verb.

    Raises:
        ConfigError: Names the parameter.
    """
    from forecasting.errors import ConfigError

    for name in parameters:
        if name in inspect.signature(verb).parameters:
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
