"""What the bars, cells and lines of the figures stand for."""

import itertools

import numpy as np
import pandas as pd
import pytest
from backtest.figures.drawn_books import Books

from forecasting.backtest.figures import style
from forecasting.backtest.figures.capacity import capacity_figure
from forecasting.backtest.figures.costs import costs_figure
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.backtest.figures.holdings import NAMED, holdings_figure
from forecasting.backtest.statistics.capacity import Capacity

WATERFALL = pd.Series(
    {"gross": 0.3, "dividends": 0.05, "borrow": -0.1, "spread": -0.2, "impact": 0.0, "net": 0.05}
)


def test_the_waterfall_adds_up() -> None:
    (axis,) = costs_figure(WATERFALL, "mine").axes
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axis.patches]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["gross", "dividends", "borrow", "spread", "net"]
    for before, bar in itertools.pairwise(spans[:-1]):
        assert bar[0] == pytest.approx(before[1])
    assert spans[-2][1] == pytest.approx(spans[-1][1])
    assert spans[-1] == pytest.approx((0, 0.05))
    losses = [bar.get_hatch() is not None for bar in axis.patches]
    assert losses == [False, False, True, True, False]


def test_months_hold_the_numbers_of_the_table(books: Books) -> None:
    book = books("ordinary")
    (axis,) = FIGURES["monthly"](book).axes
    known = book.monthly.to_numpy(dtype=float)
    shown = [text.get_text() for text in axis.texts]
    assert shown == [f"{100 * value:+.1f}" for value in known[np.isfinite(known)]]


def test_the_largest_holdings_have_a_row() -> None:
    days = pd.bdate_range("2020-01-01", periods=900)
    weights = pd.DataFrame({f"T{k:02d}": k / 1000 for k in range(30)}, index=days)
    axis, bar = holdings_figure(weights, "mine").axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == [*(f"T{k:02d}" for k in range(29, 29 - NAMED, -1)), "9 others"]
    (mesh,) = axis.collections
    values = mesh.get_array()
    assert values.shape == (NAMED + 1, 300)
    np.testing.assert_allclose(values[0], 0.029)
    np.testing.assert_allclose(values[-1], weights.iloc[0, :10].sum())
    assert bar.get_ylim()[0] == -bar.get_ylim()[1]


def test_the_strategy_stands_among_random_ones(books: Books) -> None:
    book = books("ordinary")
    (axis,) = FIGURES["random"](book).axes
    own = axis.get_lines()[0]
    assert own.get_xdata()[0] == book.what_if.random.sharpe
    assert f"{book.what_if.random.percentile:.1%}" in own.get_label()
    assert sum(bar.get_height() for bar in axis.patches) == len(book.what_if.random.sharpes)


@pytest.mark.parametrize("color", [style.OWN, style.LOSS, *(color for color, _ in style.RIVALS)])
def test_curves_stand_out_from_the_paper(color: str) -> None:
    """Contrast of at least 3 to 1, as the Web Content Accessibility Guidelines ask of graphics."""
    rgb = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3


@pytest.mark.parametrize(
    ("value", "text"), [(2.5e9, "2.5bn"), (1e6, "1m"), (250_000, "250k"), (12, "12")]
)
def test_money_is_short(value: float, text: str) -> None:
    assert style.money(value) == text


def test_words_beside_close_lines_of_the_capacity_stand_apart() -> None:
    growth = np.array([0.1, 0.02, -0.1])
    capitals = np.array([1e6, 1e7, 1e8])
    known = Capacity(capitals, growth, growth, half=8e6, zero=1.2e7, note="")
    (axis,) = capacity_figure(known, "mine").axes
    half, zero = axis.texts
    assert (half.get_text(), zero.get_text()) == ("half: 8m", "zero: 12m")
    assert half.xyann[1] > zero.xyann[1] + half.get_fontsize()
