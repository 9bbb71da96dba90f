"""Scored cells are members' bars; a ticker that ends is scored to its end."""

import numpy as np
import pytest
from evaluation.forecasters import Volatility
from market.universes import everybody, roster

from forecasting.evaluation.evaluate import evaluate
from forecasting.evaluation.scores.cells import common_cells
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.survivorship import MEMBERS

EVENTS = simulate("leverage", n_tickers=8, n_bars=900, seed=5, events=True)
"""Late listings, halts, delistings, splits and dividends."""
START = EVENTS.times[600]


def cells_of(panel: Panel, name: str = "model"):
    span = panel.between(START)
    return common_cells(span, [Volatility(name).forecast(panel).between(START)])[0]


def test_cells_are_bars_of_members_whose_outcome_is_known() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    assert marked.member is not None
    for part in cells_of(marked):
        expected = set()
        for k in range(len(marked.tickers)):
            bars = np.flatnonzero(marked.mask[:, k])
            expected |= {
                (bar - 600, k)
                for bar in bars[: len(bars) - part.horizon]
                if bar >= 600 and marked.member[bar, k]
            }
        assert set(zip(part.date.tolist(), part.ticker.tolist(), strict=True)) == expected


def test_a_forecaster_that_forecasts_everybody_is_scored_on_members() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    span, answer = marked.between(START), Volatility("model").forecast(EVENTS).between(START)
    for one, other in zip(common_cells(span, [answer])[0], cells_of(marked), strict=True):
        np.testing.assert_array_equal(one.date, other.date)
        np.testing.assert_array_equal(one.returns, other.returns)


def test_a_delisted_ticker_is_scored_to_its_end() -> None:
    last = [np.flatnonzero(EVENTS.mask[:, k])[-1] for k in range(len(EVENTS.tickers))]
    ended = [k for k, bar in enumerate(last) if 640 < bar < len(EVENTS.times) - 1]
    assert ended
    for part in cells_of(EVENTS):
        for k in ended:
            bars = np.flatnonzero(EVENTS.mask[:, k])
            assert part.date[part.ticker == k].max() == bars[-1 - part.horizon] - 600


@pytest.fixture(scope="module")
def judged():
    return evaluate(Volatility("model"), everybody(EVENTS), start=START, variant="ohlcv")


def test_everybody_is_judged_as_without_a_table(judged) -> None:
    plain = evaluate(Volatility("model"), EVENTS, start=START, variant="ohlcv")
    for name in ("scores", "verdicts", "location", "pit"):
        assert getattr(judged, name).equals(getattr(plain, name))
    assert judged.notes[0].startswith(MEMBERS)
    assert judged.notes[1:] == plain.notes
