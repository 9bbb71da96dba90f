"""`forecasting backtest`: a strategy on a model's forecasts, with costs."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from forecasting.cli import options


def backtest(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    strategy: Annotated[
        str,
        typer.Option(help="long_short, long_only, volatility_target, or a Python file."),
    ] = "long_short",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the strategy: name=value. Repeatable."),
    ] = None,
    cost_bps: options.CostBps = 5.0,
    slippage_bps: options.SlippageBps = 3.0,
    start: options.TestStart = None,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    open_holdout: options.OpenHoldout = False,
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Trade a model's forecasts, with costs.

    On bars that the model has not seen, beside buy-and-hold and equal weight.
    """
    from forecasting.cli.printing import (
        print_backtest,
        print_backtest_notes,
        print_json,
    )
    from forecasting.cli.progress import progress_line

    parameters = _parameters(set_ or [])
    with progress_line("loading", visible=not as_json) as say:
        from forecasting.forecaster import load_forecaster
        from forecasting.workflow.loading import load_for

        forecaster = load_forecaster(model)
        panel = load_for(
            forecaster,
            prices,
            tickers,
            end=end,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        from forecasting.workflow import judging

        _require_own(parameters, judging.backtest)
        made = judging.backtest(
            forecaster,
            panel,
            strategy=strategy,
            tickers=tickers,
            start=start,
            end=end,
            cost_bps=cost_bps,
            slippage_bps=slippage_bps,
            open_holdout=open_holdout,
            track=track,
            progress=say,
            **parameters,
        )
    if as_json:
        print_json(made.to_dict())
    else:
        print_backtest(made)
        print()
        print_backtest_notes([made])
    if track:
        with progress_line("tracking", visible=not as_json):
            from forecasting.workflow.tracking import track_backtest

            track_backtest(forecaster, made)


def _parameters(settings: list[str]) -> dict[str, Any]:
    """Strategy parameters from `name=value` texts, values in YAML."""
    import yaml

    from forecasting.errors import ConfigError

    parameters = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name.isidentifier():
            raise ConfigError(f"--set {setting!r}: expected name=value, such as top_k=3.")
        try:
            parameters[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting!r}: the value is not valid YAML.") from error
    return parameters


def _require_own(parameters: dict[str, Any], verb: Callable[..., Any]) -> None:
    """Refuse a strategy's parameter that would be taken for an argument of the verb."""
    from forecasting.errors import ConfigError

    for name in parameters:
        if name in inspect.signature(verb).parameters:
            raise ConfigError(
                f"--set {name}: no strategy has this parameter. See `forecasting backtest --help` "
                "for the options of the verb."
            )
