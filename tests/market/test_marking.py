"""Prices with the tables of a user: what is asked for, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.market.checks import quarantine
from forecasting.market.marking import table_file
from forecasting.market.panel import Panel
from forecasting.market.price_request import PriceRequest
from forecasting.market.sources import load_prices

SOURCE = "simulated-random-walk:tickers=5,bars=300,seed=7"


@pytest.fixture(scope="module")
def market() -> Panel:
    return load_prices(SOURCE)


def members(folder: Path, *rows: str) -> Path:
    path = folder / "members.csv"
    path.write_text("\n".join(["symbol,from,to", *rows]) + "\n")
    return path


def stretches(folder: Path, *found: quarantine.Stretch) -> Path:
    path = folder / "quarantine.csv"
    quarantine.write(path, found)
    return path


def masked(ticker: str, first: str, last: str) -> quarantine.Stretch:
    return quarantine.Stretch(ticker, first, last, "by-hand", "")


def test_members_of_the_table_are_loaded(market: Panel, tmp_path: Path) -> None:
    table = members(
        tmp_path, "SIM04,2000-02-01,", "SIM02,1999-01-01,2000-03-01", "GONE,2000-01-01,"
    )
    panel = load_prices(SOURCE, universe=table)
    assert panel.tickers == ("SIM02", "SIM04")
    assert panel.request == PriceRequest(SOURCE, ("SIM02", "SIM04"), universe=table_file(table))
    assert panel.membership is not None
    assert panel.membership.absent == ("GONE",)
    np.testing.assert_array_equal(panel.values, market.select(panel.tickers).values)
    asked = load_prices(SOURCE, ["SIM04", "SIM02"], universe=str(table))
    assert asked.tickers == ("SIM04", "SIM02")


def test_who_is_no_member_in_the_span_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    table = members(tmp_path, "SIM04,2000-02-01,", "SIM02,1999-01-01,2000-03-01")
    assert load_prices(SOURCE, universe=table, start="2000-06-01").tickers == ("SIM04",)
    with pytest.raises(DataError, match="SIM02 is no member of the universe on any of its bars"):
        load_prices(SOURCE, ["SIM04", "SIM02"], universe=table, start="2000-06-01")


@pytest.mark.parametrize(
    ("rows", "asked", "message"),
    [
        (["AAA,2000-01-01,", "BBB,2000-01-01,"], None, r"none of the 2 symbols .*\(AAA, BBB\)"),
        (["SIM01,2000-01-01,"], ["SIM03"], "ticker 'SIM03' is not in the universe"),
        (["SIM01,2000-01-01,", "sim02,2000-01-01,"], None, "'sim02' .* did you mean 'SIM02'"),
        (["SIM01,1980-01-01,1981-01-01"], None, "no ticker of .* is a member of the universe"),
        (["GONE,1980-01-01,"], ["GONE"], "ticker 'GONE' is not in"),
    ],
)
def test_a_table_that_does_not_fit(
    tmp_path: Path, rows: list[str], asked: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_prices(SOURCE, asked, universe=members(tmp_path, *rows))
    assert "\n" not in str(caught.value)


def test_bars_in_quarantine_are_left_out(market: Panel, tmp_path: Path) -> None:
    table = stretches(tmp_path, masked("SIM02", "2000-03-01", "2000-03-03"))
    panel = load_prices(SOURCE, quarantine=table)
    assert int((market.mask & ~panel.mask).sum()) == 3
    assert panel.source.endswith("(3 bars in quarantine)")
    assert panel.request == PriceRequest(SOURCE, market.tickers, quarantine=table_file(table))


def test_a_quarantine_of_nobody_is_refused(tmp_path: Path) -> None:
    table = stretches(tmp_path, masked("SIM011", "2000-01-05", "2000-01-07"))
    with pytest.raises(DataError, match=r"names SIM011, which simulated.* did you mean 'SIM01'"):
        load_prices(SOURCE, quarantine=table)


def test_times_without_a_bar_go_with_the_quarantine(market: Panel, tmp_path: Path) -> None:
    table = stretches(
        tmp_path, *(masked(ticker, "2000-03-01", "2000-03-03") for ticker in market.tickers)
    )
    panel = load_prices(SOURCE, quarantine=table)
    assert len(panel.times) == len(market.times) - 3
    assert panel.mask.all()


def test_a_member_without_a_bar_outside_quarantine_is_none(tmp_path: Path) -> None:
    universe = members(tmp_path, "SIM01,1999-01-01,", "SIM02,2000-03-01,2000-03-03")
    table = stretches(tmp_path, masked("SIM02", "2000-03-01", "2000-03-03"))
    assert load_prices(SOURCE, universe=universe).tickers == ("SIM01", "SIM02")
    assert load_prices(SOURCE, universe=universe, quarantine=table).tickers == ("SIM01",)


@pytest.mark.parametrize("option", ["quarantine", "universe"])
def test_a_table_that_is_not_there(tmp_path: Path, option: str) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        load_prices(SOURCE, **{option: tmp_path / "none.csv"})
