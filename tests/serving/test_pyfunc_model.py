"""The served model: no pickle on the way, and every bad request is one line."""

import mlflow
import numpy as np
import pandas as pd
import pytest

import forecasting as fc
from forecasting.errors import DataError
from forecasting.training.mlflow_store import tracking_uri

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def served(model_folder, monkeypatch):
    """The model in the store that trained it, loaded with no way to unpickle anything."""
    monkeypatch.setenv("FORECASTING_HOME", str(model_folder.parent))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    mlflow.set_tracking_uri(tracking_uri())
    run_id = fc.load_model(model_folder).files.metrics["mlflow_run_id"]
    return mlflow.pyfunc.load_model(f"runs:/{run_id}/model")


@pytest.fixture
def request_table(prices):
    """The prices as a client would send them: one row a ticker and bar."""
    bars = []
    for k, ticker in enumerate(prices.tickers):
        rows = prices.mask[:, k]
        names = ("open", "high", "low", "close", "volume", "adj_close")
        frame = pd.DataFrame({name: prices.column(name)[rows, k] for name in names})
        bars.append(frame.assign(ticker=ticker, time=prices.times[rows]))
    return pd.concat(bars, ignore_index=True)


def test_it_predicts_like_the_folder(served, request_table, model_folder, prices):
    own = fc.load_model(model_folder).forecast(prices).latest()
    pd.testing.assert_frame_equal(served.predict(request_table), own)


def test_the_order_of_tickers_does_not_matter(served, request_table):
    by_time = request_table.sort_values("time", kind="stable")
    expected = served.predict(request_table).set_index(["ticker", "horizon"])
    found = served.predict(by_time).set_index(["ticker", "horizon"])
    pd.testing.assert_frame_equal(found.loc[expected.index], expected)


def drop(name):
    return lambda table: table.drop(columns=name)


def put(name, value):
    def change(table):
        table = table.astype({name: object})
        table.loc[5, name] = value
        return table

    return change


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (drop("ticker"), "expected ticker, time and adj_close"),
        (drop("time"), "expected ticker, time and adj_close"),
        (drop("adj_close"), "expected ticker, time and adj_close"),
        (drop("high"), "features 'ohlcv' need"),
        (put("ticker", None), "rows without a ticker"),
        (put("time", None), "rows without a time"),
        (put("time", "yesterday"), "cannot be read"),
        (put("adj_close", "dear"), "cannot be read"),
        (put("adj_close", -1.0), "is -1"),
        (put("adj_close", np.nan), "is missing"),
        (lambda table: table.iloc[::-1], "out of order"),
        (lambda table: pd.concat([table, table]), "AAA"),
        (lambda table: table.iloc[:30], "expected at least"),
        (lambda table: table.iloc[:0], "no tickers"),
    ],
)
def test_a_bad_request_is_one_line(served, request_table, spoil, reason):
    model = served.unwrap_python_model()
    with pytest.raises(DataError, match=reason) as caught:
        model.predict(None, spoil(request_table))
    assert "\n" not in str(caught.value)
