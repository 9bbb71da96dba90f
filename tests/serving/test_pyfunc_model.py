import pandas as pd
import pytest

import forecasting as fc
from forecasting.training.tracking import tracking_uri


@pytest.fixture
def logged(model_folder, monkeypatch):
    """Address of the model in the store that trained it, and no way to unpickle anything."""
    monkeypatch.setenv("FORECASTING_HOME", str(model_folder.parent))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    run_id = fc.load_model(model_folder).files.metrics["mlflow_run_id"]
    return f"runs:/{run_id}/model"


def test_logged_model_predicts_like_the_folder(logged, model_folder, prices):
    import mlflow

    bars = []
    for k, ticker in enumerate(prices.tickers):
        rows = prices.mask[:, k]
        names = ("open", "high", "low", "close", "volume", "adj_close")
        frame = pd.DataFrame({name: prices.column(name)[rows, k] for name in names})
        bars.append(frame.assign(ticker=ticker, time=prices.times[rows]))
    served = mlflow.pyfunc.load_model(logged).predict(pd.concat(bars, ignore_index=True))
    own = fc.load_model(model_folder).forecast(prices).latest()
    pd.testing.assert_frame_equal(served, own)
