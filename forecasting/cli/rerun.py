"""`forecasting rerun`: an old run's forecasts again, compared bit by bit."""

from typing import Annotated

import typer

from forecasting.cli import options


def rerun(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID",
            help="MLflow run of a training: its id, the first characters of it, or the model that "
            "it made.",
            autocompletion=options.complete_model,
        ),
    ],
    train: Annotated[
        bool, typer.Option("--train", help="Also repeat the training, and compare the weights.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make an old run's forecasts again, and compare them bit by bit.

    On its own prices, as they were then, with its own model. Exits with 1 if anything differs.
    """
    from forecasting.cli.printing import print_json, print_notes, print_text
    from forecasting.cli.progress import progress_line

    with progress_line("loading", visible=not as_json) as say:
        from forecasting.workflow.rerun import rerun as rerun_run

        made = rerun_run(run, train=train, progress=say)
    if as_json:
        print_json(made.to_dict())
    else:
        print_text(f"{made.name}, run {made.run_id}")
        print_text(f"prices as they were: {made.source}, vintage {made.vintage[:12]}")
        print_text(made.forecasts.summary)
        if made.weights is not None and made.trained_forecasts is not None:
            print_text(f"trained again: {made.weights.summary}")
            print_text(f"trained again: {made.trained_forecasts.summary}")
        print_notes(made.notes)
    if not made.identical:
        raise typer.Exit(1)
