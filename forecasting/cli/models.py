"""`forecasting models`: what there is to forecast with, and to train."""

from forecasting.cli import options


def models(as_json: options.Json = False) -> None:
    """List recipes and trained models."""
    import pandas as pd

    from forecasting import paths
    from forecasting.cli.printing import print_json, print_table
    from forecasting.errors import ForecastingError
    from forecasting.forecaster.model_folder import RECIPE, WEIGHTS, read_folder

    rows = []
    for root in (paths.shipped_models(), paths.runs()):
        for folder in sorted(file.parent for file in root.glob(f"*/{RECIPE}")):
            row = {"model": folder.name, "where": str(root), "state": "recipe only, not trained"}
            if (folder / WEIGHTS).is_file():
                try:
                    corpus = read_folder(folder).corpus
                    row["state"] = (
                        f"{len(corpus.tickers)} tickers, {corpus.interval} {corpus.features}, "
                        f"out of sample from {corpus.test_start[:10]}"
                    )
                except ForecastingError as error:
                    row["state"] = f"damaged: {error}"
            rows.append(row)
    if as_json:
        print_json({"models": rows})
    else:
        print_table(pd.DataFrame(rows, columns=["model", "state", "where"]))
