"""Where a page's numbers come from: the model, its training, the prices, the code."""

from collections import defaultdict

from forecasting import __version__
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel


def provenance(model: NetworkForecaster | None, prices: Panel | None) -> dict[str, str]:
    """Everything that is known of it by name, as text."""
    said = {} if model is None else _of_model(model)
    if prices is not None:
        said |= {"prices": prices.source, "test data hash": prices.vintage}
    metrics = _metrics(model)
    trained = "" if model is None else f"; trained by {metrics['version']}, commit "
    return said | {
        "code": f"forecasting {__version__}{trained}{metrics['git_commit'] if model else ''}"
    }


def _of_model(model: NetworkForecaster) -> dict[str, str]:
    corpus, metrics = model.corpus, _metrics(model)
    validation, test = corpus.validation_start[:10], corpus.test_start[:10]
    return {
        "trained on": f"{len(corpus.tickers)} tickers of {corpus.source}, labels known before "
        f"{validation}",
        "chosen on": f"{validation} to {test}",
        "started from": ", ".join(parent.name for parent in corpus.parents) or "nothing",
        "features": f"{corpus.features}: {', '.join(corpus.feature_names)}",
        "training data hash": corpus.vintage,
        **({"training universe": corpus.universe} if corpus.universe else {}),
        "seed": f"{metrics['seed']} (one training; other seeds will differ)",
        "MLflow run": str(metrics["mlflow_run_id"]),
    }


def _metrics(model: NetworkForecaster | None) -> defaultdict[str, object]:
    return defaultdict(lambda: "unknown", {} if model is None else model.files.metrics)
