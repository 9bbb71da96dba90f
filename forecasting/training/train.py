"""Train a model and its twin, write the folder, track the run: what `forecasting train` does."""

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError
from forecasting.forecaster.corpus import Corpus, Parent
from forecasting.forecaster.holdout import seal
from forecasting.forecaster.model_folder import WEIGHTS, ModelFiles, read_folder, write_folder
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.openings import read_openings
from forecasting.market.panel import Panel
from forecasting.market.price_record import PriceRecord, record_prices
from forecasting.nn.adapters import Tune
from forecasting.training.card import model_card
from forecasting.training.checkpoints import (
    CHECKPOINTS,
    TWIN_FOLDER,
    claim,
    find_checkpoint,
    interrupted_run,
    release,
    require_free,
)
from forecasting.training.distillation import fit_recipe, networks_to_fit
from forecasting.training.environment import environment
from forecasting.training.examples import (
    Examples,
    Pretrained,
    choose_recipe,
    prepare,
    start_from,
)
from forecasting.training.fit import Fit
from forecasting.training.tracking import Run, open_run, provenance

TWIN_RECIPE = "gru-twin"
PRICES = "prices"
"""Name of the run's file that says which prices it was made on; see `PriceRecord`."""
FORECASTS = "forecasts"
"""Name of the run's table of the model's forecasts from the first validation bar on."""
ENVIRONMENT = "environment."
"""What the parameters begin with that say what the run was computed with."""


def train(
    prices: Panel,
    recipe: str | Path | Recipe | None = None,
    *,
    from_model: str | Path | None = None,
    tune: Tune = "all",
    out: str | Path | None = None,
    overrides: tuple[str, ...] = (),
    twin: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    parent: str | None = None,
) -> NetworkForecaster:
    """Train a recipe on prices and write a model folder, tracked as one MLflow run.

    Beside the model, in `<out>/twin`, its GRU twin is trained on the same windows: the baseline
    that shows whether the architecture earns its keep.

    With `from_model` the training starts from that model's weights, in that model's units (see
    `forecasting.training.examples`); the twin starts from nothing all the same. What the model had
    seen counts as seen by the new one.

    Args:
        prices: Panel to train, validate and later test on; the recipe's dates cut it. Bars of its
            sealed hold-out are cut off before anything else.
        recipe: Recipe, its name, or a YAML file; by default that of `from_model`, renamed and
            learning more gently, else `jamba-small`.
        from_model: Trained model to start from, by folder or name.
        tune: What of it learns on: `all`, the `head` and the norms, or these and low-rank
            `adapters`.
        out: Model folder to write; `runs/<name>` by default.
        overrides: `section.key=value` changes of the recipe.
        twin: Also train the GRU twin.
        resume: Continue an interrupted training of the same recipe and prices in `out`.
        overwrite: Replace a model, or an interrupted training, that is already in `out`.
        progress: Show progress bars on stderr.
        parent: MLflow run that this training's is shown below.

    Returns:
        The trained model.

    Raises:
        ConfigError: The recipe is not valid or does not fit `from_model`, `out` already holds a
            model or an interrupted training, or what is there to resume is another training.
        DataError: The prices do not suffice.
        ModelFileError: A checkpoint or `from_model` is damaged.
        TrackingError: The MLflow store cannot be reached.
        ValueError: Overrides of a recipe that is not read from a file.
    """
    start = start_from(from_model, tune)
    recipe, prices = seal(choose_recipe(recipe, overrides, start), prices)
    folder = Path(out) if out is not None else paths.runs() / recipe.name
    interrupted = interrupted_run(folder)
    resume = resume and interrupted is not None
    origin = start.model.folder if start else None
    require_free(folder, overwrite=overwrite or resume, origin=origin)
    examples = prepare(recipe, prices, start)
    if resume:
        _require_same(folder, recipe, examples.corpus)
    record = record_prices(prices)
    # From here on only a crash or an interrupt stops it, and `resume` continues after both.
    with open_run(recipe.name, interrupted if resume else None, parent=parent) as run:
        if run.run_id != interrupted:
            run.log_params(_parameters(recipe, examples.corpus, record, start))
            run.log_json(record.to_dict(), PRICES)
        claim(folder, run.run_id, resume=resume)
        train_one = partial(_train_one, run=run, resume=resume, progress=progress)
        train_one(recipe, examples, folder, start=start)
        if twin and recipe.name != TWIN_RECIPE:
            alone = examples.without_parents()
            train_one(twin_recipe(recipe), alone, folder / TWIN_FOLDER, prefix="twin_")
        model = load_forecaster(folder)
        fresh = model.forecast(prices).between(examples.dates.validation_start)
        run.log_table(fresh.to_frame(), FORECASTS)
        run.log_model(folder)
    release(folder)
    return model


def twin_recipe(recipe: Recipe) -> Recipe:
    """The GRU twin of a recipe: other mixers, same law, data, windows and number of steps."""
    twin = load_recipe(TWIN_RECIPE)
    # What is answered, which windows make a batch, and what is learnt beside.
    same_network = ("distribution", "cross_asset", "tasks")
    network = twin.network.model_copy(
        update={name: getattr(recipe.network, name) for name in same_network}
    )
    same = (
        *("context_length", "batch_size", "max_steps", "sampling"),
        *("validate_every", "patience", "seed"),
        *("horizon_weights", "task_weights", "distillation"),
    )
    shared = {name: getattr(recipe.training, name) for name in same}
    training = twin.training.model_copy(update=shared)
    return twin.model_copy(update={"data": recipe.data, "network": network, "training": training})


def _require_same(folder: Path, recipe: Recipe, corpus: Corpus) -> None:
    """Refuse to continue a training of something else."""
    if (folder / WEIGHTS).is_file():
        there = read_folder(folder)
        if (there.recipe, there.corpus) != (_resolved(recipe, corpus), corpus):
            raise ConfigError(
                f"{folder} holds a model of another recipe, of other prices or of another start: "
                "expected the same to resume. Train with --overwrite instead of --resume, or with "
                "the first settings."
            )
    _require_same_checkpoints(folder, recipe, corpus.vintage, corpus.parents)
    _require_same_checkpoints(folder / TWIN_FOLDER, twin_recipe(recipe), corpus.vintage)


def _require_same_checkpoints(
    folder: Path, recipe: Recipe, vintage: str, lineage: tuple[Parent, ...] = ()
) -> None:
    for name, one in networks_to_fit(recipe).items():
        find_checkpoint(folder / CHECKPOINTS / name, one, vintage, lineage)


def _resolved(recipe: Recipe, corpus: Corpus) -> Recipe:
    """The recipe with the feature variant that its weights need, whatever `auto` would choose."""
    data = recipe.data.model_copy(update={"features": corpus.features})
    return recipe.model_copy(update={"data": data})


def _train_one(
    recipe: Recipe,
    examples: Examples,
    folder: Path,
    *,
    run: Run,
    resume: bool,
    progress: bool,
    start: Pretrained | None = None,
    prefix: str = "",
) -> None:
    """Fit one network and write its folder, unless an interrupted run had already done so."""
    if resume and (folder / WEIGHTS).is_file():
        return
    started = time.perf_counter()
    fitted = fit_recipe(
        recipe,
        examples.sequences,
        examples.split,
        checkpoints=folder / CHECKPOINTS,
        start=start,
        resume=resume,
        report=lambda metrics, step: run.log_metrics(
            {prefix + name: value for name, value in metrics.items()}, step
        ),
        progress=progress,
    )
    metrics = _metrics(recipe, fitted, run, time.perf_counter() - started)
    if start is not None:
        metrics["zero_shot_validation_nll"] = fitted.start_nll
        metrics["learning_parameters"] = fitted.n_learning
    if fitted.teacher_nll:
        metrics["teacher_validation_nll"] = list(fitted.teacher_nll)
    if examples.untaught:
        metrics["untaught_tasks"] = list(examples.untaught)
    openings = read_openings(folder)
    card = model_card(recipe, examples.corpus, examples.dates, metrics, openings)
    files = ModelFiles(_resolved(recipe, examples.corpus), examples.corpus, metrics, card)
    write_folder(folder, files, fitted.network.state_dict())
    shutil.rmtree(folder / CHECKPOINTS)
    run.log_metrics(
        {f"{prefix}best_{k}": v for k, v in metrics.items() if isinstance(v, int | float)}
    )


def _metrics(recipe: Recipe, fitted: Fit, run: Run, seconds: float) -> dict[str, Any]:
    return {
        "validation_nll": fitted.best_nll,
        "baseline_validation_nll": fitted.baseline_nll,
        "best_step": fitted.best_step,
        "parameters": sum(p.numel() for p in fitted.network.parameters()),
        "seed": recipe.training.seed,
        "seconds": round(seconds, 1),
        "mlflow_run_id": run.run_id,
        **provenance(),
    }


def _parameters(
    recipe: Recipe, corpus: Corpus, record: PriceRecord, start: Pretrained | None
) -> dict[str, Any]:
    """The resolved recipe, the data's identity and the start as flat MLflow parameters."""
    tree = recipe.model_dump(mode="json")
    flat = {"recipe": tree.pop("name")}
    for section, values in tree.items():
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    for origin in corpus.parents[-1:]:
        flat |= {"from_model": origin.name, "from_weights": origin.weights, "tune": origin.tune}
    if start is not None and start.model.folder is not None:
        flat |= {"from_folder": str(start.model.folder.resolve())}
        flat |= {"from_run": start.model.files.metrics.get("mlflow_run_id", "unknown")}
    if corpus.universe is not None:
        flat |= {"data.universe": corpus.universe}
    if record.request is not None and record.request.quarantine is not None:
        flat |= {"data.quarantine": record.request.quarantine.sha256}
    return flat | {
        "data.source": corpus.source,
        "data.request": record.request.source if record.request else "memory",
        "data.vintage": corpus.vintage,
        "data.n_tickers": len(corpus.tickers),
        "data.resolved_features": corpus.features,
        "data.resolved_test_start": corpus.test_start,
        **provenance(),
        **{f"{ENVIRONMENT}{name}": value for name, value in environment().items()},
    }
