"""Every figure can be drawn of every book, without a global state, and says what it shows."""

import sys

import pytest
from backtest.figures.drawn_books import MAKERS, Books
from matplotlib.figure import Figure
from matplotlib.text import Text

from forecasting.backtest.figures.gallery import FIGURES


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_figure_of_every_book(kind: str, name: str, books: Books) -> None:
    book = books(kind)
    figure = FIGURES[name](book)
    figure.canvas.draw()
    assert isinstance(figure, Figure)
    assert book.strategy in words(figure)


@pytest.mark.parametrize("name", list(FIGURES))
def test_letters_can_be_read_on_a_phone(name: str, books: Books) -> None:
    """At 400 points of width no letter is lower than 6 points, captions of notebooks excepted."""
    figure = FIGURES[name](books("ordinary"))
    points = 400 / (72 * figure.get_figwidth())
    caption = figure.get_supxlabel()
    for text in figure.findobj(Text):
        if text.get_text() and text.get_text() != caption:
            assert text.get_fontsize() * points >= 6


@pytest.mark.parametrize("kind", ["short", "idle"])
def test_a_figure_says_that_there_is_nothing_to_draw(kind: str, books: Books) -> None:
    said = words(FIGURES["rolling_sharpe"](books(kind)))
    assert "expected a year" in said
    assert "no volume" in words(FIGURES["capacity"](books(kind)))


def test_an_idle_account_is_said_to_be_idle(books: Books) -> None:
    assert books("idle").strategy == "long_only"
    assert "Nothing was held." in words(FIGURES["holdings"](books("idle")))
    assert "Nothing was earned or paid." in words(FIGURES["costs"](books("idle")))
    assert "never fell" in words(FIGURES["drawdowns"](books("idle")))
    assert "never held anything" in words(FIGURES["random"](books("idle")))


def test_no_pyplot(books: Books) -> None:
    sys.modules.pop("matplotlib.pyplot", None)
    for draw in FIGURES.values():
        draw(books("ordinary"))
    assert "matplotlib.pyplot" not in sys.modules
