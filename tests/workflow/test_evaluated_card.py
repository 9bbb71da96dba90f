"""Cards and metrics that an evaluation writes, for a stranger and for a program."""

import errno
import json
import shutil
from pathlib import Path

import pytest

import forecasting as fc
from forecasting import paths
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.model_folder import CARD, FILES, METRICS
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.card import EVALUATION, holdout_text, with_section
from forecasting.workflow import evaluated_card, judging
from forecasting.workflow.evaluated_card import is_full, write_evaluation


@pytest.fixture(scope="module")
def made(model_folder: Path, prices: Panel) -> Evaluation:
    return judging.evaluate(fc.load_model(model_folder), prices, track=False)


@pytest.fixture
def model(model_folder: Path, tmp_path: Path) -> NetworkForecaster:
    return fc.load_model(shutil.copytree(model_folder, tmp_path / "model"))


def test_the_first_card_says_that_nothing_is_known(model: NetworkForecaster) -> None:
    card = model.files.card
    assert "NOT EVALUATED YET" in card
    for title in ("Evaluation", "Training", "Use and limits"):
        assert card.count(f"\n## {title}\n") == 1
    assert "## Hold-out" not in card
    assert "{" not in card


def test_the_card_tells_a_stranger(
    model: NetworkForecaster, made: Evaluation, prices: Panel
) -> None:
    assert write_evaluation(model, made, prices, full=True) == f"card: {model.folder / CARD}"
    card = (model.folder / CARD).read_text()
    lines = card.splitlines()
    assert len(lines) <= 85
    for words in (
        "LEAK AUDIT: NOT RUN",
        "| judged on | ",
        f"`{prices.vintage}`",
        "not counted (--no-track)",
        "| **all baselines** | **",
        "### Calibration",
        "| 50% | 80% | 90% | 95% |",
        "### Where it fails",
        " volatility ",
        "Not investment advice.",
        "One seed",
    ):
        assert words in card
    for rival in made.rivals:
        (row,) = [line for line in lines if line.startswith(f"| {rival} |")]
        assert row.count(":") == len(made.horizons)
    before = model.files.card
    assert card.partition("\n## Training")[2] == before.partition("\n## Training")[2]


def test_the_metrics_tell_a_program(
    model: NetworkForecaster, made: Evaluation, prices: Panel
) -> None:
    write_evaluation(model, made, prices, full=True)
    metrics = json.loads((model.folder / METRICS).read_text(), parse_constant=pytest.fail)
    kept = metrics.pop("evaluation")
    assert metrics == model.files.metrics
    assert kept["vintage"] == prices.vintage
    assert kept["verdicts"] == made.to_dict()["verdicts"]
    assert {row["forecaster"] for row in kept["scores"]} == {made.model}
    assert fc.load_model(model.folder).files.metrics["evaluation"] == kept


def test_a_second_evaluation_replaces_the_first(
    model: NetworkForecaster, made: Evaluation, prices: Panel
) -> None:
    contents = []
    for _ in range(2):
        write_evaluation(model, made, prices, full=True)
        contents.append({name: (model.folder / name).read_bytes() for name in FILES})
    assert contents[0] == contents[1]


def test_only_a_whole_evaluation_is_written(
    model: NetworkForecaster, made: Evaluation, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (model.folder / name).read_bytes() for name in FILES}
    assert "no full evaluation" in write_evaluation(model, made, prices, full=False)
    monkeypatch.setattr(paths, "shipped_models", lambda: model.folder.parent)
    assert "comes with the package" in write_evaluation(model, made, prices, full=True)
    nowhere = NetworkForecaster(model.files, model.network)
    assert "lies in no folder" in write_evaluation(nowhere, made, prices, full=True)
    assert {name: (model.folder / name).read_bytes() for name in FILES} == before


def test_a_folder_that_cannot_be_written_is_no_error(
    model: NetworkForecaster, made: Evaluation, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(evaluated_card, "rewrite_card", refuse)
    said = write_evaluation(model, made, prices, full=True)
    assert said.endswith("cannot be written to (Read-only file system), so it stays as it was")


def test_sections_are_replaced_one_by_one() -> None:
    card = "# name\n\nText.\n\n## Evaluation\n\nold\n\n## Training\n\nkept\n"
    assert with_section(card, EVALUATION, "### Verdicts\n\nnew\n") == (
        "# name\n\nText.\n\n## Evaluation\n\n### Verdicts\n\nnew\n\n## Training\n\nkept\n"
    )
    older = "# name\n\nA card of an earlier version.\n"
    assert with_section(older, EVALUATION, "new") == f"{older}\n## Evaluation\n\nnew\n"
    assert with_section(with_section(older, "A", "1"), "A", "2").count("## A") == 1
    assert (
        holdout_text("2012-01-02", ()) == "Sealed from 2012-01-02; never opened from this folder."
    )


def test_all_tickers_of_the_training_by_name_are_a_full_evaluation(
    model: NetworkForecaster,
) -> None:
    own = list(model.corpus.tickers)
    assert is_full(model, None, None, None, False)
    assert is_full(model, [*own, "ZZZ"], None, None, False)
    assert not is_full(model, own[1:], None, None, False)
    assert not is_full(model, None, "2015-01-02", None, False)
    assert not is_full(model, None, None, None, True)
