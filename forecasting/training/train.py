"""Train a model and its twin, write the folder, track the run: what `forecasting train` does."""

import shutil
import time
from pathlib import Path
from typing import Any

from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.model_folder import (
    FILES,
    WEIGHTS,
    ModelFiles,
    read_folder,
    write_folder,
)
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel
from forecasting.training.card import model_card
from forecasting.training.checkpoints import find_checkpoint
from forecasting.training.examples import Examples, prepare
from forecasting.training.fit import Fit, fit
from forecasting.training.tracking import Run, open_run, provenance

TWIN_RECIPE = "gru-twin"
TWIN_FOLDER = "twin"
CHECKPOINTS = "checkpoints"
# Present from the start of a training to its end: names the MLflow run to continue.
RUN_FILE = "unfinished_run"


def train(
    prices: Panel,
    recipe: str | Path | Recipe = "jamba-tiny",
    *,
    out: str | Path | None = None,
    overrides: tuple[str, ...] = (),
    twin: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> NetworkForecaster:
    """Train a recipe on prices and write a model folder, tracked as one MLflow run.

    Beside the model, in `<out>/twin`, its GRU twin is trained on the same windows: the baseline
    that shows whether the architecture earns its keep.

    Args:
        prices: Panel to train, validate and later test on; the recipe's dates cut it.
        recipe: Recipe, its name, or a YAML file.
        out: Model folder to write; `runs/<name>` by default.
        overrides: `section.key=value` changes of the recipe.
        twin: Also train the GRU twin.
        resume: Continue an interrupted training of the same recipe and prices in `out`.
        overwrite: Replace a model that is already in `out`.
        progress: Show progress bars on stderr.

    Returns:
        The trained model.

    Raises:
        ConfigError: The recipe is not valid, `out` already holds a model, or what is there to
            resume is another training.
        DataError: The prices do not suffice.
        ModelFileError: A checkpoint is damaged.
        TrackingError: The MLflow store cannot be reached.
        ValueError: Overrides of a recipe that is not read from a file.
    """
    if isinstance(recipe, Recipe) and overrides:
        raise ValueError("overrides change a recipe that is read by name or from a file")
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    folder = Path(out) if out is not None else paths.runs() / recipe.name
    interrupted = _interrupted_run(folder)
    resume = resume and interrupted is not None
    _require_free(folder, overwrite=overwrite)
    examples = prepare(recipe, prices)
    if resume:
        _require_same(folder, recipe, examples.corpus)
    # From here on only a crash or an interrupt stops it, and `resume` continues after both.
    with open_run(recipe.name, interrupted if resume else None) as run:
        if run.run_id != interrupted:
            run.log_params(_parameters(recipe, examples.corpus))
        _claim(folder, run.run_id, resume=resume)
        _train_one(recipe, examples, folder, run, resume=resume, progress=progress)
        if twin and recipe.name != TWIN_RECIPE:
            _train_one(
                twin_recipe(recipe),
                examples,
                folder / TWIN_FOLDER,
                run,
                resume=resume,
                progress=progress,
                prefix="twin_",
            )
        model = load_forecaster(folder)
        fresh = model.forecast(prices).between(examples.dates.validation_start)
        run.log_table(fresh.to_frame(), "forecasts")
        run.log_model(folder)
    (folder / RUN_FILE).unlink()
    return model


def twin_recipe(recipe: Recipe) -> Recipe:
    """The GRU twin of a recipe: other network, same data, same windows, same number of steps."""
    twin = load_recipe(TWIN_RECIPE)
    same = ("context_length", "batch_size", "max_steps", "validate_every", "patience", "seed")
    shared = {name: getattr(recipe.training, name) for name in same}
    return twin.model_copy(
        update={"data": recipe.data, "training": twin.training.model_copy(update=shared)}
    )


def _require_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder in which training would destroy something."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: expected a folder to write. Choose another --out.")
    taken = [name for name in (*reversed(FILES), TWIN_FOLDER) if (folder / name).exists()]
    if taken and not overwrite and _interrupted_run(folder) is None:
        raise ConfigError(
            f"{folder} already holds a model ({taken[0]}): expected a new folder. Choose another "
            "--out, or pass --overwrite."
        )


def _require_same(folder: Path, recipe: Recipe, corpus: Corpus) -> None:
    """Refuse to continue a training of something else."""
    if (folder / WEIGHTS).is_file():
        there = read_folder(folder)
        if (there.recipe, there.corpus) != (_resolved(recipe, corpus), corpus):
            raise ConfigError(
                f"{folder} holds a model of another recipe or of other prices: expected the same "
                "to resume. Train without --resume, or with the first settings."
            )
    for part, own in ((folder, recipe), (folder / TWIN_FOLDER, twin_recipe(recipe))):
        find_checkpoint(part / CHECKPOINTS, own, corpus.vintage)


def _claim(folder: Path, run_id: str, *, resume: bool) -> None:
    """Mark a folder as being trained in, emptied of what an earlier training left."""
    if not resume:
        for name in (*reversed(FILES), RUN_FILE):
            (folder / name).unlink(missing_ok=True)
        for name in (TWIN_FOLDER, CHECKPOINTS):
            shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).write_text(run_id, encoding="utf-8")


def _interrupted_run(folder: Path) -> str | None:
    """MLflow id of the run that was interrupted in this folder."""
    note = folder / RUN_FILE
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def _resolved(recipe: Recipe, corpus: Corpus) -> Recipe:
    """The recipe with the feature variant that its weights need, whatever `auto` would choose."""
    data = recipe.data.model_copy(update={"features": corpus.features})
    return recipe.model_copy(update={"data": data})


def _train_one(
    recipe: Recipe,
    examples: Examples,
    folder: Path,
    run: Run,
    *,
    resume: bool,
    progress: bool,
    prefix: str = "",
) -> None:
    """Fit one network and write its folder, unless an interrupted run had already done so."""
    if resume and (folder / WEIGHTS).is_file():
        return
    started = time.perf_counter()
    fitted = fit(
        recipe,
        examples.sequences,
        examples.split,
        checkpoints=folder / CHECKPOINTS,
        resume=resume,
        report=lambda metrics, step: run.log_metrics(
            {prefix + name: value for name, value in metrics.items()}, step
        ),
        progress=progress,
    )
    metrics = _metrics(recipe, fitted, run, time.perf_counter() - started)
    card = model_card(recipe, examples.corpus, metrics)
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


def _parameters(recipe: Recipe, corpus: Corpus) -> dict[str, Any]:
    """The resolved recipe and the data's identity as flat MLflow parameters."""
    tree = recipe.model_dump(mode="json")
    flat = {"recipe": tree.pop("name")}
    for section, values in tree.items():
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return flat | {
        "data.source": corpus.source,
        "data.vintage": corpus.vintage,
        "data.n_tickers": len(corpus.tickers),
        "data.resolved_features": corpus.features,
        "data.resolved_test_start": corpus.test_start,
        **provenance(),
    }
