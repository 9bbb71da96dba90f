"""The trial ledger on a real SQLite store: whatever looked at the bars is counted."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import DataError, TrackingError
from forecasting.market.panel import Panel
from forecasting.training.past_runs import find_run
from forecasting.training.tracking import open_run
from forecasting.training.trial_ledger import open_trial, trials
from forecasting.training.trial_store import TRIALS
from forecasting.training.trials import FAILED, FINISHED, KILLED, RUNNING, Trial, Trials


def look(prices: Panel, number: int = 0, /, **options: object) -> str:
    """One finished look of configuration `number`; returns its sentence."""
    with open_trial("evaluate", "a model", {"seed": number}, prices, **options) as trial:
        trial.log_scores({"sharpe": 0.1 * number, "gain_h1": 0.01, "spoiled": np.nan})
    return trial.sentence()


def test_a_look_says_all_that_is_to_be_known(store: str, prices: Panel) -> None:
    settings = {"recipe": {"name": "x"}, "weights": "ab"}
    span = (np.datetime64("2011-01-03", "ns"), "2011-06-01")
    with open_trial("backtest", "x long_short", settings, prices, *span, tickers=["BBB"]) as trial:
        trial.log_scores({"sharpe": 0.5, "nll_h1": np.nan})
    (found,) = trials().entries
    assert found.run_id == trial.run_id
    assert (found.kind, found.name, found.status) == ("backtest", "x long_short", FINISHED)
    assert (found.first, found.last, found.tickers) == ("2011-01-03", "2011-06-01", ("BBB",))
    assert found.vintage == prices.vintage
    assert found.scores == {"sharpe": 0.5}
    assert trials().best() == 0.5
    row = trials().table().iloc[0]
    assert (row["tickers"], row["sharpe"], row["configuration"]) == (1, 0.5, found.configuration)


def test_configurations_and_looks_are_counted(store: str, prices: Panel) -> None:
    before = "Trial ledger: no configuration has been tried on bars of this span before"
    assert look(prices, 1) == f"{before}; this is the 1st."
    one = "Trial ledger: 1 configuration has been tried on bars of this span (1 look)"
    assert look(prices, 2) == f"{one}; this is the 2nd."
    assert look(prices, 1).endswith("(2 looks); this one was among them, it is its 2nd look.")
    with pytest.raises(ZeroDivisionError), open_trial("evaluate", "it", {"seed": 3}, prices):
        _ = 1 / 0
    with pytest.raises(KeyboardInterrupt), open_trial("evaluate", "it", {"seed": 4}, prices):
        raise KeyboardInterrupt
    found = trials(prices)
    assert [trial.status for trial in found.entries] == [FINISHED] * 3 + [FAILED, KILLED]
    assert (found.looks, found.configurations, found.failed, found.cut_off) == (5, 4, 1, 1)
    assert look(prices, 5).endswith("(5 looks, 1 failed, 1 cut off); this is the 5th.")
    assert sorted(found.sharpes()) == pytest.approx([0.1, 0.2])


def test_the_order_of_settings_makes_no_other_configuration(store: str, prices: Panel) -> None:
    for settings in ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}):
        with open_trial("evaluate", "same", settings, prices):
            pass
    assert (trials().looks, trials().configurations) == (2, 1)


@pytest.mark.parametrize(
    ("tickers", "span", "counts"),
    [
        (("AAA", "BBB"), ("2011-03-01", "2011-03-31"), True),
        (("BBB", "ZZZ"), ("2011-06-01", "2011-06-01"), True),
        (("AAA",), ("2011-06-02", None), False),
        (("AAA",), (None, "2011-01-02"), False),
        (("AAA",), (None, "2011-01-03"), True),
        (("CCC", "DDD"), (None, None), False),
        (None, (None, None), True),
    ],
)
def test_a_look_counts_where_span_and_tickers_meet(
    tickers: tuple[str, ...] | None,
    span: tuple[str | None, str | None],
    counts: bool,
    store: str,
    prices: Panel,
) -> None:
    look(prices, start="2011-01-03", end="2011-06-01", tickers=["AAA", "BBB"])
    assert trials(tickers, *span).looks == counts
    if tickers and "ZZZ" not in tickers:
        assert trials(prices.select(tickers), *span).looks == counts


def sweep(prices: Panel, numbers: range, sharpes: list[float] | None = None) -> str:
    """One finished sweep of configurations `numbers`; returns its sentence."""
    settings = [{"seed": number} for number in numbers]
    with open_trial("sweep", "a grid", settings, prices) as trial:
        if sharpes is not None:
            trial.log_sharpes(sharpes)
            trial.log_scores({"sharpe": np.nanmax(sharpes)})
    return trial.sentence()


def test_each_configuration_of_a_sweep_counts(store: str, prices: Panel) -> None:
    look(prices, 3)
    look(prices, 3)
    said = sweep(prices, range(1, 1001), [0.001 * number for number in range(1, 1001)])
    assert said.endswith("span (2 looks); this sweep of 1,000 makes it 1,000.")
    found = trials(prices)
    assert (found.looks, found.configurations, len(found.entries)) == (1002, 1000, 3)
    assert found.best() == pytest.approx(1.0)
    sharpes = np.sort(found.sharpes())
    # The newest look of configuration 3 is that of the sweep.
    assert list(sharpes) == sorted(0.001 * number for number in range(1, 1001))
    assert look(prices, 3).endswith("(1,002 looks); this one was among them, it is its 4th look.")
    assert np.isclose(trials(prices).sharpes(), 0.3).any()
    assert look(prices, 1001).endswith("this is the 1,001st.")
    assert list(trials().table()["looks"]) == [1, 1, 1000, 1, 1]


def test_a_sweep_of_one_is_a_look(store: str, prices: Panel) -> None:
    look(prices, 7)
    said = sweep(prices, range(7, 8), [0.4])
    assert said.endswith("this one was among them, it is its 2nd look.")
    found = trials()
    assert [trial.sweep for trial in found.entries] == [{}, {}]
    assert found.configurations == 1


def test_a_sweep_that_failed_or_was_deleted_goes_on_counting(store: str, prices: Panel) -> None:
    import mlflow

    with (
        pytest.raises(ZeroDivisionError),
        open_trial("sweep", "it", [{"seed": k} for k in range(300)], prices) as trial,
    ):
        _ = 1 / 0
    found = trials()
    assert (found.looks, found.configurations, found.failed) == (300, 300, 300)
    assert len(found.sharpes()) == 0
    sweep(prices, range(300, 500), [float("nan"), *[0.1] * 199])
    mlflow.MlflowClient().delete_run(trial.run_id)
    found = trials()
    assert (found.looks, found.failed, len(found.sharpes())) == (500, 300, 199)
    with pytest.raises(ValueError, match="1 of 3 Sharpe ratios"):
        sweep(prices, range(3), [0.1])


def test_a_sweep_that_was_cut_off_while_writing_has_no_sharpes(store: str, prices: Panel) -> None:
    import mlflow

    with open_trial("sweep", "it", [{"seed": k} for k in range(2000)], prices) as trial:
        mlflow.MlflowClient().set_tag(trial.run_id, "sharpes.0", "0.1\n0.2")
    assert (trials().looks, len(trials().sharpes())) == (2000, 0)


def test_names_of_thousands_of_tickers_survive(store: str, prices: Panel) -> None:
    names = [f"A TICKER OF {k} BARS" for k in range(3000)]
    look(prices, tickers=names)
    assert set(trials().entries[0].tickers) == set(names)
    assert trials(names[-1:]).looks == 1
    assert trials(["A"]).looks == 0


def test_what_is_deleted_goes_on_counting(store: str, prices: Panel) -> None:
    import mlflow

    with open_trial("evaluate", "bad luck", {}, prices) as trial:
        pass
    mlflow.MlflowClient().delete_run(trial.run_id)
    assert trials().looks == 1
    assert trials().entries[0].deleted


def test_a_look_is_below_its_parent_and_no_run_of_the_models(store: str, prices: Panel) -> None:
    import mlflow

    with open_run("training") as run:
        look(prices, parent=run.run_id)
        assert mlflow.active_run().info.run_id == run.run_id
    (found,) = trials().entries
    tags = mlflow.get_run(found.run_id).data.tags
    assert tags["mlflow.parentRunId"] == run.run_id
    with pytest.raises(TrackingError, match="no run"):
        find_run(found.run_id)


def test_no_store_is_made_by_asking(tmp_path: Path) -> None:
    assert trials().looks == 0
    assert np.isnan(trials().best())
    assert len(trials().sharpes()) == 0
    assert list(trials().table().columns)[-1] == "sharpe"
    assert not list(tmp_path.iterdir())


def test_what_is_not_counted_says_so(store: str, prices: Panel) -> None:
    assert look(prices, counted=False) == "Trial ledger: not counted (--no-track)."
    assert trials().looks == 0


def test_a_store_that_does_not_answer_stops_nothing(
    prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with open_trial("evaluate", "a model", {}, prices) as trial:
        trial.log_scores({"nll_h1": 1.0})
    assert trial.sentence() == "Trial ledger: not counted, the MLflow store did not answer."
    with pytest.raises(TrackingError, match="did not answer"):
        trial.require_counted()
    with pytest.raises(TrackingError, match="did not answer"):
        trials()


@pytest.mark.parametrize(
    "span", [("soon", None), (None, "2011-13-01"), ("2012-01-02", "2012-01-01")]
)
def test_dates_that_cannot_be(span: tuple[str | None, str | None], prices: Panel) -> None:
    for asked in (prices, ["AAA"], None):
        with pytest.raises(DataError, match="expected"):
            trials(asked, *span)


def test_the_best_of_many_words() -> None:
    day = "2011-01-03"
    entries = [
        Trial(str(k), pd.Timestamp(day), "e", "m", str(k % 12), "v", ("A",), day, day, status)
        for k, status in enumerate([FINISHED] * 20 + [RUNNING, KILLED])
    ]
    said = Trials(tuple(entries)).sentence_with("new")
    assert said.endswith("12 configurations have been tried on bars of this span (22 looks, 1 "
                         "cut off, 1 unfinished); this is the 13th.")  # fmt: skip


PROCESS = """
import os, signal, sys
from forecasting.market.simulation import simulate
from forecasting.training.trial_ledger import open_trial
prices = simulate("volatility", n_tickers=2, n_bars=60)
for k in range(4):
    with open_trial("grid", "a process", {"of": sys.argv[1], "number": k}, prices) as trial:
        assert trial.error is None, trial.error
        trial.log_scores({"sharpe": k})
        if sys.argv[1] == "killed" and k == 2:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def run_at_once(*names: str) -> list[int]:
    """Exit codes of processes that look four times each, all at the same time."""
    started = [subprocess.Popen([sys.executable, "-c", PROCESS, name]) for name in names]
    return [process.wait(timeout=300) for process in started]


def test_a_process_that_is_killed_has_looked(store: str) -> None:
    assert run_at_once("first", "killed") == [0, -signal.SIGKILL]
    found = trials()
    assert (found.looks, found.configurations, found.unfinished, found.failed) == (7, 7, 1, 0)


@pytest.mark.slow
def test_processes_at_once_make_one_store(tmp_path: Path) -> None:
    assert run_at_once("first", "second", "third") == [0, 0, 0]
    assert (trials().looks, trials().unfinished) == (12, 0)


@pytest.mark.slow
def test_a_server_counts_as_well(
    prices: Panel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And nothing is printed, which would spoil the JSON of a verb."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "files"), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            wait_for(port)
            look(prices, 1)
            assert "(1 look); this is the 2nd." in look(prices, 2)
            assert trials(prices).best() == pytest.approx(0.2)
        finally:
            server.terminate()
    assert capsys.readouterr().out == ""


def wait_for(port: int) -> None:
    """Until somebody answers there."""
    for _ in range(600):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError


def test_a_look_is_quick(store: str, prices: Panel) -> None:
    look(prices)
    started = time.perf_counter()
    for k in range(5):
        look(prices, k)
    assert (time.perf_counter() - started) / 5 < 0.3
    assert TRIALS == "forecasting-trials"
