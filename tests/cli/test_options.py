from pathlib import Path

import pytest
import typer

from forecasting.cli.options import check_date, complete_model, complete_recipe, complete_source


def test_completion_of_models_finds_recipes_and_runs(tmp_path: Path) -> None:
    for name in ("jamba-mine", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "jamba-mine" / "recipe.yaml").touch()
    found = complete_model("jamba")
    assert {"jamba-long", "jamba-mine", "jamba-small", "jamba-tiny"} <= set(found)
    assert found == sorted(name for name in complete_model("") if name.startswith("jamba"))
    assert complete_model("zzz") == []
    assert "other" not in complete_model("")


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
