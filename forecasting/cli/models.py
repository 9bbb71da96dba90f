"""`forecasting models`: what there is to forecast with, and to train."""

from forecasting.cli import options


def models(as_json: options.Json = False) -> None:
    """List recipes and trained models."""
    from forecasting import paths
    from forecasting.cli.printing import print_json, print_notes, print_rows
    from forecasting.errors import ForecastingError
    from forecasting.forecaster.model_folder import RECIPE, WEIGHTS, read_folder

    rows, damages = [], {}
    for root in (paths.shipped_models(), paths.runs()):
        for folder in sorted(file.parent for file in root.glob(f"*/{RECIPE}")):
            state = "a recipe, not trained"
            if (folder / WEIGHTS).is_file():
                try:
                    corpus = read_folder(folder).corpus
                    state = (
                        f"{len(corpus.tickers)} tickers, {corpus.interval} {corpus.features}, "
                        f"unseen from {corpus.test_start[:10]}"
                    )
                except ForecastingError as error:
                    state = "damaged"
                    damages[folder.name] = str(error)
            rows.append({"model": folder.name, "state": state, "folder": str(folder)})
    if as_json:
        print_json({"models": rows, "damaged": damages})
        return
    print_rows(("model", "state", "folder"), [tuple(row.values()) for row in rows])
    print_notes(list(damages.values()))
