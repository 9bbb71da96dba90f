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

    What arrives is kept, even if some tickers fail.
    """
    import pandas as pd

    from forecasting.cli.printing import print_json, print_notes, print_table, ticker_progress
    from forecasting.market.store import fetch as fetch_into_store

    with ticker_progress(len(tickers), visible=not as_json) as advance:
        report = fetch_into_store(tickers, source, start=start, end=end, progress=advance)
    rows = [
        {"ticker": each.ticker, "bars": each.rows, "first": each.first, "last": each.last}
        for each in report.stored
    ]
    if as_json:
        print_json({"stored": rows, "failed": report.failed, "null_bars": report.null_bars})
        return
    print_table(pd.DataFrame(rows))
    print_notes(
        [
            *(f"{t}: {n} bars without a close left out" for t, n in report.null_bars.items() if n),
            *(f"FAILED {ticker}: {reason}" for ticker, reason in report.failed.items()),
            "next: forecasting train --prices store",
        ]
    )
