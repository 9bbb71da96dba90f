"""The books of `drawn_books`, each made once."""

from functools import cache

import pytest
from backtest.figures.drawn_books import MAKERS, Books


@pytest.fixture(scope="session")
def books() -> Books:
    return cache(lambda name: MAKERS[name]())
