"""`forecasting compare`: recipes beside each other, over several seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecasting.cli import options

if TYPE_CHECKING:
    from forecasting.report.tables import Table
    from forecasting.workflow.comparison import Comparison


def split_names(text: str) -> str:
    """The text itself if it is a list of names.

    Raises:
        typer.BadParameter: A name is missing.
    """
    if not all(name.strip() for name in text.split(",")):
        raise typer.BadParameter(f"{text!r}: expected names such as jamba-small,gru-small.")
    return text


def compare(
    recipes: Annotated[
        str,
        typer.Option(
            help="Recipe names under models/, or YAML files, with commas between; the others are "
            "tested against the first.",
            callback=split_names,
            autocompletion=options.complete_recipes,
        ),
    ],
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    seeds: Annotated[int, typer.Option(help="Trainings a recipe.", min=1, max=100)] = 3,
    set_: options.EveryRecipe = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the trained models; runs/compare by default.")
    ] = None,
    resume: options.ResumeOut = False,
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    as_json: options.Json = False,
) -> None:
    """Train recipes with several seeds, and judge them on the same bars.

    Sizes, speeds, gains over the baseline with their spread over seeds, and verdicts.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import progress_line
    from forecasting.config import load_recipe

    overrides = tuple(set_ or ())
    chosen = [load_recipe(name.strip(), overrides) for name in recipes.split(",")]
    with progress_line("loading", visible=not as_json) as say:
        from forecasting.market.sources import load_prices

        panel = load_prices(
            prices,
            tickers,
            start=start,
            end=end,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        from forecasting.workflow.compare import compare as compare_recipes

        made = compare_recipes(panel, chosen, seeds=seeds, out=out, resume=resume, progress=say)
    if as_json:
        print_json(made.to_dict())
    else:
        print_comparison(made)


def print_comparison(made: "Comparison") -> None:
    """Print what the recipes cost, their gains and verdicts, and what has to be known."""
    from forecasting.cli.printing import print_notes, print_table, print_text
    from forecasting.market.panel import day
    from forecasting.report.captions import chosen, counted, standings, warnings_first

    first, n_seeds = made.recipes[0], len(made.seeds)
    print_text(
        f"{counted(len(made.recipes), 'recipe')}, {counted(n_seeds, 'seed')} each: "
        f"{counted(len(made.tickers), 'ticker')}, {day(made.start)} to {day(made.end)}, "
        f"{counted(made.n_dates, 'date')}"
    )
    print()
    print_table(network_table(made))
    for horizon in made.horizons:
        print(f"\n{horizon} bar{'s' if horizon > 1 else ''} ahead")
        print_table(gain_table(made, horizon))
    if len(made.ensembles):
        print("\njoint forecasts of the seeds")
        print_table(ensemble_table(made))
    print()
    print_notes(standings(made.overall))
    print()
    captions = [
        "NLL in nats a bar: smaller is better. vs EWMA: gain over EWMA-t; seeds: its standard "
        f"deviation over the seeds; vs first: gain over {first}. Verdicts: Diebold-Mariano on date "
        "means, Newey-West errors, two-sided at 5 %. vs single: gain of the joint forecast over "
        "the mean loss of the recipe's single ones.",
        "Parameters are all, and those that one bar meets; KiB: what is kept of a ticker's past. "
        "train/s, forecast/s: bars a second on this machine, of optimiser steps and of whole "
        "histories with their features.",
    ]
    print_notes([*captions, chosen(made.notes), *warnings_first(made.notes)[1]])


def network_table(made: "Comparison") -> "Table":
    """Sizes and speeds, a row a recipe."""
    from forecasting.report.tables import Table

    heads = ("recipe", "parameters", "active", "KiB", "context", "train/s", "forecast/s")
    rows = [
        (
            str(row["recipe"]),
            f"{row['parameters']:,}",
            f"{row['active_parameters']:,}",
            f"{row['state_bytes'] / 1024:,.1f}",
            f"{row['context_length']:,}",
            f"{row['training_rate']:,.0f}",
            f"{row['forecasting_rate']:,.0f}",
        )
        for row in made.networks.to_dict(orient="records")
    ]
    return Table(heads, rows)


def gain_table(made: "Comparison", horizon: int) -> "Table":
    """Losses, gains and verdicts at one horizon, a row a recipe and baseline."""
    from forecasting.report.tables import Table

    heads = ("forecaster", "NLL", "vs EWMA", "seeds", "verdict", "vs first", "t", "verdict")
    rows = [
        (
            str(row["forecaster"]),
            f"{row['nll']:.4f}",
            _or_dash(row["gain"], "+.4f"),
            _or_dash(row["spread"], ".4f"),
            row["verdict"] or "-",
            _or_dash(row["reference_gain"], "+.4f"),
            _or_dash(row["reference_t"], "+.1f"),
            row["reference_verdict"] or "-",
        )
        for row in made.gains[made.gains["horizon"] == horizon].to_dict(orient="records")
    ]
    return Table(heads, rows)


def ensemble_table(made: "Comparison") -> "Table":
    """Losses, gains and verdicts of the seeds' joint forecasts."""
    from forecasting.report.tables import Table

    heads = ("forecaster", "bars", "NLL", "vs EWMA", "t", "verdict", "vs single")
    rows = [
        (
            str(row["forecaster"]),
            str(row["horizon"]),
            f"{row['nll']:.4f}",
            _or_dash(row["gain"], "+.4f"),
            _or_dash(row["t"], "+.1f"),
            str(row["verdict"]),
            f"{row['over_single']:+.4f}",
        )
        for row in made.ensembles.to_dict(orient="records")
    ]
    return Table(heads, rows)


def _or_dash(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
