"""Backtests and sweeps in a real MLflow store: a run each, below that of their model."""

import math
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

import forecasting as fc
from forecasting.errors import TrackingError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.mlflow_store import tracking_uri
from forecasting.training.results import CURVE_POINTS, track_below
from forecasting.workflow.backtesting import backtest
from forecasting.workflow.sweep import sweep
from forecasting.workflow.tracking import track_backtest, track_report, track_sweep

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def model(
    untouched_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NetworkForecaster:
    """A copy of the tiny model and its store."""
    home = shutil.copytree(untouched_home, tmp_path / "own")
    monkeypatch.setenv("FORECASTING_HOME", str(home))
    return fc.load_model(home / "model")


def stored(run_id: str) -> tuple[mlflow.entities.Run, Path]:
    run = mlflow.MlflowClient(tracking_uri()).get_run(run_id)
    return run, Path(run.info.artifact_uri.removeprefix("file://"))


def test_a_backtest_is_a_run_below_its_model(
    model: NetworkForecaster, prices: Panel, tmp_path: Path
) -> None:
    made = backtest(model, prices, top_k=1, cost_bps=2.0)
    page = tmp_path / "page.html"
    page.write_text("<p>")
    run, folder = stored(track_backtest(model, made, report=page))
    parent = model.files.metrics["mlflow_run_id"]
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.info.run_name == "backtest long_short of jamba-tiny"
    assert run.data.params["strategy.top_k"] == "1"
    assert run.data.params["costs.commission_bps"] == "2.0"
    assert run.data.params["account.capital"] == "1000000.0"
    own = made.stats.loc["long_short"]
    assert run.data.metrics["sharpe"] == pytest.approx(own["sharpe"])
    assert run.data.metrics["luck_dsr"] == pytest.approx(made.luck.dsr)
    assert all(math.isfinite(value) for value in run.data.metrics.values())
    assert run.data.tags["verdict_cash"] == str(made.comparisons[0].verdict)
    assert run.data.tags["luck"] == str(made.luck.verdict)
    assert "Survivorship" in run.data.tags["notes"]
    equity = pd.read_csv(folder / "equity.csv", index_col=0, parse_dates=True)
    np.testing.assert_allclose(equity.to_numpy(), made.equity.to_numpy())
    trades = pd.read_csv(folder / "trades.csv")
    assert trades["notional"].abs().sum() == pytest.approx(made.ledger.traded.sum())
    for name in ("figures/equity.png", "page.html"):
        assert (folder / name).is_file()
    above = mlflow.MlflowClient(tracking_uri()).get_run(parent)
    assert above.data.metrics["backtest_long_short_sharpe"] == pytest.approx(own["sharpe"])


def test_a_report_has_a_run_for_each_of_its_backtests(
    model: NetworkForecaster, prices: Panel, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words: list[str] = []
    made = fc.report(model, prices, page, strategies=["long_only", "equal_weight"], track=False)
    above, folder = stored(track_report(made, page, progress=words.append))
    assert (folder / "page.html").is_file()
    steps = ["jamba-tiny", "backtest long_only", "backtest equal_weight"]
    assert words == [f"tracking {step}" for step in steps]
    below = mlflow.MlflowClient(tracking_uri()).search_runs(
        [above.info.experiment_id], f"tags.mlflow.parentRunId = '{above.info.run_id}'"
    )
    runs = {run.data.params["strategy"]: run for run in below}
    assert sorted(runs) == sorted(book.strategy for book in made.books)
    assert len(below) == len(made.books)
    for book in made.books:
        alone, _ = stored(track_backtest(model, book))
        run, folder = stored(runs[book.strategy].info.run_id)
        assert run.info.run_name == f"backtest {book.strategy} of jamba-tiny"
        assert run.data.params == alone.data.params
        assert run.data.metrics == alone.data.metrics
        assert run.data.tags["luck"] == str(book.luck.verdict)
        for name in ("equity.csv", "trades.csv", "figures/equity.png"):
            assert (folder / name).is_file()
        sharpe = above.data.metrics[f"backtest_{book.strategy}_sharpe"]
        assert sharpe == pytest.approx(book.stats.at[book.strategy, "sharpe"])


def test_a_curve_keeps_its_ends(model: NetworkForecaster) -> None:
    times = pd.date_range("2020-01-01", periods=1000)
    curve = pd.Series(np.linspace(1, 2, 1000), times)
    run_id = track_below(None, "curve", {"long": "x" * 9999}, {}, curves={"equity": curve})
    points = mlflow.MlflowClient(tracking_uri()).get_metric_history(run_id, "equity")
    assert len(points) == CURVE_POINTS
    assert (points[0].step, points[0].value) == (0, 1.0)
    assert (points[-1].step, points[-1].value) == (999, 2.0)
    assert pd.Timestamp(points[-1].timestamp, unit="ms") == times[-1]


def test_a_sweep_is_one_run_with_its_table_and_heat_map(
    model: NetworkForecaster, prices: Panel
) -> None:
    made = sweep(model, prices, {"top_k": [1, 2], "rebalance_every": [1, 5]}, track=False)
    run, folder = stored(track_sweep(model, made))
    assert run.data.tags["mlflow.parentRunId"] == model.files.metrics["mlflow_run_id"]
    assert run.data.metrics["configurations"] == 4
    assert run.data.metrics["best_sharpe"] == pytest.approx(made.best_sharpe)
    assert run.data.metrics["luck_n_trials"] == made.luck.n_trials
    assert made.luck.alpha_over
    assert "luck_alpha_over" not in run.data.metrics
    assert len(pd.read_csv(folder / "sweep.csv")) == 4
    assert (folder / "figures" / "heat_map.png").is_file()


def test_a_broken_store_is_one_line(
    model: NetworkForecaster, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backtest(model, prices, top_k=1, track=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="did not answer"):
        track_backtest(model, made)
