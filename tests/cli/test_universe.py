"""`--universe` and `--quarantine` on every verb that trains, forecasts or judges."""

import json
from pathlib import Path

import pytest
from cli.command import Command
from conftest import TINY

from forecasting.market.survivorship import MEMBERS

SURVIVORS = "Survivorship:"
QUICK = [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Options: BBB leaves, DDD joins; three bars of AAA are in quarantine."""
    folder = tmp_path_factory.mktemp("tables")
    members = "AAA,2000-01-01,\nBBB,2000-01-01,2012-02-10\nCCC,2000-01-01,\nDDD,2012-01-20,\n"
    (folder / "members.csv").write_text(f"symbol,from,to\n{members}GONE,2000-01-01,2011-01-01\n")
    stretch = "AAA,2010-06-01,2010-06-03,by-hand,the feed was down\n"
    (folder / "quarantine.csv").write_text(f"symbol,from,to,check,reason\n{stretch}")
    return "--universe", folder / "members.csv", "--quarantine", folder / "quarantine.csv"


def words(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def test_evaluate(
    forecasting: Command, model_folder: Path, price_file: Path, tables: tuple[object, ...]
) -> None:
    done = forecasting("evaluate", model_folder, "--prices", price_file, *tables, "--no-track")
    assert (done.code, done.err) == (0, "")
    assert SURVIVORS not in done.out
    assert "Universe: 4 tickers were members between" in words(done.out)
    assert "1 of its 5 symbols has no prices here (GONE)" in words(done.out)


def test_forecast(
    forecasting: Command, model_folder: Path, price_file: Path, tables: tuple[object, ...]
) -> None:
    source = ("--prices", price_file, *tables, "--json")
    made = json.loads(forecasting("forecast", model_folder, *source).out)
    assert made["notes"][-1].startswith(MEMBERS)
    newest = {row["ticker"]: row["origin"][:10] for row in made["forecasts"]}
    assert newest.pop("BBB") == "2012-02-10"
    assert newest == dict.fromkeys(("AAA", "CCC", "DDD"), "2012-04-20")
    asked = json.loads(forecasting("forecast", model_folder, "DDD", *source).out)
    among = [row for row in made["forecasts"] if row["ticker"] == "DDD"]
    assert asked["forecasts"] == among


def test_backtest_and_report(
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
    tables: tuple[object, ...],
    tmp_path: Path,
) -> None:
    source = ("--prices", price_file, *tables)
    traded = forecasting(
        "backtest", model_folder, "--no-track", *source, "--strategy", "equal_weight"
    )
    assert (traded.code, traded.err) == (0, "")
    assert "equal_weight 1" in words(traded.out)
    assert "holdings left the universe" in words(traded.out)
    page = tmp_path / "report.html"
    done = forecasting("report", model_folder, *source, "--out", page, "--no-track")
    assert (done.code, done.err) == (0, "")
    for text in (traded.out, done.out, page.read_text()):
        assert SURVIVORS not in text
        assert words(text).count(MEMBERS) >= 1


def test_train_and_compare(
    forecasting: Command, price_file: Path, tables: tuple[object, ...], tmp_path: Path
) -> None:
    source = ("--prices", price_file, *tables, *QUICK)
    asked = (*source, "--recipe", "jamba-tiny", "--out", tmp_path / "model", "--no-twin")
    made = forecasting("train", *asked)
    assert made.code == 0, made.err
    assert "1 of its 5 symbols has no prices here (GONE)" in words(made.out)
    following = made.out.splitlines()[-1]
    assert following.endswith(f"--quarantine {tables[3]} --universe {tables[1]}")
    place = ("--out", tmp_path / "all", "--recipes", "jamba-tiny", "--seeds", "1")
    compared = forecasting("compare", *source, *place)
    assert (compared.code, compared.err) == (0, "")
    assert SURVIVORS not in compared.out
    assert "were members between" in words(compared.out)


def test_a_user_s_mistake_is_one_line(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "members.csv").write_text("ticker,from,to\n")
    source = ("--prices", price_file, "--universe", tmp_path / "members.csv")
    for verb in ("evaluate", "forecast", "backtest", "report"):
        assert "did you mean 'symbol'" in forecasting(verb, model_folder, *source).error
