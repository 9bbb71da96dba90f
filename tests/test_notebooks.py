"""Every notebook runs from top to bottom, without the network, and shows what it promises."""

import os
import re
from contextlib import ExitStack
from pathlib import Path

import jupytext
import numpy as np
import pandas as pd
import pytest
from market.yahoo_charts import make_chart
from market.yahoo_server import FakeYahoo, serve, through_proxy
from nbclient import NotebookClient
from nbformat import NotebookNode

from forecasting.market.sources import load_prices

FOLDER = Path(__file__).parent.parent / "notebooks"
FORECAST, DATA = "01_first_forecast", "02_look_at_the_data"
INSIDE, BACKTEST = "03_inside_the_model", "04_backtest_a_strategy"
EVALUATION = "05_honest_evaluation"
ALONE, YAHOO = "no network", "loopback Yahoo"
RUNS = [
    *((FORECAST, ALONE), (DATA, ALONE), (DATA, YAHOO), (EVALUATION, ALONE), (INSIDE, ALONE)),
    (BACKTEST, ALONE),
]
LONGEST_S = 180


@pytest.fixture(scope="module", params=RUNS, ids=", ".join)
def executed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NotebookNode:
    """A notebook after its run in an empty folder, with no way to the network."""
    name, network = request.param
    folder = tmp_path_factory.mktemp("notebook")
    environment = os.environ | {
        "FORECASTING_HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        # transformers, which only the tests install, asks for ipywidgets, which nobody here needs.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }
    # The inline backend of the kernel draws, as it does for a reader.
    environment.pop("MPLBACKEND", None)
    environment.pop("MLFLOW_TRACKING_URI", None)
    with ExitStack() as stack:
        if network == YAHOO:
            yahoo = stack.enter_context(serve(tmp_path_factory.mktemp("certificate")))
            quote_sample(yahoo)
            environment |= yahoo.environment
        else:
            environment |= through_proxy(port=9)
        notebook = jupytext.read(FOLDER / f"{name}.py")
        client = NotebookClient(
            notebook,
            timeout=LONGEST_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=environment)
    assert {path.name for path in folder.iterdir()} <= {"runs", "data"}
    return notebook


def quote_sample(yahoo: FakeYahoo) -> None:
    """Let Yahoo quote the bundled prices as it would: split-adjusted, with the distributions."""
    panel = load_prices("sample-ohlcv")
    for k, ticker in enumerate(panel.tickers):
        rows = panel.mask[:, k]
        days = pd.DatetimeIndex(panel.times[rows])
        close, adj_close = (panel.column(name)[rows, k] for name in ("close", "adj_close"))
        step = np.diff(adj_close / close) / (adj_close / close)[:-1] + 1
        ratio = np.r_[np.where(step > 1.2, step.round(), 1), 1]
        basis = 1 / np.cumprod(ratio[::-1])[::-1]
        paid = {
            str(days[bar + 1].date()): float((close * basis)[bar] * (1 - 1 / step[bar]))
            for bar in np.flatnonzero((step > 1.0005) & (step < 1.2))
        }
        splits = {
            str(days[bar + 1].date()): (int(ratio[bar]), 1) for bar in np.flatnonzero(ratio > 1)
        }
        chart = make_chart(days, dividends=paid, splits=splits)
        quote = {
            name: (panel.column(name)[rows, k] * basis).tolist()
            for name in ("open", "high", "low", "close")
        }
        quote["volume"] = (panel.column("volume")[rows, k] / basis).tolist()
        chart["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": adj_close.tolist()}]}
        yahoo.charts[ticker] = chart


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_nothing_warns(executed: NotebookNode) -> None:
    said = [output.text for output in outputs(executed) if output.get("name") == "stderr"]
    assert said == []


def test_starts_with_a_question_and_ends_with_an_answer(executed: NotebookNode) -> None:
    first, last = executed.cells[0], executed.cells[-1]
    assert "**Question:**" in first.source
    assert last.source.startswith("## Answer")
    assert "Not investment advice." in first.source


def test_functions_worth_testing_live_in_the_package(executed: NotebookNode) -> None:
    code = [cell.source for cell in executed.cells if cell.cell_type == "code"]
    assert len(executed.cells) <= 30
    own = [source for source in code if "def " in source or "class " in source]
    # One notebook shows how to write a strategy.
    assert all("def calm_optimist(forecast" in source for source in own)


def shown(notebook: NotebookNode, start: str) -> list[NotebookNode]:
    """Outputs of the one code cell that has a line with this beginning."""
    (cell,) = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and any(line.startswith(start) for line in cell.source.splitlines())
    ]
    return cell.outputs


def text(found: list[NotebookNode]) -> str:
    """What they print, every run of blanks as one."""
    said = (output.get("text") or output.data["text/plain"] for output in found)
    return re.sub(" +", " ", "".join(said))


@pytest.mark.parametrize("executed", RUNS[:1], indirect=True, ids=", ".join)
def test_first_forecast_shows_fans_and_verdicts(executed: NotebookNode) -> None:
    (fan,) = shown(executed, "fan.plot(")
    assert len(fan.data["image/png"]) > 10_000
    (verdicts,) = shown(executed, "score.table()")
    assert "NO EVIDENCE" in verdicts.data["text/plain"] or "BEATS" in verdicts.data["text/plain"]
    assert verdicts.data["text/html"].count("<tr") == 2 + 3 * 12


@pytest.mark.parametrize("executed", RUNS[1:3], indirect=True, ids=", ".join)
def test_data_notebook_finds_the_stale_bar_and_no_look_ahead(executed: NotebookNode) -> None:
    assert "AAPL 2003-01-29 2003-01-29 repeated-bar" in text(shown(executed, "proposed ="))
    assert "repeated-bar error" in text(shown(executed, "pd.DataFrame(by_check("))
    causal = text(shown(executed, "past_equal"))
    assert "before the last bar are identical: True" in causal
    assert "of the last bar are identical: False" in causal
    pictures = [output for output in outputs(executed) if "image/png" in output.get("data", {})]
    assert len(pictures) == 9


@pytest.mark.parametrize("executed", RUNS[1:2], indirect=True, ids=", ".join)
def test_without_a_network_one_sentence_says_so(executed: NotebookNode) -> None:
    said, source = text(shown(executed, "report = fc.fetch")).splitlines()
    assert said.startswith("Nothing was fetched, so the bundled prices are used: Yahoo")
    assert "not reached" in said
    assert source.startswith("11,958 bars from sample-ohlcv")


@pytest.mark.parametrize("executed", RUNS[2:3], indirect=True, ids=", ".join)
def test_what_yahoo_sends_is_what_is_looked_at(executed: NotebookNode) -> None:
    assert text(shown(executed, "report = fc.fetch")) == "11,958 bars from store (from yahoo)\n"


@pytest.mark.parametrize("executed", RUNS[3:4], indirect=True, ids=", ".join)
def test_evaluation_notebook_tells_honest_features_from_leaks(executed: NotebookNode) -> None:
    overall = text(shown(executed, "overall[columns]"))
    assert re.findall("BEATS|NO EVIDENCE|LOSES", overall)
    for start in ("display(plots.gains_by_part", "display(coverage_figure"):
        (figure,) = shown(executed, start)
        assert len(figure.data["image/png"]) > 10_000
    headline, tests = shown(executed, "print(quick.headline)")
    assert "8 tests passed" in headline["text"]
    assert "FAILED" not in tests.data["text/plain"]
    leaks = text(shown(executed, "found ="))
    assert re.findall("PASSED|FAILED", leaks) == ["PASSED", "FAILED", "FAILED"]
    assert text(shown(executed, "alarm =")).startswith("FAILED")


@pytest.mark.parametrize("executed", RUNS[4:5], indirect=True, ids=", ".join)
def test_inside_notebook_shows_four_views_and_the_control(executed: NotebookNode) -> None:
    for view in ("memory", "selectivity", "experts", "attention", "map"):
        figure, *_ = shown(executed, f"display(plots.{view}_figure")
        assert len(figure.data["image/png"]) > 10_000
    _, steps = shown(executed, "display(plots.selectivity_figure")
    assert re.findall("lets more in|lets less in|NO EVIDENCE", steps["text"])
    _, routing = shown(executed, "display(plots.experts_figure")
    assert "routing depends on the regime" in routing["text"]
    control = text(shown(executed, "control ="))
    assert "median half-life (bars)" in control
    assert "step on the largest 1 % of moves" in control


@pytest.mark.parametrize("executed", RUNS[5:], indirect=True, ids=", ".join)
def test_backtest_notebook_trades_deflates_and_orders(executed: NotebookNode) -> None:
    own, statistics = shown(executed, "def calm_optimist")
    assert "filled at the close of bar t+1" in own["text"]
    for account in ("calm_optimist", "buy_and_hold", "momentum"):
        assert account in statistics.data["text/plain"]
    said, histogram = shown(executed, "print(book.luck.sentence())")
    assert re.search("LUCK IS ENOUGH|THE MARKET IS ENOUGH|BEYOND LUCK", said["text"])
    assert "200 random strategies" in said["text"]
    (heat_map,) = shown(executed, "search.plot()")
    for figure in (histogram, heat_map, *shown(executed, 'book.plot("sensitivity")')):
        assert len(figure.data["image/png"]) > 5_000
    best, _ = shown(executed, "search =")
    assert "probability of backtest overfitting" in best["text"]
    assert "AAPL" in text(shown(executed, "orders ="))
