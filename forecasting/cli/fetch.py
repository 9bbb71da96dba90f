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
    """Fetch daily prices into the local store; what arrived is kept even if some tickers fail."""
    from forecasting.cli.printing import print_json
    from forecasting.errors import SourceError
    from forecasting.market.store import fetch as fetch_into_store

    print(source, tickers, start, end, as_json, print_json, SourceError, fetch_into_store)
