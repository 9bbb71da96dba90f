"""The equity figure: curves, scale, captions; also after ruin."""

import numpy as np
import pandas as pd
import pytest
from backtest.figures.drawn_books import Books

from forecasting.backtest.figures.equity import equity_figure
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.backtest.figures.style import looks
from forecasting.backtest.strategies.registry import BENCHMARKS

DAYS = pd.bdate_range("2020-01-01", periods=5)


def test_curves_costs_timing_and_verdicts(books: Books) -> None:
    book = books("ordinary")
    figure = FIGURES["equity"](book)
    upper, lower = figure.axes
    accounts = len(book.ledgers)
    assert len(upper.get_lines()) == accounts + 1
    assert len(lower.get_lines()) == accounts
    own = upper.get_lines()[0].get_ydata()
    np.testing.assert_array_equal(own, book.equity[book.strategy])
    caption = figure.get_supxlabel()
    for said in ("bps commission", "bar t+1", "vs buy_and_hold", "vs cash"):
        assert said in caption


@pytest.mark.parametrize(("last", "scale"), [(2.9, "linear"), (3.1, "log")])
def test_a_wide_span_gets_a_log_scale(last: float, scale: str) -> None:
    equity = pd.DataFrame({"mine": np.linspace(1, last, 5), "theirs": 1.0}, index=DAYS)
    upper, lower = equity_figure(equity).axes
    assert upper.get_yscale() == scale
    assert ("log" in upper.get_ylabel()) == (scale == "log")
    assert lower.get_yscale() == "linear"


def test_money_and_multiples_give_the_same_curve() -> None:
    equity = pd.DataFrame({"mine": [1.0, 1.1, 0.9, 1.0, 1.2]}, index=DAYS)
    curves = [
        equity_figure(each).axes[0].get_lines()[0].get_ydata() for each in (equity, 5 * equity)
    ]
    np.testing.assert_allclose(curves[0], curves[1])


def test_a_ruined_account_ends_at_its_ruin() -> None:
    equity = pd.DataFrame({"mine": [1.0, 0.5, 0.0, 0.0, 0.0], "theirs": 4.0}, index=DAYS)
    upper, _ = equity_figure(equity).axes
    assert np.isnan(upper.get_lines()[0].get_ydata()[2:]).all()
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert labels == ["mine (ruined)", "theirs"]


def test_curves_differ_without_colour() -> None:
    dashes = [str(look["ls"]) for look in looks(["mine", *BENCHMARKS]).values()]
    assert len(set(dashes)) == len(dashes)
