"""Tables for people, JSON for scripts."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluation import Evaluation
from forecasting.market.panel import day
from forecasting.report.tables import STATISTICS

_SCORES = {
    "nll": ".4f",
    "crps_bps": ".2f",
    "crps_skill": "+.2%",
    "cover50": ".1%",
    "cover80": ".1%",
    "cover95": ".1%",
    "gain": "+.4f",
    "t": "+.1f",
    "detectable": ".4f",
}


def print_json(payload: Mapping[str, Any]) -> None:
    """Print one JSON object; NaN becomes null, times become ISO text."""
    json.dump(plain(payload), sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """The value in JSON's own types."""
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict(orient="records")]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return value


def print_table(
    frame: pd.DataFrame, formats: Mapping[str, str] | None = None, title: str | None = None
) -> None:
    """Print a frame as a plain table; `formats` maps a column to a format specification."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if numeric else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        cells = zip(frame.columns, row, strict=True)
        table.add_row(*(_cell(value, (formats or {}).get(str(name), "")) for name, value in cells))
    # A pipe has no width: print whole columns there, whatever the terminal would cut.
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(table)


def print_notes(notes: Sequence[str]) -> None:
    """Print sentences that belong to the numbers above."""
    for note in notes:
        print(f"- {note}")


def print_evaluation(made: Evaluation) -> None:
    """Print the verdict table, what the mean is worth, and the notes."""
    print(
        f"{made.model}: {len(made.tickers)} tickers, {day(made.start)} to {day(made.end)}, "
        f"{made.n_dates} dates"
    )
    table = made.table().drop(columns=["p"])
    table["crps"] *= 1e4
    print_table(table.rename(columns={"crps": "crps_bps", "horizon": "bars"}), _SCORES)
    print()
    print_table(
        made.location.rename(columns={"horizon": "bars", "r2": "mean_r2_vs_zero"}),
        {"mean_r2_vs_zero": "+.4%", "t": "+.1f", "p": ".3f"},
    )
    print()
    print_notes(
        [
            "NLL in nats a bar, CRPS in bps of log return: smaller is better. Gain: nats a bar "
            f"that {made.model} is better by; t: Diebold-Mariano on date means, Newey-West; "
            "detectable: the gain this span shows with 80 % power.",
            "Survivorship: no membership table was given; these are today's survivors.",
            *made.notes,
        ]
    )


def print_backtest(made: Backtest) -> None:
    """Print a strategy beside its benchmarks, timing, costs and verdicts."""
    settings = ", ".join(f"{name} {value}" for name, value in made.parameters.items())
    print(f"{made.strategy} ({settings}) on forecasts of {made.forecaster}")
    columns = [name for name in STATISTICS if name in made.stats]
    table = made.stats[columns].rename_axis("account").reset_index()
    print_table(table, {name: form for name, (_, form) in STATISTICS.items()})
    for each in made.comparisons:
        print(
            f"  {each.verdict} against {each.against}: {each.per_year:+.2%} a year, "
            f"t {each.test.t:+.1f}"
        )
    print(f"  {made.timing} {made.costs.describe()}")


@contextmanager
def progress_line(*, visible: bool) -> Iterator[Callable[[str], None]]:
    """A status line on stderr that says what is being done and for how long."""
    if not visible:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting")
        yield lambda words: progress.update(task, description=words)


@contextmanager
def ticker_progress(total: int, *, visible: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar over tickers on stderr, with the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not visible
    ) as progress:
        task = progress.add_task("fetching", total=total)
        yield lambda ticker, done, of: progress.update(task, completed=done, description=ticker)


def _cell(value: Any, specification: str) -> str:
    if isinstance(value, pd.Timestamp):
        midnight = value == value.normalize()
        return value.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")
    if isinstance(value, float) and np.isnan(value):
        return "-"
    return format(value, specification)
