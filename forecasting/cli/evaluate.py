"""`forecasting evaluate`: baselines, verdicts, calibration."""

from forecasting.cli import options


def evaluate(
    model: options.Model,
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    track: options.Track = True,
    as_json: options.Json = False,
) -> None:
    """Baselines, verdicts, calibration.

    Scores a model on bars that it has not seen, on the same cells as its baselines and its twin.
    """
    from forecasting.cli.printing import print_evaluation, print_json, progress_line
    from forecasting.forecaster import load_forecaster
    from forecasting.workflow import judging
    from forecasting.workflow.loading import load_for
    from forecasting.workflow.tracking import track_evaluation

    forecaster = load_forecaster(model)
    panel = load_for(forecaster, prices, tickers, end=end, missing=missing)
    with progress_line(visible=not as_json) as say:
        made = judging.evaluate(
            forecaster, panel, tickers=tickers, start=start, end=end, progress=say
        )
        if track:
            say("tracking")
            track_evaluation(forecaster, made)
    if as_json:
        print_json(made.to_dict())
    else:
        print_evaluation(made)
