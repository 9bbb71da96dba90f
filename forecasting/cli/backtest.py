"""`forecasting backtest`: a strategy on a model's forecasts, with costs."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from forecasting.cli import account_options, backtest_in_folds, backtest_runs, options, strategies

PAPER, SWEEP = "Paper trading", "Sweep"


def backtest(
    model: Annotated[
        str,
        typer.Argument(
            help="Model folder, or a name under models/ or runs/; or the folder of a walk-forward.",
            autocompletion=options.complete_model,
            callback=options.say_which,
        ),
    ],
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    strategy: Annotated[
        str,
        typer.Option(
            help="A name (--list says which), or a Python file.",
            autocompletion=strategies.complete_strategy,
        ),
    ] = "long_short",
    list_: Annotated[
        bool,
        typer.Option(
            "--list",
            help="List the strategies.",
            is_eager=True,
            callback=strategies.print_strategies,
        ),
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the strategy: name=value. Repeatable."),
    ] = None,
    start: options.TestStart = None,
    end: options.End = None,
    execution: account_options.Execution = "auto",
    in_sample: options.InSample = False,
    recipe: Annotated[
        str | None,
        typer.Option(help="Of a walk-forward: recipe, chosen or baseline; the first recipe."),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Of a walk-forward: a seed, or ensemble, the default.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="Settings to try, name=value,value or name=first:last:step, one after the other: "
            "--grid cost_bps=0,5,10 top_k=3,5.",
            rich_help_panel=SWEEP,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With --grid: CSV file for the whole table.", rich_help_panel=SWEEP),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="With --grid: PNG file for the heat map.", rich_help_panel=SWEEP),
    ] = None,
    choose_in_folds: Annotated[
        bool,
        typer.Option(
            "--choose-in-folds",
            help="With --grid, of a walk-forward: each fold trades with what did best before it.",
            rich_help_panel=SWEEP,
        ),
    ] = False,
    today: Annotated[
        bool,
        typer.Option(
            "--today",
            help="Print the orders for the next session, from the newest bar.",
            rich_help_panel=PAPER,
        ),
    ] = False,
    positions: Annotated[
        Path | None,
        typer.Option(
            help="With --today: file of shares held, CSV ticker,shares or a JSON object.",
            rich_help_panel=PAPER,
        ),
    ] = None,
    cash: Annotated[
        float | None,
        typer.Option(help="With --positions: cash beside them.", rich_help_panel=PAPER),
    ] = None,
    cost_bps: account_options.CostBps = 5.0,
    slippage_bps: account_options.SlippageBps = 3.0,
    spread: account_options.Spread = "fixed",
    impact: account_options.Impact = 0.7,
    participation_cap: account_options.ParticipationCap = 0.1,
    capital: account_options.Capital = 1_000_000.0,
    whole_shares: account_options.WholeShares = False,
    cash_yield: account_options.CashYield = 0.0,
    financing_rate: account_options.FinancingRate = 0.05,
    borrow_fee: account_options.BorrowFee = 0.005,
    margin_limit: account_options.MarginLimit = 2.0,
    delisting_return: account_options.DelistingReturn = 0.0,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    open_holdout: options.OpenHoldout = False,
    report: Annotated[
        Path | None, typer.Option(help="HTML file to write: the strategy on one page.")
    ] = None,
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Trade forecasts, with costs, beside buy-and-hold and equal weight.

    On bars that the model has not seen, or on the out-of-fold forecasts of a walk-forward.
    """
    parameters = strategies.parse_parameters(set_ or [])
    named, assignments = strategies.split_tickers(tickers, grid)
    if choose_in_folds:
        _require_choice(bool(assignments), today, (out, plot), in_sample or open_holdout)
    sweeps = bool(assignments) and not choose_in_folds
    _require_one_kind(sweeps, today, report, (out, plot), (positions, cash))
    if today:
        judged = {
            "--in-sample": in_sample,
            "--open-holdout": open_holdout,
            "--recipe": recipe is not None,
            "--seed": seed is not None,
            "--start without --positions": start is not None and positions is None,
        }
        _require_nothing_judged([option for option, given in judged.items() if given])
    settings: dict[str, Any] = {
        "execution": execution,
        "cost_bps": cost_bps,
        "slippage_bps": slippage_bps,
        "spread": spread,
        "impact": impact,
        "participation_cap": participation_cap,
        "capital": capital,
        "whole_shares": whole_shares,
        "cash_yield": cash_yield,
        "financing_rate": financing_rate,
        "borrow_fee": borrow_fee,
        "margin_limit": margin_limit,
        "delisting_return": delisting_return,
    }
    asked = backtest_runs.Asked(
        model=model,
        tickers=named,
        prices={
            "source": prices,
            "missing": missing,
            "quarantine": quarantine,
            "universe": universe,
        },
        strategy=strategy,
        parameters=parameters,
        settings=settings,
        span={
            "start": start,
            "end": end,
            "in_sample": in_sample,
            "recipe": recipe,
            "seed": seed,
        },
        track=track,
        as_json=as_json,
    )
    if today:
        backtest_runs.order(asked, positions=positions, cash=cash)
    elif choose_in_folds:
        backtest_in_folds.choose_in_folds(asked, assignments, report=report)
    elif sweeps:
        if open_holdout:
            raise typer.BadParameter("a sealed hold-out is never swept: leave --open-holdout out.")
        defaults = inspect.signature(backtest).parameters
        given = {name for name, value in settings.items() if value != defaults[name].default}
        backtest_runs.sweep(asked, assignments, given=given, out=out, plot=plot)
    else:
        backtest_runs.trade(asked, open_holdout=open_holdout, report=report)


def _require_one_kind(
    sweeps: bool,
    today: bool,
    report: Path | None,
    files: tuple[Path | None, Path | None],
    account: tuple[Path | None, float | None],
) -> None:
    """Refuse options that belong to different kinds of a backtest.

    Raises:
        typer.BadParameter: Says which do not go together.
    """
    if today and (sweeps or report):
        raise typer.BadParameter("--today prints orders: expected neither --grid nor --report.")
    if sweeps and report:
        raise typer.BadParameter(
            "--report is the page of one account: leave --grid out, or add --choose-in-folds."
        )
    if not sweeps and files != (None, None):
        raise typer.BadParameter("--out and --plot belong to --grid.")
    if not today and account != (None, None):
        raise typer.BadParameter("--positions and --cash belong to --today.")


def _require_choice(
    grid: bool, today: bool, files: tuple[Path | None, Path | None], of_a_model: bool
) -> None:
    """Refuse options that do not belong to a choice inside folds.

    Raises:
        typer.BadParameter: Says which.
    """
    if not grid:
        raise typer.BadParameter("--choose-in-folds chooses from a grid: expected --grid, too.")
    if today:
        raise typer.BadParameter("--today prints orders: leave --choose-in-folds out.")
    if files != (None, None):
        raise typer.BadParameter(
            "--choose-in-folds makes one account, no table: expected neither --out nor --plot."
        )
    if of_a_model:
        raise typer.BadParameter(
            "a walk-forward has no bars in sample and no hold-out: expected neither --in-sample "
            "nor --open-holdout."
        )


def _require_nothing_judged(given: list[str]) -> None:
    """Refuse options of a span that is judged; today's orders have none.

    Raises:
        typer.BadParameter: Names the first of them.
    """
    if given:
        raise typer.BadParameter(
            f"--today decides at the newest bar and judges nothing: expected no {given[0]}."
        )
