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
    against: options.Against = None,
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
        from forecasting.workflow import judging

        made = judging.evaluate(
            forecaster,
            panel,
            tickers=tickers,
            start=start,
            end=end,
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
        said = write_evaluation(forecaster, made, panel, full=full)
    if as_json:
        print_json(made.to_dict())
    else:
        print_evaluation(made)
        if said:
            print(said)
    if track:
        # After it: a store that does not answer must not cost the result.
        from forecasting.workflow.tracking import track_evaluation

        with progress_line("tracking", visible=not as_json):
            track_evaluation(forecaster, made)
