"""`forecasting data`: what is suspicious about prices, and what a source changed in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecasting.cli import options

if TYPE_CHECKING:  # it takes a second to import, which an error should not have to wait for
    from forecasting.market.checks.finding import Finding

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_SUMMARY = ("severity", "check", "findings", "tickers", "first dates")
_EVENTS = ("severity", "check", "tickers", "bars", "seen")
_LISTED = 40
"""Events listed for a person; beyond that nobody reads on, and --json has all."""


@data.callback()
def about() -> None:
    """Look at prices before a model does."""


@data.command()
def check(
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    calendar: Annotated[
        str,
        typer.Option(help="Exchange whose sessions the tickers keep, such as XNYS; or none."),
    ] = "XNYS",
    quarantine: Annotated[
        Path | None,
        typer.Option(help="Also write the bars to leave out into this CSV file."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are errors.")] = (
        False
    ),
    as_json: options.Json = False,
) -> None:
    """Find stale bars, splits nobody recorded, wild prices, missing sessions.

    Nothing is repaired. An error cannot be right, a warning has to be looked at, a note is worth
    knowing.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import progress_line

    if quarantine is not None:
        _refuse_to_overwrite(quarantine)
    with progress_line("loading", visible=not as_json) as say:
        from forecasting.market.checks import quarantine as quarantines
        from forecasting.market.checks.inspection import inspect
        from forecasting.market.sources import load_prices

        panel = load_prices(prices, tickers, start=start, end=end, missing=missing)
        exchange = None if calendar.lower() == "none" else calendar
        findings = inspect(panel, calendar=exchange, progress=say)
    proposed = quarantines.propose(findings, panel.interval)
    if quarantine is not None:
        quarantines.write(quarantine, proposed)
    if as_json:
        print_json(
            {
                "source": panel.source,
                "tickers": panel.tickers,
                "bars": int(panel.mask.sum()),
                "findings": [each.to_dict() for each in findings],
                "quarantine": None if quarantine is None else str(quarantine),
            }
        )
    else:
        bars = int(panel.mask.sum())
        _print_findings(findings, f"{panel.source}: {bars:,} bar{'s' if bars != 1 else ''}")
        _print_next(findings, quarantine, len(proposed))
    if strict and any(each.severity == "error" for each in findings):
        raise typer.Exit(1)


@data.command()
def diff(
    ticker: Annotated[str, typer.Argument(help="Symbol as it is in the store.")],
    interval: Annotated[str, typer.Option(help="Bar length.")] = "1d",
    older: Annotated[
        int | None,
        typer.Option(help="A generation; the one before the newer by default.", min=1),
    ] = None,
    newer: Annotated[
        int | None, typer.Option(help="A generation; the current one by default.", min=1)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what a source changed in the history that it had given before.

    Compares two generations of the store: new splits, rescaled adjustments, revised bars.
    """
    from dataclasses import asdict

    from forecasting.cli.printing import print_json, print_rows, print_text
    from forecasting.market.store import difference

    made = difference.diff(ticker, interval, older, newer)
    if as_json:
        print_json(asdict(made))
        return
    print_text(made.summary)
    if made.changes:
        print()
        print_rows(made.HEADER, made.rows())
    if revised := made.revision_rows():
        print()
        print_rows(made.REVISION_HEADER, revised)


def _refuse_to_overwrite(path: Path) -> None:
    """A quarantine is edited by hand: never write over one.

    Raises:
        DataError: There is such a file.
    """
    from forecasting.errors import DataError

    if path.exists():
        raise DataError(
            f"{path} is there already: expected a new name, for a quarantine is edited by hand. "
            "Choose another name, or delete it."
        )


def _print_findings(findings: Sequence["Finding"], what: str) -> None:
    from forecasting.cli.printing import print_rows, print_text
    from forecasting.market.checks.summary import by_check, events

    print_text(f"{what}, {len(findings) or 'no'} finding{'s' if len(findings) != 1 else ''}")
    if not findings:
        return
    print()
    lines = [
        (each.severity, each.check, f"{each.findings:,}", f"{each.tickers:,}", each.dates)
        for each in by_check(findings)
    ]
    print_rows(_SUMMARY, lines)
    loud = events([each for each in findings if each.severity != "note"])
    if not loud:
        return
    print()
    shown = loud[:_LISTED]
    print_rows(
        _EVENTS,
        [
            (each.finding.severity, each.finding.check, each.who, each.when, each.finding.seen)
            for each in shown
        ],
    )
    if len(shown) < len(loud):
        print(f"... and {len(loud) - len(shown)} more of this kind; --json has all")


def _print_next(findings: Sequence["Finding"], quarantine: Path | None, proposed: int) -> None:
    """What to do about each kind of finding, and about the file."""
    from forecasting.cli.printing import print_notes

    steps: dict[str, set[str]] = {}
    for each in findings:
        steps.setdefault(each.next_step, set()).add(each.check)
    notes = [f"next, {' and '.join(sorted(checks))}: {step}" for step, checks in steps.items()]
    if quarantine is not None:
        notes.append(
            f"next: read {quarantine}, {proposed} lines, delete those that you do not believe, and "
            "pass it as --quarantine to train, evaluate, forecast, backtest, compare or report."
        )
    elif proposed:
        notes.append("next: --quarantine FILE writes the bars to leave out, for you to edit.")
    if notes:
        print()
        print_notes(notes)
