"""`forecasting report`: verdicts, backtests and figures on one page."""

from pathlib import Path
from typing import Annotated

import typer

from forecasting.cli import options


def report(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write; report.html in the model's folder.")
    ] = None,
    cost_bps: options.CostBps = 5.0,
    slippage_bps: options.SlippageBps = 3.0,
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """All of it on one HTML page.

    Evaluates, backtests three strategies, prints the tables and writes a self-contained report.
    """
    from forecasting.cli.printing import (
        print_backtest,
        print_evaluation,
        print_json,
        print_notes,
        progress_line,
    )
    from forecasting.forecaster import load_forecaster
    from forecasting.workflow import judging
    from forecasting.workflow.loading import load_for
    from forecasting.workflow.tracking import track_report

    forecaster = load_forecaster(model)
    panel = load_for(forecaster, prices, tickers, end=end, missing=missing)
    target = out or Path(str(forecaster.folder)) / "report.html"
    with progress_line(visible=not as_json) as say:
        made = judging.report(
            forecaster,
            panel,
            target,
            tickers=tickers,
            start=start,
            end=end,
            cost_bps=cost_bps,
            slippage_bps=slippage_bps,
            progress=say,
        )
        if track:
            say("tracking")
            track_report(made, target)
    if as_json:
        print_json({"report": str(target), **made.to_dict()})
        return
    print_evaluation(made.evaluation)
    for book in made.books:
        print()
        print_backtest(book)
    print()
    known = set(made.evaluation.notes)
    print_notes(list(dict.fromkeys(n for b in made.books for n in b.notes if n not in known)))
    print(f"report: {target}")
