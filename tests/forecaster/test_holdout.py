"""The sealed hold-out: where it begins, and who opened it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError, DataError, ModelFileError
from forecasting.forecaster.holdout import seal
from forecasting.forecaster.openings import (
    OPENINGS,
    begin_opening,
    end_opening,
    openings_note,
    read_openings,
)
from forecasting.market.panel import Panel, day


def recipe(*settings: str) -> Recipe:
    return load_recipe("jamba-tiny", settings)


def test_without_a_holdout_nothing_is_cut(prices: Panel) -> None:
    plain = recipe()
    assert seal(plain, prices) == (plain, prices)
    assert "holdout" not in plain.to_yaml()
    assert "holdout" not in plain.model_dump(mode="json")["data"]


def test_a_fraction_becomes_a_day_that_stays(prices: Panel) -> None:
    sealed, before = seal(recipe("data.holdout=0.9"), prices)
    assert sealed.data.holdout == day(prices.times[540])
    assert np.array_equal(before.times, prices.times[:540])
    assert seal(sealed, prices)[1].vintage == before.vintage
    assert seal(sealed, before) == (sealed, before)
    assert "holdout: '2012-01-30'" in sealed.to_yaml()


def test_a_ticker_of_the_holdout_alone_is_not_there_yet(prices: Panel) -> None:
    late = prices.values.copy()
    late[:500, 3] = np.nan
    panel = Panel(prices.times, prices.tickers, late)
    assert seal(recipe("data.holdout=0.8"), panel)[1].tickers == prices.tickers[:3]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("data.holdout=soon",), "expected a date YYYY-MM-DD, or a fraction"),
        (("data.holdout=1.5",), "expected a date YYYY-MM-DD, or a fraction"),
        (("data.test_start=2012-01-02", "data.holdout=2012-01-02"), "expected a day after"),
        (("data.test_start=2013-01-02", "data.holdout=2012-01-02"), "expected a day after"),
    ],
)
def test_holdouts_that_cannot_be(settings: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        recipe(*settings)


def test_a_holdout_of_everything_is_refused(prices: Panel) -> None:
    with pytest.raises(DataError, match="expected bars before it"):
        seal(recipe("data.holdout=2009-01-02"), prices)


def test_openings_are_kept_in_order(tmp_path: Path) -> None:
    assert read_openings(tmp_path) == ()
    first = begin_opening(tmp_path, "evaluate", "2012-01-02", "2012-04-20")
    begin_opening(tmp_path, "backtest", "2012-01-02", "2012-04-20")
    end_opening(tmp_path, first, "BEATS 3.")
    openings = read_openings(tmp_path)
    assert [each.headline for each in openings] == ["BEATS 3.", None]
    today = openings[0].when[:10]
    assert openings_note(openings) == (
        f"HOLD-OUT opened 2 times before: {today} (evaluate), {today} (backtest). "
        "Each look makes the next one worth less."
    )


def test_openings_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for k in range(16):
            pool.submit(begin_opening, tmp_path, f"verb {k}", "2012-01-02", "2012-04-20")
    assert {each.command for each in read_openings(tmp_path)} == {f"verb {k}" for k in range(16)}


@pytest.mark.parametrize("text", ["", "{}", '[{"when": 3}]', "[1"])
def test_a_damaged_list_is_no_empty_list(text: str, tmp_path: Path) -> None:
    (tmp_path / OPENINGS).write_text(text)
    with pytest.raises(ModelFileError, match=r"holdout\.json is damaged"):
        begin_opening(tmp_path, "evaluate", "2012-01-02", "2012-04-20")


def test_a_folder_that_cannot_log_stays_sealed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match="stays sealed"):
        begin_opening(tmp_path / "file" / "model", "evaluate", "2012-01-02", "2012-04-20")


def test_the_list_is_plain_json(tmp_path: Path) -> None:
    begin_opening(tmp_path, "evaluate", "2012-01-02", "2012-04-20")
    (entry,) = json.loads((tmp_path / OPENINGS).read_text())
    assert list(entry) == ["when", "command", "first", "last", "headline"]
