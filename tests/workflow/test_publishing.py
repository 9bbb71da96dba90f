"""A model for others: audited, complete, without what belongs to the machine it was trained on."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import forecasting as fc
from forecasting import __version__, paths
from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecaster.audit_stamp import (
    AUDIT,
    AUDIT_TABLE,
    read_stamp,
    settings_digest,
    weights_digest,
    write_stamp,
)
from forecasting.forecaster.model_folder import (
    CARD,
    CORPUS,
    FILES,
    METRICS,
    RECIPE,
    RUN_FILE,
    WEIGHTS,
)
from forecasting.forecaster.openings import OPENINGS
from forecasting.workflow.publishing import RATIONALE, publish

HEADLINE = "LEAK AUDIT: PASSED (10 tests, 2026-11-23)"


def stamp(folder: Path, headline: str = HEADLINE) -> None:
    content = {"headline": headline, "when": "2026-11-23T10:00:00", "version": __version__}
    content |= {"weights": weights_digest(folder), "settings": settings_digest(folder)}
    write_stamp(folder, content, "# table")


@pytest.fixture
def run(model_folder: Path, tmp_path: Path) -> Path:
    """The tiny model, stamped as if it had passed."""
    folder = shutil.copytree(model_folder, tmp_path / "runs" / "mine")
    stamp(folder)
    return folder


@pytest.fixture
def source_recipe(run: Path, tmp_path: Path) -> Path:
    """A folder with nothing but the recipe that was trained, commented, features left open."""
    text = (run / RECIPE).read_text().replace("features: ohlcv", "features: auto")
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / RECIPE).write_text(f"# What won,\n# and why.\n{text}# The end.\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_is_published(run: Path, tmp_path: Path, prices: fc.Panel) -> None:
    out = tmp_path / "shared" / "mine"
    made = publish(run, out)
    assert set(contents(out)) == {*FILES, AUDIT, AUDIT_TABLE}
    for name in (RECIPE, CORPUS, WEIGHTS, CARD, AUDIT):
        assert (out / name).read_bytes() == (run / name).read_bytes()
    own = fc.load_model(run).files.metrics
    assert own.keys() - made.files.metrics.keys() == {"mlflow_run_id", "seconds"}
    assert str(tmp_path) not in "".join(
        (out / name).read_text() for name in (RECIPE, CORPUS, METRICS, CARD, AUDIT)
    )
    assert read_stamp(out) == HEADLINE
    assert made.folder == out
    first = fc.load_model(run).forecast(prices)
    np.testing.assert_array_equal(made.forecast(prices).volatility, first.volatility)


def test_a_recipe_that_is_there_stays_and_explains_itself(run: Path, source_recipe: Path) -> None:
    before = (source_recipe / RECIPE).read_bytes()
    made = publish(run, source_recipe)
    assert (source_recipe / RECIPE).read_bytes() == before
    assert made.files.card.endswith(f"\n## {RATIONALE}\n\nWhat won,\nand why.\n")
    assert made.files.recipe.data.features == "auto"
    assert made.corpus.features == "ohlcv"
    assert read_stamp(source_recipe) == HEADLINE  # a comment is no setting
    again = contents(source_recipe)
    publish(run, source_recipe, overwrite=True)
    assert contents(source_recipe) == again


def test_another_recipe_is_refused(run: Path, source_recipe: Path) -> None:
    path = source_recipe / RECIPE
    path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    before = contents(source_recipe)
    with pytest.raises(ConfigError, match=r"training.seed is 1, not 0"):
        publish(run, source_recipe)
    text = path.read_text().replace("seed: 1", "seed: 0")
    path.write_text(text.replace("features: auto", "features: close"))
    with pytest.raises(ConfigError, match=r"data.features is not ohlcv"):
        publish(run, source_recipe)
    assert contents(source_recipe).keys() == before.keys()


def test_the_old_model_stays_until_the_new_one_is_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "shared"
    publish(run, out)
    before = contents(out)
    with pytest.raises(ConfigError, match="already holds a model"):
        publish(run, out)
    write_bytes = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name == WEIGHTS:
            raise OSError(28, "No space left on device")
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        publish(run, out, overwrite=True)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_what_has_passed_is_published(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "shared"
    for headline in ("LEAK AUDIT: FAILED (canary)", "LEAK AUDIT: NOT RUN (quick)"):
        stamp(run, headline)
        with pytest.raises(ModelFileError, match="expected a model that has passed"):
            publish(run, out)
    stamp(run)
    (run / AUDIT_TABLE).unlink()
    with pytest.raises(
        ModelFileError, match=rf"\(no {AUDIT_TABLE}\).*Run `forecasting audit {run}`"
    ):
        publish(run, out)
    (run / RUN_FILE).write_text("0" * 32)
    for name in (WEIGHTS, RECIPE, RUN_FILE):
        with pytest.raises(ModelFileError, match=rf"the training in {run} is unfinished"):
            publish(run, out)
        (run / name).unlink()
    assert not out.exists()


def test_nothing_of_another_model_stays_beside_it(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "shared"
    publish(run, out)
    (out / "twin").mkdir()
    (out / OPENINGS).touch()
    with pytest.raises(ConfigError, match=rf"{out} holds {OPENINGS}, twin: expected nothing but"):
        publish(run, out, overwrite=True)


def test_places_that_cannot_be(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="is a file"):
        publish(run, file)
    with pytest.raises(ConfigError, match="is the model itself"):
        publish(run, run / ".." / "mine", overwrite=True)


def test_openings_come_along(run: Path, tmp_path: Path) -> None:
    (run / OPENINGS).write_text("[]")
    publish(run, tmp_path / "shared")
    assert (tmp_path / "shared" / OPENINGS).read_text() == "[]"


def test_published_where_the_package_keeps_its_models(
    run: Path, source_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "shipped_models", lambda: source_recipe.parent)
    publish(run, source_recipe)
    assert fc.load_model("mine").folder == source_recipe
