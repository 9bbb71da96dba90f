"""Arguments and options that several verbs share, spelled the same everywhere."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def complete_model(incomplete: str) -> list[str]:
    """Trained models under `models/` and `runs/` that begin like the word being typed."""
    from forecasting import paths

    folders = (paths.shipped_models(), paths.runs())
    names = {file.parent.name for each in folders for file in each.glob("*/model.safetensors")}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_recipe(incomplete: str) -> list[str]:
    """Shipped recipes that begin like the word being typed."""
    from forecasting import paths

    names = [file.parent.name for file in paths.shipped_models().glob("*/recipe.yaml")]
    return sorted(name for name in names if name.startswith(incomplete))


def complete_recipes(incomplete: str) -> list[str]:
    """Continuations of a list of shipped recipes, of which the last is being typed."""
    chosen, comma, last = incomplete.rpartition(",")
    named = chosen.split(",")
    return [f"{chosen}{comma}{name}" for name in complete_recipe(last) if name not in named]


def complete_source(incomplete: str) -> list[str]:
    """Named price sources that begin like the word being typed."""
    from forecasting.market.sources import SOURCE_NAMES

    return [name for name in SOURCE_NAMES if name.startswith(incomplete)]


def say_which(name: str | None) -> str | None:
    """The name itself; a line on stderr where a model of the user's own has it too."""
    from forecasting import paths

    if name and not any(Path(name).parent.parts) and not Path(name).is_dir():
        shipped, own = paths.shipped_models() / name, paths.runs() / name
        if all((folder / "model.safetensors").is_file() for folder in (shipped, own)):
            print(f"{name} is the model of the package; your own is {own}.", file=sys.stderr)
    return name


def check_date(text: str | None) -> str | None:
    """The text itself if it is a day.

    Raises:
        typer.BadParameter: It is none.
    """
    from datetime import date

    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is no day: expected YYYY-MM-DD, such as 2015-01-31.")


Model = Annotated[
    str,
    typer.Argument(
        help="Model folder, or a name under models/ or runs/.",
        autocompletion=complete_model,
        callback=say_which,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Another trained model to judge it against, on bars that neither has seen.",
        autocompletion=complete_model,
    ),
]
Tickers = Annotated[
    list[str] | None, typer.Argument(help="Tickers; all that the source has by default.")
]
Prices = Annotated[
    str,
    typer.Option(
        help="sample, sample-ohlcv, sample-indices, sample-vix, store, simulated, or files "
        "(path or glob). Settings follow a colon: store:resample=1wk, "
        "bars.csv:stamps=start,timezone=America/New_York.",
        autocompletion=complete_source,
    ),
]
Missing = Annotated[
    Literal["error", "mask"],
    typer.Option(help="Blank prices inside a file's history: refuse them, or leave them out."),
]
Quarantine = Annotated[
    Path | None,
    typer.Option(help="CSV file of bars to leave out, as `data check --quarantine` writes it."),
]
Universe = Annotated[
    Path | None,
    typer.Option(
        help="CSV file of who was a member when: symbol,from,to. Without it the tickers "
        "are today's survivors."
    ),
]
EveryRecipe = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change every recipe: section.key=value. Repeatable."),
]
ResumeOut = Annotated[
    bool, typer.Option("--resume", help="Keep what --out has finished, and continue.")
]
Start = Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD.", callback=check_date)]
TestStart = Annotated[
    str | None,
    typer.Option(
        help="First day, YYYY-MM-DD; the model's first unseen one by default.", callback=check_date
    ),
]
End = Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.", callback=check_date)]
CostBps = Annotated[
    float, typer.Option(help="Commission, bps of traded notional.", min=0, max=1000)
]
SlippageBps = Annotated[
    float, typer.Option(help="Slippage, bps of traded notional.", min=0, max=1000)
]
InSample = Annotated[
    bool,
    typer.Option("--in-sample", help="Trade bars that the model has seen, and say so."),
]
Track = Annotated[
    bool,
    typer.Option(help="Count the look in the trial ledger, add the results to the model's run."),
]
OpenHoldout = Annotated[
    bool,
    typer.Option(
        "--open-holdout", help="Score the sealed hold-out, and only it; logged for ever after."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
