"""`forecasting models`: what there is to forecast with, and to train."""

from pathlib import Path
from typing import Any

from forecasting.cli import options

_HEADS = ("model", "parameters", "active", "KiB", "context", "gain", "trained on", "folder")


def models(as_json: options.Json = False) -> None:
    """List recipes and trained models.

    With their sizes, the bars of a training window, and what training gained over the baseline.
    """
    from forecasting import paths
    from forecasting.cli.printing import print_json, print_notes, print_rows
    from forecasting.errors import ForecastingError
    from forecasting.forecaster.model_folder import RECIPE

    rows, damages = [], {}
    for root in (paths.shipped_models(), paths.runs()):
        for folder in sorted(file.parent for file in root.glob(f"*/{RECIPE}")):
            try:
                rows.append(_describe(folder))
            except ForecastingError as error:
                damages[folder.name] = str(error)
                rows.append({"model": folder.name, "state": "damaged", "folder": str(folder)})
    if as_json:
        print_json({"models": rows, "damaged": damages})
        return
    print_rows(_HEADS, [_cells(row) for row in rows])
    print_notes([*damages.values(), _CAPTION])


_CAPTION = (
    "Parameters are all, and those that one bar meets; of a recipe whose features the prices "
    "decide, on closes. KiB: what is kept of a ticker's past. Gain: validation nats a bar over "
    "EWMA-t (it chose the weights: no verdict)."
)


def _describe(folder: Path) -> dict[str, Any]:
    """What a recipe makes, and what became of it where it has been trained.

    Raises:
        ForecastingError: A file of the folder is damaged.
    """
    from forecasting.config import load_recipe
    from forecasting.forecaster.model_folder import RECIPE, WEIGHTS, read_folder
    from forecasting.forecaster.network_forecaster import build_network
    from forecasting.market.features import feature_names
    from forecasting.nn.sizes import sizes
    from forecasting.report.captions import counted

    state, gain = "a recipe, not trained", None
    recipe = load_recipe(folder / RECIPE)
    variant = "close" if recipe.data.features == "auto" else recipe.data.features
    if (folder / WEIGHTS).is_file():
        files = read_folder(folder)
        corpus, metrics = files.corpus, files.metrics
        variant = corpus.features
        state = (
            f"{counted(len(corpus.tickers), 'ticker')}, {corpus.interval} {corpus.features}, "
            f"unseen from {corpus.test_start[:10]}"
        )
        if recipe.data.holdout:
            state += f", {_sealed(folder, str(recipe.data.holdout))}"
        gain = metrics["baseline_validation_nll"] - metrics["validation_nll"]
    size = sizes(build_network(recipe, feature_names(variant)))
    return {
        "model": folder.name,
        "state": state,
        "parameters": size.parameters,
        "active_parameters": size.active_parameters,
        "state_bytes": size.state_bytes,
        "context_length": recipe.training.context_length,
        "validation_gain": gain,
        "folder": str(folder),
    }


def _sealed(folder: Path, holdout: str) -> str:
    """Where the hold-out begins, and how often it was opened."""
    from forecasting.forecaster.openings import read_openings

    opened = len(read_openings(folder))
    return f"sealed from {holdout}" + (f", opened {opened}x" if opened else "")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row as texts; a damaged folder has no sizes."""
    if "parameters" not in row:
        return (row["model"], *("-",) * 5, row["state"], row["folder"])
    gain = row["validation_gain"]
    return (
        row["model"],
        f"{row['parameters']:,}",
        f"{row['active_parameters']:,}",
        f"{row['state_bytes'] / 1024:,.1f}",
        f"{row['context_length']:,}",
        "-" if gain is None else f"{gain:+.4f}",
        row["state"],
        row["folder"],
    )
