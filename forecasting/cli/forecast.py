"""`forecasting forecast`: the distribution of the next bars."""

from pathlib import Path
from typing import Annotated

import typer

from forecasting.cli import options

_FORMATS = {
    "price": ".2f",
    "volatility": ".2%",
    "prob_up": ".3f",
    **dict.fromkeys(("q05", "q25", "q50", "q75", "q95"), "+.2%"),
}


def forecast(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    asof: Annotated[
        str | None, typer.Option(help="Forecast after this day's close; the newest by default.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the fan charts into this PNG.")
    ] = None,
    missing: options.Missing = "error",
    as_json: options.Json = False,
) -> None:
    """The next bars as distributions.

    Volatility, chance of a rise and quantiles of the log return, for each ticker and horizon.
    """
    from forecasting.cli.printing import print_json, print_notes, print_table
    from forecasting.forecaster import load_forecaster
    from forecasting.workflow.loading import load_for

    forecaster = load_forecaster(model)
    panel = load_for(forecaster, prices, tickers, end=asof, missing=missing)
    made = forecaster.forecast(panel)
    if tickers:
        made = made.select(tickers)
    table = made.latest()
    if plot is not None:
        made.plot(panel).savefig(plot, dpi=120)
    if as_json:
        print_json({"model": model, "notes": made.notes, "forecasts": table})
        return
    print_table(table.drop(columns=["loc", "scale", "df"]), _FORMATS)
    print_notes(
        [
            "volatility and q05..q95 are of the log return over the next `horizon` bars; price is "
            "the adjusted close at the origin. Not investment advice.",
            *made.notes,
        ]
    )
