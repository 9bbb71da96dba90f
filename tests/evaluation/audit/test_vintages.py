from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from market.store.answers import make_bars, pay_dividend, store

from forecasting.evaluation.audit.finding import Outcome
from forecasting.evaluation.audit.vintages import vintage_audit
from forecasting.forecaster.corpus import Corpus, describe_corpus
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.splits import resolve_dates
from forecasting.market.store.generations import read
from forecasting.market.store.pins import load_pinned, pins
from forecasting.market.store.source import StoreSource

FIRST, SECOND = make_bars(400), make_bars(400, seed=1)


def corpus_of(panel: Panel) -> Corpus:
    dates = resolve_dates(panel, 0.5, 0.75)
    return describe_corpus(make_sequences(panel, variant="close"), dates)


def download(first: pd.DataFrame, second: pd.DataFrame) -> Panel:
    store(first, "AAA")
    store(second, "BBB")
    return StoreSource().load()


def test_a_second_download_with_revised_history_is_another_vintage() -> None:
    then = download(FIRST.iloc[:350], SECOND.iloc[:350])
    corpus, pinned = corpus_of(then), pins(then)
    assert vintage_audit(corpus.members, then).outcome is Outcome.PASSED

    now = download(pay_dividend(FIRST, 0.99, before=360), SECOND)
    assert read("AAA")[1].generation == 2
    finding = vintage_audit(corpus.members, now)
    assert (finding.outcome, finding.stage) == (Outcome.FAILED, "source")
    assert finding.measured.startswith("the history of AAA was rewritten")
    assert "1 of 2 tickers" in finding.measured

    again = load_pinned(pinned)
    assert again.vintage == then.vintage
    np.testing.assert_array_equal(again.values, then.values)
    assert vintage_audit(corpus.members, again).outcome is Outcome.PASSED


def test_bars_that_are_appended_change_nothing() -> None:
    corpus = corpus_of(download(FIRST.iloc[:350], SECOND.iloc[:350]))
    finding = vintage_audit(corpus.members, download(FIRST, SECOND))
    assert finding.outcome is Outcome.PASSED
    assert "2 tickers" in finding.measured


def test_bars_after_the_training_may_be_revised(prices: Panel) -> None:
    corpus = corpus_of(prices)
    values = prices.values.copy()
    values[-5:] *= 1.01
    assert vintage_audit(corpus.members, replace(prices, values=values)).outcome is Outcome.PASSED


@pytest.mark.parametrize("column", ["adj_close", "volume"])
def test_one_revised_value_is_enough(prices: Panel, column: str) -> None:
    corpus = corpus_of(prices)
    values = prices.values.copy()
    values[200, 1, COLUMNS.index(column)] *= 1.0001
    finding = vintage_audit(corpus.members, replace(prices, values=values))
    assert finding.outcome is Outcome.FAILED
    assert "BBB" in finding.measured


def test_a_vanished_bar_is_a_rewritten_history(prices: Panel) -> None:
    corpus = corpus_of(prices)
    values = prices.values.copy()
    values[200, 0] = np.nan
    finding = vintage_audit(corpus.members, replace(prices, values=values))
    assert "AAA was rewritten" in finding.measured


def test_what_is_not_there_cannot_be_compared(prices: Panel) -> None:
    corpus = corpus_of(prices)
    some = vintage_audit(corpus.members, prices.select(["AAA"]))
    assert some.outcome is Outcome.PASSED
    assert "BBB, CCC, DDD" in some.measured
    later = vintage_audit(corpus.members, prices.at(slice(300, None)))
    assert later.outcome is Outcome.NOT_RUN
