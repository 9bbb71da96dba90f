"""`forecasting evaluate`: baselines, verdicts, calibration."""

from forecasting.cli import options


def evaluate(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    start: options.TestStart = None,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    open_holdout: options.OpenHoldout = False,
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Judge a model: baselines, verdicts, calibration.

    Scores a model on bars that it has not seen, on the same cells as its baselines and its twin.
    """
    from forecasting.cli.printing import print_evaluation, print_json
    from forecasting.cli.progress import progress_line

    with progress_line("loading", visible=not as_json) as say:
        from forecasting.forecaster import load_forecaster
        from forecasting.workflow.loading import load_for

        forecaster = load_forecaster(model)
        panel = load_for(
            forecaster,
            prices,
            tickers,
            end=end,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        from forecasting.workflow import judging

        made = judging.evaluate(
            forecaster,
            panel,
            tickers=tickers,
            start=start,
            end=end,
            open_holdout=open_holdout,
            track=track,
            progress=say,
        )
    if as_json:
        print_json(made.to_dict())
    else:
        print_evaluation(made)
    if track:
        from forecasting.workflow.evaluated_card import write_evaluation
        from forecasting.workflow.tracking import track_evaluation

        full = (tickers, start, end, open_holdout) == (None, None, None, False)
        said = write_evaluation(forecaster, made, panel, full=full)
        if not as_json:
            print(said)
        with progress_line("tracking", visible=not as_json):
            track_evaluation(forecaster, made)
