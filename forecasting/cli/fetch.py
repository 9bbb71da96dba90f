"""`forecasting fetch`: prices from a source into the local store."""

from typing import Annotated

import typer

from forecasting.cli import options


def fetch(
    tickers: Annotated[list[str], typer.Argument(help="Symbols as the source spells them.")],
    source: Annotated[str, typer.Option(help="Where to fetch from: yahoo.")] = "yahoo",
    start: options.Start = "2000-01-01",
    end: options.End = None,
    as_json: options.Json = False,
) -> None:
    """Fetch prices into the local store.

    What arrives is kept, even if some tickers fail; then the exit code is 1.
    """
    from forecasting.cli.printing import print_json, print_notes, print_rows
    from forecasting.cli.progress import ticker_progress
    from forecasting.errors import SourceError
    from forecasting.market.store import fetch as fetch_into_store

    with ticker_progress(len(tickers), visible=not as_json) as advance:
        report = fetch_into_store(tickers, source, start=start, end=end, progress=advance)
    if as_json:
        stored = [
            {"ticker": each.ticker, "bars": each.rows, "first": each.first, "last": each.last}
            for each in report.stored
        ]
        print_json({"stored": stored, "failed": report.failed, "null_bars": report.null_bars})
    else:
        rows = [(each.ticker, f"{each.rows:,}", each.first, each.last) for each in report.stored]
        print_rows(("ticker", "bars", "first", "last"), rows)
        print()
        notes = [
            f"{t}: {n} bars without a close left out." for t, n in report.null_bars.items() if n
        ]
        print_notes([*notes, "next: forecasting train --prices store"])
    if report.failed:
        ticker, reason = next(iter(report.failed.items()))
        raise SourceError(
            f"{len(report.failed)} of {len(report.failed) + len(report.stored)} tickers did not "
            f"arrive ({', '.join(report.failed)}), {ticker} because: {reason} The others are "
            "stored; fetch these again."
        )
