from pathlib import Path

import pytest
import typer

from forecasting import paths
from forecasting.cli.options import check_date, complete_model, complete_recipe, complete_source


def test_completion_of_models_finds_those_with_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "shipped_models", lambda: tmp_path / "models")
    for folder, content in (
        ("models/jamba-ours", "model.safetensors"),
        ("models/jamba-bare", "recipe.yaml"),
        ("runs/jamba-mine", "model.safetensors"),
        ("runs/jamba-unfinished", "unfinished_run"),
        ("runs/other", "model.safetensors"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / content).touch()
    assert complete_model("jamba") == ["jamba-mine", "jamba-ours"]
    assert complete_model("") == ["jamba-mine", "jamba-ours", "other"]
    assert complete_model("zzz") == []


def test_completion_of_recipes() -> None:
    assert {"gru-twin", "jamba-tiny"} < set(complete_recipe(""))
    assert {"gru-small", "gru-twin"} <= set(complete_recipe("gru"))
    assert "jamba-tiny" not in complete_recipe("gru")


def test_completion_of_sources() -> None:
    assert complete_source("sto") == ["store"]
    assert complete_source("sample") == ["sample", "sample-ohlcv", "sample-indices", "sample-vix"]


def test_a_day_is_a_day() -> None:
    assert check_date(None) is None
    assert check_date("2020-02-29") == "2020-02-29"
    for wrong in ("tomorrow", "2021-02-29", "20200101", "2020-1-1", "", "٢٠٢٠-01-01"):
        with pytest.raises(typer.BadParameter, match="expected YYYY-MM-DD"):
            check_date(wrong)
