"""`forecasting train`: a recipe and prices become a model folder and an MLflow run."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from forecasting.cli import options


def train(
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe name under models/, or a YAML file.",
            autocompletion=options.complete_recipe,
        ),
    ] = "jamba-tiny",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change the recipe: section.key=value. Repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same as --set training.seed=N.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Model folder to write; runs/<recipe> by default.")
    ] = None,
    twin: Annotated[bool, typer.Option(help="Train the GRU twin on the same windows too.")] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model in --out.")
    ] = False,
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    as_json: options.Json = False,
) -> None:
    """Train a model and its GRU twin.

    Writes a model folder, tracks the run in MLflow, and says what the model learnt over the
    baseline that it started as.
    """
    from forecasting.cli.printing import print_json, print_text
    from forecasting.cli.progress import progress_line
    from forecasting.config import load_recipe

    seeds = [] if seed is None else [f"training.seed={seed}"]
    resolved = load_recipe(recipe, (*(set_ or []), *seeds))
    with progress_line("loading", visible=not as_json):
        from forecasting.market.sources import load_prices

        panel = load_prices(prices, tickers, start=start, end=end, missing=missing)
        from forecasting.training.train import train as train_model

    model = train_model(
        panel,
        resolved,
        out=out,
        twin=twin,
        resume=resume,
        overwrite=overwrite,
        progress=not as_json,
    )
    metrics, corpus = model.files.metrics, model.corpus
    if as_json:
        print_json({"model": str(model.folder), "metrics": metrics, "corpus": corpus.model_dump()})
        return
    gain = metrics["baseline_validation_nll"] - metrics["validation_nll"]
    print_text(
        f"{model.name}: {len(corpus.tickers)} tickers, features {corpus.features}, "
        f"{metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s"
    )
    print_text(
        f"validation gain over EWMA-t {gain:+.4f} nats a bar (it chose the weights: no verdict)"
    )
    print(f"model in {model.folder}, MLflow run {metrics['mlflow_run_id']}")
    following = ["forecasting", "evaluate", str(model.folder), *(tickers or ()), "--prices", prices]
    print(f"next: {shlex.join(following)}")
