"""`forecasting walk-forward`: recipes and baselines refitted through the test span."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from forecasting.cli import options
from forecasting.cli.compare import split_names

if TYPE_CHECKING:
    from forecasting.report.tables import Table
    from forecasting.workflow.walk_forward.outcome import WalkForward

_INTERRUPTED = 130


def check_start(text: str) -> str:
    """The text itself if it is a day, or a fraction between 0 and 1.

    Raises:
        typer.BadParameter: It is neither.
    """
    try:
        if 0 < float(text) < 1:
            return text
    except ValueError:
        return options.check_date(text) or ""
    raise typer.BadParameter(f"{text}: expected YYYY-MM-DD, or a fraction between 0 and 1.")


def check_validation(text: str) -> str:
    """The text itself if it is a number of bars, or a fraction between 0 and 1.

    Raises:
        typer.BadParameter: It is neither.
    """
    try:
        if (float(text) < 1 if "." in text else int(text) >= 1) and float(text) > 0:
            return text
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r}: expected bars such as 252, or a fraction such as 0.2.")


def walk_forward(
    recipes: Annotated[
        str,
        typer.Option(
            help="Recipe names under models/, or YAML files, with commas between.",
            callback=split_names,
            autocompletion=options.complete_recipes,
        ),
    ],
    start: Annotated[
        str,
        typer.Option(
            help="First bar that is tested: a day, or a fraction of the bars.",
            callback=check_start,
        ),
    ],
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    refit_every: Annotated[int, typer.Option(help="Bars of a test block.", min=1)] = 252,
    window: Annotated[
        Literal["expanding", "rolling"],
        typer.Option(help="Train on all bars before a block, or on the last --window-bars."),
    ] = "expanding",
    window_bars: Annotated[
        int | None, typer.Option(help="Bars of a rolling window, validation included.", min=2)
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            help="Last part of the window, for the choice of weights: bars, or a fraction.",
            callback=check_validation,
        ),
    ] = "0.2",
    seeds: Annotated[int, typer.Option(help="Trainings a recipe and fold.", min=1, max=100)] = 3,
    set_: options.EveryRecipe = None,
    workers: Annotated[
        int, typer.Option(help="Processes; any number gives the same bytes.", min=1, max=256)
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder of models and results; runs/walk-forward.")
    ] = None,
    resume: options.ResumeOut = False,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    as_json: options.Json = False,
) -> None:
    """Refit recipes and baselines every n bars, and judge their forecasts out of fold.

    Purged, nothing fitted or chosen on later bars; gains, their spread over seeds, verdicts.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import counted_progress
    from forecasting.config import load_recipe

    if (window == "rolling") != (window_bars is not None):
        raise typer.BadParameter("--window rolling and --window-bars belong together.")
    overrides = tuple(set_ or ())
    chosen = [load_recipe(name.strip(), overrides) for name in recipes.split(",")]
    with counted_progress(visible=not as_json) as advance:
        advance("loading", 0, 0)
        from forecasting.market.folds.walk_forward import WalkForwardSettings
        from forecasting.market.sources import load_prices
        from forecasting.workflow.walk_forward.walk_forward import walk_forward as walk

        folds = WalkForwardSettings(
            start=start if "-" in start else float(start),
            refit_every=refit_every,
            window_bars=window_bars,
            validation=float(validation) if "." in validation else int(validation),
        )
        panel = load_prices(
            prices, tickers, end=end, missing=missing, quarantine=quarantine, universe=universe
        )
        with _interruptible(advance) as say:
            made = walk(
                panel,
                chosen,
                folds=folds,
                seeds=seeds,
                out=out,
                resume=resume,
                workers=workers,
                progress=say,
            )
    if as_json:
        print_json(made.to_dict())
    else:
        print_walk_forward(made)


@contextmanager
def _interruptible(advance: Callable[[str, int, int], None]) -> Iterator[Callable[..., None]]:
    """Hand out a progress function; after Ctrl-C say what is finished, and exit."""
    reached = [0, 0]

    def say(words: str, done: int, total: int) -> None:
        reached[:] = done, total
        advance(words, done, total)

    try:
        yield say
    except KeyboardInterrupt:
        words = f"stopped: {reached[0]} of {reached[1]} fits are finished. Go on with --resume."
        if not reached[1]:
            words = "stopped before the first fit. Start again."
        print(words, file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None


def print_walk_forward(made: "WalkForward") -> None:
    """Print the folds, gains and verdicts, and what has to be known."""
    from forecasting.cli.printing import print_notes, print_table, print_text
    from forecasting.market.panel import day
    from forecasting.report.captions import chosen, counted, standings, warnings_first

    print_text(
        f"{', '.join(made.recipes)}: {counted(len(made.folds), 'fold')}, "
        f"{counted(len(made.seeds), 'seed')} each, {counted(len(made.tickers), 'ticker')}, "
        f"{day(made.start)} to {day(made.end)}, {made.n_dates} dates"
    )
    print()
    print_table(fold_table(made))
    for horizon in made.horizons:
        print(f"\n{counted(horizon, 'bar')} ahead")
        print_table(gain_table(made, horizon))
    print()
    print_notes(standings(made.overall))
    print()
    first = made.recipes[0]
    captions = [
        "Rows are (ticker, bar) rows; gain: nats a bar over EWMA-t of "
        f"{first} in the fold, {counted(made.horizons[0], 'bar')} ahead, mean over its seeds.",
        "NLL in nats a bar: smaller is better. vs EWMA: gain over EWMA-t; seeds: its standard "
        f"deviation over the seeds; vs first: gain over {first}. Verdicts: Diebold-Mariano on date "
        "means of the out-of-fold forecasts, Newey-West errors, two-sided at 5 %.",
    ]
    print_notes([*captions, chosen(made.notes), *warnings_first(made.notes)[1]])


def fold_table(made: "WalkForward") -> "Table":
    """Spans and rows of the folds, and how the first recipe did in each."""
    from forecasting.report.tables import Table

    heads = ("fold", "tested from", "to", "train", "validate", "test", "tickers", "gain", "chosen")
    own = made.by_fold.query(f"forecaster == {made.recipes[0]!r} and horizon == {made.horizons[0]}")
    gains = own.groupby("fold")["gain"].mean()
    rows = [
        (
            str(row["fold"]),
            str(row["test_start"]),
            str(row["test_end"]),
            f"{row['train_rows']:,}",
            f"{row['validation_rows']:,}",
            f"{row['test_rows']:,}",
            str(row["tickers"]),
            _or_dash(gains[row["fold"]], "+.4f"),
            row["chosen"] or "-",
        )
        for row in made.folds.to_dict(orient="records")
    ]
    shown = len(heads) if len(made.recipes) > 1 else len(heads) - 1
    return Table(heads[:shown], [row[:shown] for row in rows])


def gain_table(made: "WalkForward", horizon: int) -> "Table":
    """Losses, gains and verdicts at one horizon, a row a forecaster; the ensembles last."""
    from forecasting.report.tables import Table

    heads = ("forecaster", "NLL", "vs EWMA", "seeds", "verdict", "vs first", "t", "verdict")
    untested: dict[str, Any] = {
        "reference_gain": math.nan,
        "reference_t": math.nan,
        "reference_verdict": "",
    }
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
        for table in (made.gains, made.ensembles.assign(spread=math.nan, **untested))
        for row in table[table["horizon"] == horizon].to_dict(orient="records")
    ]
    return Table(heads, rows)


def _or_dash(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
