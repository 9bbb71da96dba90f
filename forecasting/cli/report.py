"""`forecasting report`: verdicts, backtests and figures on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecasting.cli import options

if TYPE_CHECKING:
    from forecasting.report.report import Report


def report(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    out: Annotated[
        Path | None,
        typer.Option(
            help="HTML file to write; report.html in the model's folder, of a shipped model below "
            "runs/."
        ),
    ] = None,
    cost_bps: options.CostBps = 5.0,
    slippage_bps: options.SlippageBps = 3.0,
    start: options.TestStart = None,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    in_sample: options.InSample = False,
    open_holdout: options.OpenHoldout = False,
    against: options.Against = None,
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Judge and trade, on one HTML page.

    Evaluates, backtests three strategies, prints the tables and writes a self-contained report.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import progress_line

    with progress_line("loading", visible=not as_json) as say:
        from forecasting.forecaster import load_forecaster
        from forecasting.forecaster.shipped import results_folder
        from forecasting.workflow.loading import load_for

        forecaster = load_forecaster(model)
        other = None if against is None else load_forecaster(against)
        panel = load_for(
            forecaster,
            prices,
            tickers,
            end=end,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        target = out or results_folder(Path(str(forecaster.folder))) / "report.html"
        from forecasting.workflow import judging

        made = judging.report(
            forecaster,
            panel,
            target,
            tickers=tickers,
            start=start,
            end=end,
            cost_bps=cost_bps,
            slippage_bps=slippage_bps,
            in_sample=in_sample,
            open_holdout=open_holdout,
            against=other,
            track=track,
            progress=say,
        )
    said = ""
    if track:
        from forecasting.workflow.evaluated_card import is_full, write_evaluation

        # Before anything is printed: a closed pipe must not cost the card.
        full = is_full(forecaster, tickers, start, end, open_holdout)
        said = write_evaluation(forecaster, made.evaluation, panel, full=full)
    if as_json:
        print_json({"report": str(target), **made.to_dict()})
    else:
        _print(made, target)
        if said:
            print(said)
    if track:
        # After it: a store that does not answer must not cost the result.
        from forecasting.workflow.tracking import track_report

        with progress_line("tracking", visible=not as_json) as say:
            track_report(made, target, progress=say)


def _print(made: "Report", target: Path) -> None:
    """The evaluation, each strategy, what has to be known, and where the page lies."""
    from forecasting.cli.printing import print_backtest, print_backtest_notes, print_evaluation
    from forecasting.report.captions import chosen

    print_evaluation(made.evaluation)
    for book in made.books:
        print()
        print_backtest(book)
    print()
    print_backtest_notes(
        made.books,
        known=(chosen(made.evaluation.notes), *made.evaluation.notes),
    )
    print(f"\nreport: {target}")
