"""The training of an old run once more: same recipe, seed and start; nothing is tracked."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.nn.adapters import Tune
from forecasting.training.distillation import fit_recipe
from forecasting.training.examples import Pretrained, prepare, start_from
from forecasting.training.past_runs import PastRun, known_run


def train_again(
    past: PastRun, model: NetworkForecaster, prices: Panel, place: Path
) -> NetworkForecaster:
    """Repeat the training of a model.

    Args:
        past: The run that made it.
        model: The model as it was logged; its recipe has the seed in it.
        prices: The run's prices.
        place: Folder for checkpoints, to be removed afterwards.

    Raises:
        ConfigError: The model that it started from is gone.
    """
    recipe = model.files.recipe
    start = _start(past, model, place / "start")
    examples = prepare(recipe, prices, start)
    fitted = fit_recipe(
        recipe,
        examples.sequences,
        examples.split,
        checkpoints=place / "checkpoints",
        start=start,
        progress=False,
    )
    return NetworkForecaster(model.files, fitted.network.cpu())


def _start(past: PastRun, model: NetworkForecaster, place: Path) -> Pretrained | None:
    """The model whose weights the run started from, proven to be it; None if from nothing."""
    if not model.corpus.parents:
        return None
    parent = model.corpus.parents[-1]
    for folder in _places_of_start(past, place):
        try:
            start = start_from(folder, cast(Tune, parent.tune))
        except ModelFileError:
            continue
        if start is not None and start.lineage[-1].weights == parent.weights:
            return start
    raise ConfigError(
        f"run {past.label} started from {parent.name}, whose weights {parent.weights[:12]} are "
        f"neither in the MLflow store nor in {past.params.get('from_folder', 'a folder')} any "
        "more: expected them to repeat the training. Restore them, or leave --train out."
    )


def _places_of_start(past: PastRun, place: Path) -> Iterator[Path]:
    """What its own run logged, which nobody overwrites; then the folder where it lay."""
    origin = known_run(past.params.get("from_run", ""))
    if origin is not None and origin.status == "FINISHED":
        yield origin.fetch_model(place)
    if "from_folder" in past.params:
        yield Path(past.params["from_folder"])
