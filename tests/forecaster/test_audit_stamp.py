"""A stamp counts for the weights, the settings and the version that were audited, and no others."""

import json
import shutil
from pathlib import Path

import pytest

from forecasting import __version__
from forecasting.forecaster.audit_stamp import (
    AUDIT,
    read_stamp,
    settings_digest,
    weights_digest,
    write_stamp,
)
from forecasting.forecaster.model_folder import CORPUS, RECIPE, WEIGHTS

HEADLINE = "LEAK AUDIT: PASSED (10 tests, 2026-11-23)"


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, stamped."""
    place = tmp_path / "model"
    shutil.copytree(model_folder, place)
    stamp(place)
    return place


def stamp(folder: Path, **changes: str) -> None:
    content = {
        "headline": HEADLINE,
        "when": "2026-11-23T10:00:00",
        "version": __version__,
        "weights": weights_digest(folder),
        "settings": settings_digest(folder),
        **changes,
    }
    write_stamp(folder, content, "# table")


def test_a_fresh_stamp_is_read(folder):
    assert read_stamp(folder) == HEADLINE
    assert (folder / "audit.md").read_text() == "# table"


@pytest.mark.parametrize("place", [None, "model"])
def test_without_a_stamp_nothing_was_run(model_folder, place):
    said = read_stamp(model_folder if place else None)
    assert said.startswith("LEAK AUDIT: NOT RUN (forecasting audit ")


def test_other_weights_void_it(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"\0")
    assert read_stamp(folder).startswith(
        "LEAK AUDIT: NOT RUN (the weights changed since 2026-11-23"
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (RECIPE, "seed: 0", "seed: 1"),
        (RECIPE, "volatility_decay: 0.94", "volatility_decay: 0.95"),
        (CORPUS, "test prices", "other prices"),
    ],
)
def test_other_settings_void_it(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    assert read_stamp(folder).startswith("LEAK AUDIT: NOT RUN (recipe, corpus or features changed")


def test_a_comment_and_a_default_that_is_left_out_are_no_other_settings(folder):
    path = folder / RECIPE
    text = path.read_text().replace("features: ohlcv", "features: auto")
    path.write_text("# Why.\n" + text.replace("  volatility_decay: 0.94\n", ""))
    assert read_stamp(folder) == HEADLINE


def test_another_version_voids_it(folder):
    stamp(folder, version="0.0.0")
    assert "audited by version 0.0.0" in read_stamp(folder)


def test_a_hand_that_changed_it_voids_it(folder):
    content = json.loads((folder / AUDIT).read_text())
    content["headline"] = "LEAK AUDIT: PASSED (11 tests, 2026-11-23)"
    (folder / AUDIT).write_text(json.dumps(content))
    assert "changed by hand" in read_stamp(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"headline": 3}'])
def test_a_damaged_stamp_is_none(folder, content):
    (folder / AUDIT).write_bytes(content)
    assert read_stamp(folder) == (
        "LEAK AUDIT: NOT RUN (audit.json is damaged: audit the model again)"
    )
