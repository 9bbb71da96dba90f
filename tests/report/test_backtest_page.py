"""The page of one strategy: what it says first, and that its numbers are the book's."""

import re
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest.markets import make_forecast, make_panel, noise_forecast, random_walk
from report.elements import Elements

from forecasting.backtest.accounting.ledger import COUNTS
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.forecast.forecast import Forecast
from forecasting.report.backtest_page import backtest_page, write_backtest_page
from forecasting.report.report import Report
from forecasting.report.strategy_tables import KEY_NUMBERS, RELATIVE
from forecasting.report.strategy_words import UNCOUNTED, verdict_sentences


@pytest.fixture(scope="module")
def elements(strategy_page: str) -> Elements:
    return Elements(strategy_page)


def test_verdicts_audit_and_warnings_come_before_any_number(
    strategy_page: str, book: Backtest
) -> None:
    page = unescape(strategy_page)
    order = [*verdict_sentences(book), "LEAK AUDIT", book.notes[0], "Key numbers"]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert page.count("LEAK AUDIT") == 1


def test_sections_stand_in_the_order_of_asking(elements: Elements) -> None:
    sections = [str(text) for level, text in elements.headings if level == 2]
    expected = ["Verdict", "Key numbers", "Equity", "Monthly", "Rolling", "Where the profit"]
    expected += ["Holdings", "Forecasts", "Calibration", "Among random", "Sensitivity", "Capacity"]
    expected += ["What to know", "Exact configuration", "Where it comes from"]
    found = [next(e for e in expected if section.startswith(e)) for section in sections]
    assert found == [e for e in expected if e in found]
    assert set(expected) - set(found) <= {"Among random"}


def test_key_numbers_are_those_of_the_book(elements: Elements, book: Backtest) -> None:
    head, *rows = elements.table("long_short and its benchmarks").texts
    own, *others = book.stats.index
    assert head == ("", own, "90% interval", *others)
    names = {called: (name, form) for name, (called, form) in KEY_NUMBERS.items()}
    assert [row[0] for row in rows] == list(names)
    for called, value, interval, *benchmarks in rows:
        name, form = names[called]
        for account, text in zip((own, *others), (value, *benchmarks), strict=True):
            number = book.stats.at[account, name]
            assert text == ("-" if np.isnan(number) else format(number, form))
        if name in book.intervals.index:
            low, high = book.intervals.loc[name, ["low", "high"]]
            assert interval == f"{low:{form}} to {high:{form}}"
        else:
            assert interval == ""


@pytest.mark.parametrize(
    "word",
    ["Calmar", "Tail ratio", "Break-even cost", "Deflated Sharpe", "PBO", "CAGR", "drawdown"],
)
def test_words_of_the_trade_are_explained_beneath_the_key_numbers(
    word: str, strategy_page: str
) -> None:
    table = strategy_page.index("and its benchmarks, net of costs")
    legend = strategy_page[table : strategy_page.index("Intervals:", table)].rpartition("<p")[2]
    assert word in legend


def test_relative_numbers_are_those_of_the_book(elements: Elements, book: Backtest) -> None:
    _, *rows = elements.table("long_short explained by each benchmark").texts
    assert [row[0] for row in rows] == list(book.relative.index)
    for name, *values in rows:
        for text, (column, (_, form)) in zip(values, RELATIVE.items(), strict=True):
            assert text == format(book.relative.at[name, column], form)


def test_months_are_those_of_the_book(elements: Elements, book: Backtest) -> None:
    head, *rows = elements.table("Returns of long_short by month").texts
    assert head[0] == "year"
    assert head[-1] == "whole year"
    assert [row[0] for row in rows] == [str(year) for year in book.monthly.index]
    for row, (_, values) in zip(rows, book.monthly.iterrows(), strict=True):
        expected = ["" if pd.isna(v) else f"{100 * v:+.1f}" for v in values]
        assert list(row[1:]) == expected


def test_drawdowns_are_those_of_the_book(elements: Elements, book: Backtest) -> None:
    _, *rows = elements.table("long_short: the deepest drawdowns").texts
    assert len(rows) == len(book.drawdowns)
    for row, found in zip(rows, book.drawdowns.to_dict(orient="records"), strict=True):
        assert row[1:4] == (
            f"{found['depth']:.1%}",
            f"{found['start']:%Y-%m-%d}",
            f"{found['bottom']:%Y-%m-%d}",
        )
        assert (row[4] == "not yet") == pd.isna(found["recovered"])


@pytest.mark.parametrize(
    ("caption", "name"),
    [("long_short at other costs", "by_cost"), ("long_short with every order", "by_delay")],
)
def test_sensitivity_is_that_of_the_book(
    caption: str, name: str, elements: Elements, book: Backtest
) -> None:
    _, *rows = elements.table(caption).texts
    table = getattr(book.what_if, name)
    assert [row[0] for row in rows] == [f"{at:g}" for at in table.index]
    assert [row[1] for row in rows] == [f"{value:+.2%}" for value in table["cagr"]]
    assert [row[2] for row in rows] == [f"{value:.2f}" for value in table["sharpe"]]


def test_capacity_is_that_of_the_book(
    strategy_page: str, elements: Elements, book: Backtest
) -> None:
    found = book.what_if.capacity
    assert found.sentence() in unescape(strategy_page)
    _, *rows = elements.table("long_short by capital").texts
    assert [row[1] for row in rows] == [f"{value:+.2%}" for value in found.cagr]


def test_every_fallback_is_counted(elements: Elements, book: Backtest) -> None:
    _, *rows = elements.table("Every fallback").texts
    assert {words: int(times.replace(",", "")) for words, times in rows} == {
        COUNTS[name]: count for name, count in book.counts.items()
    }


def test_configuration_is_exact(strategy_page: str, report: Report, book: Backtest) -> None:
    page = unescape(strategy_page)
    values = {"parameter": book.parameters, "costs": asdict(book.costs)}
    values["account"] = asdict(book.account)
    for kind, named in values.items():
        for name in named:
            assert f"<dt>{kind}: {name.replace('_', ' ')}</dt>" in page
    for words in (
        book.timing,
        book.cost_words,
        report.prices.vintage,
        report.model.corpus.vintage,
        report.model.files.recipe.to_yaml().strip(),
    ):
        assert words in page


def test_alt_texts_hold_the_numbers(elements: Elements, book: Backtest) -> None:
    said = " ".join(image["alt"] or "" for image in elements.all("img"))
    ends = book.equity.iloc[-1]
    for name in ends.index:
        assert f"{name} at {ends[name]:.2f} (deepest fall" in said
    assert f"net {book.costs_waterfall['net']:+.1%}" in said
    assert f"gross {book.exposure['gross'].mean():.0%} of equity" in said


def test_trials_that_nobody_counted_are_said(book: Backtest) -> None:
    assert verdict_sentences(replace(book, trial_sharpes=None))[-1] == UNCOUNTED
    assert UNCOUNTED not in verdict_sentences(replace(book, trial_sharpes=(0.1, 0.2)))


def test_a_book_alone_has_a_page(tmp_path: Path) -> None:
    panel = random_walk(8, 4, seed=1)
    book = backtest(noise_forecast(panel, seed=0), panel, n_random=0)
    path = tmp_path / "page.html"
    write_backtest_page(book, path)
    page = path.read_text(encoding="utf-8")
    sections = {str(text) for level, text in Elements(page).headings if level == 2}
    assert not sections & {"Forecasts", "Calibration", "Among random strategies"}
    assert "Not enough bars to compare it with cash" in page
    assert "NOT ENOUGH DATA: " in page
    assert (
        re.search(r"\b(nan|None|inf)\b", re.sub(r"base64,[^\"]*", "", page.split("</style>")[1]))
        is None
    )
    assert page == backtest_page(book)


@pytest.mark.parametrize(("drift", "word"), [(0.01, "earned"), (-0.01, "lost")])
def test_gain_or_loss_is_the_first_thing_said(drift: float, word: str) -> None:
    panel = make_panel(100 * np.exp(drift * np.arange(60))[:, None] * np.ones(4))
    book = backtest(
        make_forecast(panel, np.full((60, 4), 0.01)), panel, strategy="equal_weight", n_random=0
    )
    spent = book.costs_waterfall[["commission", "spread", "impact"]].sum()
    net = book.stats.at["equal_weight", "total_return"]
    first, *others = verdict_sentences(book)
    assert first == (
        f"It {word} {abs(net):.1%} of its starting capital: {net - spent:+.1%} before trading "
        f"costs, which took {-spent:.1%}."
    )
    assert others[0].startswith(("It ", "No evidence"))
    page = backtest_page(book)
    assert page.index(first) < page.index("net of all costs") < page.index("Key numbers")


def test_a_book_that_never_trades_has_a_page() -> None:
    panel = random_walk(60, 4, seed=1)
    book = backtest(make_forecast(panel, np.zeros(panel.mask.shape)), panel)
    assert not book.ledger.traded.any()
    assert verdict_sentences(book)[0].startswith("It never traded")
    page = backtest_page(book)
    assert "Among random strategies" in page
    assert "the deepest drawdowns; bars down" not in page


def test_ruin_is_the_first_thing_said() -> None:
    panel = random_walk(60, 4, seed=1)
    wild = make_forecast(panel, np.tile([1.0, 2.0, 3.0, 4.0], (60, 1)))

    def all_in(forecast: Forecast) -> np.ndarray:
        return np.tile([90.0, 0.0, 0.0, 0.0], (len(forecast.times), 1))

    book = backtest(
        wild, panel, strategy=all_in, account=AccountTerms(margin_limit=100), n_random=0
    )
    assert book.ledger.equity[-1] <= 0
    assert verdict_sentences(book)[0].startswith("It was ruined")
    page = backtest_page(book)
    assert page.index("It was ruined") < page.index("net of all costs")
