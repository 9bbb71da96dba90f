"""`forecasting train`: a recipe and prices become a model folder and an MLflow run."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from forecasting.cli import options

if TYPE_CHECKING:  # they take seconds to import, which an error should not have to wait for
    from forecasting.config import Recipe
    from forecasting.forecaster.network_forecaster import NetworkForecaster

Tune = Literal["all", "head", "adapters"]

_WITHOUT_TARGETS = {
    "range_variance": "no prices here have ranges",
    "rank": "no bar here has tickers enough to rank",
}
"""Why a task can have no targets in all of the training rows."""


def train(
    tickers: options.Tickers = None,
    prices: options.Prices = "sample",
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Recipe name under models/, or a YAML file; jamba-small, or the one of --from on "
            "gentler terms, by default.",
            autocompletion=options.complete_recipe,
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from the weights of a trained model: its folder or name.",
            autocompletion=options.complete_model,
            callback=options.say_which,
        ),
    ] = None,
    tune: Annotated[
        Tune,
        typer.Option(
            help="What of --from learns on: all, the head and the norms, or these and low-rank "
            "adapters."
        ),
    ] = "all",
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
        bool, typer.Option("--overwrite", help="Replace the model in --out, or start it over.")
    ] = False,
    start: options.Start = None,
    end: options.End = None,
    missing: options.Missing = "error",
    quarantine: options.Quarantine = None,
    universe: options.Universe = None,
    as_json: options.Json = False,
) -> None:
    """Train a model and its GRU twin.

    Writes a model folder, tracks the run in MLflow, and says what the model learnt over the
    baseline that it started as.
    """
    from forecasting.cli.printing import print_json, print_notes
    from forecasting.cli.progress import progress_line
    from forecasting.training.default_recipe import gentler_note

    seeds = [] if seed is None else [f"training.seed={seed}"]
    resolved = _recipe(recipe, (*(set_ or []), *seeds), from_, tune)
    doubts = resolved.network.doubts()
    with progress_line("loading", visible=not as_json):
        from forecasting.market.sources import load_prices
        from forecasting.market.survivorship import survivorship

        panel = load_prices(
            prices,
            tickers,
            start=start,
            end=end,
            missing=missing,
            quarantine=quarantine,
            universe=universe,
        )
        from forecasting.training.train import train as train_model

    if not as_json:
        print_notes(doubts)
    model = train_model(
        panel,
        resolved,
        from_model=from_,
        tune=tune,
        out=out,
        twin=twin,
        resume=resume,
        overwrite=overwrite,
        progress=not as_json,
    )
    members = [] if panel.member is None else [survivorship(panel)]
    if as_json:
        metrics, corpus = model.files.metrics, model.corpus
        notes = [*doubts, *_result_notes(model), *members]
        print_json(
            {
                "model": str(model.folder),
                "metrics": metrics,
                "corpus": corpus.model_dump(),
                "notes": notes,
            }
        )
        return
    if from_ is not None and recipe is None:
        print(gentler_note(resolved), file=sys.stderr)
    _print_result(model)
    print_notes(members)
    following = ["forecasting", "evaluate", str(model.folder), *(tickers or ()), "--prices", prices]
    for name, table in (("--quarantine", quarantine), ("--universe", universe)):
        following += [] if table is None else [name, str(table)]
    print(f"next: {shlex.join(following)}")


def _recipe(name: str | None, settings: tuple[str, ...], from_: str | None, tune: Tune) -> "Recipe":
    """The recipe with its settings; without a model to start from torch is not needed for it."""
    if from_ is None and tune == "all":
        from forecasting.config import load_recipe
        from forecasting.training.default_recipe import DEFAULT_RECIPE

        return load_recipe(name or DEFAULT_RECIPE, settings)
    from forecasting.training.examples import choose_recipe, start_from

    return choose_recipe(name, settings, start_from(from_, tune))


def _print_result(model: "NetworkForecaster") -> None:
    """Say what was trained, what it learnt, and where it lies."""
    from forecasting.cli.printing import print_notes, print_text

    metrics, corpus = model.files.metrics, model.corpus
    gain = metrics["baseline_validation_nll"] - metrics["validation_nll"]
    print_text(
        f"{model.name}: {len(corpus.tickers)} ticker{'s' if len(corpus.tickers) > 1 else ''}, "
        f"features {corpus.features}, "
        f"{metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s"
    )
    print_text(
        f"validation gain over EWMA-t {gain:+.4f} nats a bar (it chose the weights: no verdict)"
    )
    for parent in corpus.parents[-1:]:
        own = metrics["zero_shot_validation_nll"] - metrics["validation_nll"]
        print_text(
            f"validation gain over {parent.name}, where it starts, {own:+.4f} nats a bar "
            f"({parent.tune}: {metrics['learning_parameters']:,} parameters learnt)"
        )
        scores = {
            "EWMA-t": metrics["baseline_validation_nll"],
            f"{parent.name} as it came": metrics["zero_shot_validation_nll"],
            "fine-tuned": metrics["validation_nll"],
        }
        told = ", ".join(f"{name} {nll:.4f}" for name, nll in scores.items())
        print_text(f"validation NLL, nats a bar (lower is better): {told}")
    print_notes(_result_notes(model))
    print(f"model in {model.folder}, MLflow run {metrics['mlflow_run_id']}")


def _result_notes(model: "NetworkForecaster") -> list[str]:
    """What flatters the score, what had nothing to learn from, and which bars are sealed."""
    holdout = model.files.recipe.data.holdout
    sealed = [f"Sealed hold-out: bars from {holdout} on were not used."] if holdout else []
    untaught = model.files.metrics.get("untaught_tasks", [])
    idle = [f"Task {task}: {_WITHOUT_TARGETS[task]}, nothing was learnt." for task in untaught]
    return [*model.corpus.notes(), *idle, *sealed]
