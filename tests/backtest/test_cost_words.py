"""What is said of the costs is what is paid: no impact of prices without a volume."""

from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk
from matplotlib.text import Text

from forecasting.backtest.backtest import backtest
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.sweep import sweep
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.notes import cost_words
from forecasting.market.panel import COLUMNS, Panel

FULL, NONE = "plus a market impact of", "without market impact"
SILENT = random_walk(90, 6, seed=1)


def with_volume(tickers: int) -> Panel:
    """The prices of `SILENT` with a volume of the first tickers."""
    values = SILENT.values.copy()
    values[:, :tickers, COLUMNS.index("volume")] = 1e6
    return replace(SILENT, values=values)


@pytest.mark.parametrize(("tickers", "words"), [(0, NONE), (1, FULL), (6, FULL)])
def test_every_sentence_on_costs_is_true(tickers: int, words: str) -> None:
    panel = with_volume(tickers)
    forecast = noise_forecast(panel, seed=2)
    book = backtest(forecast, panel, n_random=0)
    assert bool(book.ledger.impact.any()) == (words == FULL)
    assert book.cost_words == book.to_dict()["costs"] == cost_words(Costs(), book.tape)
    drawn = " ".join(text.get_text() for text in FIGURES["equity"](book).findobj(Text))
    notes = " ".join(sweep(forecast, panel, Grid.parse(["top_k=1,2"])).notes)
    for said in (book.cost_words, " ".join(drawn.split()), notes):
        assert (FULL in said, NONE in said) == (words == FULL, words == NONE)


def test_other_costs_are_named_as_they_are() -> None:
    tape = make_tape(SILENT, Execution.NEXT_OPEN, Costs())
    assert np.isnan(tape.volume).all()
    assert cost_words(Costs(4, 2), tape) == Costs(4, 2, impact=0).describe()
