"""Every notebook runs from top to bottom, offline, and shows what it promises."""

import os
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.py"))
LONGEST_S = 180


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NotebookNode:
    """A notebook after its run in an empty folder, with no way to the network."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = os.environ | {
        "FORECASTING_HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        # transformers, which only the tests install, asks for ipywidgets, which nobody here needs.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }
    # The inline backend of the kernel draws, as it does for a reader.
    environment.pop("MPLBACKEND", None)
    environment.pop("MLFLOW_TRACKING_URI", None)
    notebook = jupytext.read(request.param)
    client = NotebookClient(
        notebook, timeout=LONGEST_S, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env=environment)
    assert {path.name for path in folder.iterdir()} <= {"runs"}
    return notebook


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
    assert not [source for source in code if "def " in source or "class " in source]


@pytest.mark.parametrize("executed", [NOTEBOOKS[0]], indirect=True, ids=lambda path: path.stem)
def test_first_forecast_shows_fans_and_verdicts(executed: NotebookNode) -> None:
    shown = {
        cell.source.splitlines()[-1]: [output.get("data", {}) for output in cell.outputs]
        for cell in executed.cells
        if cell.cell_type == "code"
    }
    fan = next(data for line, data in shown.items() if line.startswith("fan.plot("))
    assert len(fan) == 1
    assert len(fan[0]["image/png"]) > 10_000
    verdicts = next(data for line, data in shown.items() if line.startswith("score.table()"))
    assert "NO EVIDENCE" in verdicts[0]["text/plain"] or "BEATS" in verdicts[0]["text/plain"]
    assert verdicts[0]["text/html"].count("<tr") == 2 + 18
