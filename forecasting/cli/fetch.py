"""`forecasting fetch`: prices from a source into the local store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from forecasting.cli import options

if TYPE_CHECKING:  # it takes a second to import, which an error should not have to wait for
    from forecasting.market.fetching.report import Fetched, FetchReport

_DAILY_START = "2000-01-01"
_LISTED = 8
_NEXT_STEP = "`forecasting fetch --resume` asks for the rest."


def fetch(
    tickers: Annotated[
        list[str] | None,
        typer.Argument(help="Symbols as the source spells them; @FILE for one a line."),
    ] = None,
    source: Annotated[str, typer.Option(help="Where to fetch from: yahoo.")] = "yahoo",
    interval: Annotated[
        Literal["1d", "1h", "15m", "5m", "1m"] | None,
        typer.Option(help="Bar length; 1d by default. Yahoo has 1m bars of the last 30 days."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help=f"First day, YYYY-MM-DD; {_DAILY_START} by default, for intraday bars the first "
            "that the source has.",
            callback=options.check_date,
        ),
    ] = None,
    end: options.End = None,
    rate: Annotated[
        float, typer.Option(help="Requests a second; a source bans bursts.", min=0.01, max=10)
    ] = 1.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the last fetch: what did not arrive. A newer fetch takes its place.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Fetch prices into the local store, or bring it up to date.

    What arrives is kept, even if some tickers fail; then the exit code is 1, and --resume asks for
    these again.
    """
    from forecasting.cli.progress import counted_progress
    from forecasting.market.fetching import fetch as market
    from forecasting.market.yahoo.client import Yahoo
    from forecasting.market.yahoo.throttle import Throttle

    if resume and any(given is not None for given in (tickers, interval, start, end)):
        raise typer.BadParameter("--resume goes on with the last fetch: give no more than --rate.")
    if not resume and not tickers:
        raise typer.BadParameter("expected tickers, such as AAPL, or --resume.")
    interval = interval or "1d"
    start = start or (_DAILY_START if interval == "1d" else None)
    wanted = read_tickers(tickers or ())
    client = Yahoo(Throttle(rate))
    with _interruptible(), counted_progress(visible=not as_json) as advance:
        report = (
            market.resume(progress=advance, client=client)
            if resume
            else market.fetch(
                wanted,
                source,
                interval=interval,
                start=start,
                end=end,
                progress=advance,
                client=client,
            )
        )
    if as_json:
        _print_json(report)
    else:
        _print(report)
    _fail_unless_complete(report)


def read_tickers(arguments: Sequence[str]) -> list[str]:
    """The tickers meant: each argument, or for `@FILE` the lines of that file.

    Blank lines and what follows a `#` are left out.

    Raises:
        DataError: A file cannot be read, or a line is no symbol; says which.
    """
    from forecasting.errors import DataError
    from forecasting.market.symbols import check_symbol

    tickers: list[str] = []
    for argument in arguments:
        if not argument.startswith("@"):
            tickers.append(argument)
            continue
        try:
            lines = Path(argument[1:]).expanduser().read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise DataError(
                f"{argument[1:]} cannot be read ({reason}): expected a file of symbols, one a line."
            ) from error
        for number, line in enumerate(lines, start=1):
            if symbol := line.partition("#")[0].strip():
                try:
                    tickers.append(check_symbol(symbol))
                except DataError as error:
                    raise DataError(f"{argument[1:]}, line {number}: {error}") from error
    return tickers


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say how to go on after Ctrl-C, in place of a traceback."""
    from forecasting.errors import SourceError
    from forecasting.market.fetching.report import FetchInterrupted

    try:
        yield
    except FetchInterrupted as stop:
        raise SourceError(
            f"interrupted: {stop.arrived} of {stop.arrived + stop.left} tickers arrived and are "
            f"stored. {_NEXT_STEP}"
        ) from None


def _print(report: "FetchReport") -> None:
    from forecasting.cli.printing import print_notes, print_rows

    if not report.total:
        print("Nothing is left of the last fetch: all of its tickers arrived.")
        return
    if report.stored:
        kept = [(made.new_bars, made.manifest) for made in report.stored.values()]
        rows = [(m.ticker, f"{m.rows:,}", f"{new:,}", m.first, m.last) for new, m in kept]
        print_rows(("ticker", "bars", "new", "first", "last"), rows)
        print()
        notes = [note for made in report.stored.values() for note in _notes(made)]
        interval = kept[0][1].interval
        if interval != "1d":
            notes.append("Intraday prices are not adjusted for dividends: the source does not.")
        store = "store" if interval == "1d" else f"store:interval={interval}"
        print_notes([*notes, f"next: forecasting train --prices {store}"])
    # One failure stands in the error below, more of them need a list.
    if len(report.failed) + len(report.not_tried) > 1:
        print("\ndid not arrive")
        untried = [f"{_some(report.not_tried)}: not finished, because {report.stopped}"]
        print_notes([*report.failed.values(), *(untried if report.not_tried else ())])


def _notes(made: "Fetched") -> list[str]:
    ticker, notes = made.manifest.ticker, []
    if made.note:
        notes.append(f"{ticker}: {made.note}")
    if made.null_bars:
        notes.append(f"{ticker}: {_bars(made.null_bars)} without a close left out.")
    if made.repeated:
        notes.append(f"{ticker}: {_bars(made.repeated)} came twice; the first is kept.")
    if made.difference is not None:
        interval = "" if made.manifest.interval == "1d" else f" --interval {made.manifest.interval}"
        notes.append(
            f"{made.difference.summary}. Its earlier prices are kept as generation "
            f"{made.difference.older}; see `forecasting data diff {ticker}{interval}`."
        )
    return notes


def _print_json(report: "FetchReport") -> None:
    from forecasting.cli.printing import print_json

    def describe(made: "Fetched") -> dict[str, Any]:
        kept, change = made.manifest, made.difference
        return {
            "ticker": kept.ticker,
            "interval": kept.interval,
            "bars": kept.rows,
            "new_bars": made.new_bars,
            "first": kept.first,
            "last": kept.last,
            "generation": kept.generation,
            "vintage": kept.vintage,
            "changes": [] if change is None else [asdict(each) for each in change.changes],
            "null_bars": made.null_bars,
            "repeated_bars": made.repeated,
            "unfinished_bars": made.unfinished,
            "note": made.note,
        }

    print_json(
        {
            "stored": [describe(made) for made in report.stored.values()],
            "failed": report.failed,
            "not_tried": report.not_tried,
            "stopped": report.stopped,
        }
    )


def _fail_unless_complete(report: "FetchReport") -> None:
    from forecasting.errors import SourceError

    if not report.failed and not report.not_tried:
        return
    missing = (*report.failed, *report.not_tried)
    if len(missing) == report.total == 1 and report.failed:
        raise SourceError(report.failed[missing[0]])
    why = (
        f"{missing[0]} because: {report.failed[missing[0]]}"
        if report.failed
        else f"because {report.stopped}"
    )
    others = " The others are stored." if report.stored else ""
    raise SourceError(
        f"{len(missing)} of {report.total} tickers did not arrive ({_some(missing)}), "
        f"{why}{others} {_NEXT_STEP}"
    )


def _some(tickers: Sequence[str]) -> str:
    more = len(tickers) - _LISTED
    return ", ".join(tickers[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _bars(count: int) -> str:
    return f"{count:,} bar{'' if count == 1 else 's'}"
