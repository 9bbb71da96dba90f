"""`forecasting forecast`: the distribution of the next bars."""

from pathlib import Path
from typing import Annotated

import typer

from forecasting.cli import options


def check_png(path: Path | None) -> Path | None:
    """The path itself if it names a PNG file.

    Raises:
        typer.BadParameter: It names another one.
    """
    if path is not None and path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} is no PNG: expected a name that ends in .png.")
    return path


def forecast(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    asof: Annotated[
        str | None,
        typer.Option(
            help="Forecast after this day's close; the newest by default.",
            callback=options.check_date,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw the fan charts into this PNG.", callback=check_png),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Adapt the bands by all outcomes known at the origin."),
    ] = False,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    as_json: options.Json = False,
) -> None:
    """Forecast the next bars, as distributions.

    Volatility, chance of a rise and quantiles of the log return, for each ticker and horizon.
    """
    from forecasting.cli.printing import print_json, print_notes, print_table, print_text
    from forecasting.cli.progress import progress_line

    with progress_line("loading", visible=not as_json) as say:
        from forecasting.forecaster import load_forecaster
        from forecasting.market.survivorship import survivorship
        from forecasting.workflow.forecast_notes import seen_origins, short_histories
        from forecasting.workflow.loading import load_for
        from forecasting.workflow.places import write_figure

        forecaster = load_forecaster(model)
        panel = load_for(
            forecaster,
            prices,
            tickers,
            end=asof,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        say(f"forecasts of {forecaster.name}")
        made = forecaster.forecast(panel)
        state = None
        if calibrate:
            from forecasting.evaluation.calibration.calibrate import run_calibration

            say("calibration")
            calibration = run_calibration(made, panel)
            made, state = calibration.forecast, calibration.state()
        made = made.select(tickers) if tickers else made
        table = made.latest()
        members = () if panel.member is None else (survivorship(panel),)
        notes = (
            *made.notes,
            *seen_origins(forecaster.corpus, table["origin"].to_numpy()),
            *short_histories(forecaster.corpus, panel.select(made.tickers)),
            *members,
        )
        if plot is not None:
            say("fan charts")
            write_figure(made.plot(panel), plot)
    if as_json:
        extra = {} if state is None else {"calibration": state}
        print_json({"model": model, "notes": notes, "forecasts": table, **extra})
        return
    from forecasting.report.captions import FORECASTS
    from forecasting.report.tables import forecast_table, moment

    origins = table["origin"].unique()
    when = f"after the close of {moment(origins[0])}" if len(origins) == 1 else "newest forecasts"
    print_text(f"{made.name}, {when}")
    print()
    print_table(forecast_table(table))
    print()
    print_notes([FORECASTS, *notes, "Not investment advice."])
