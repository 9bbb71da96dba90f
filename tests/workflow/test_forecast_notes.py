"""What the verb `forecast` says of its numbers: bars that were seen, histories that are short."""

import numpy as np
import pytest

import forecasting as fc
from forecasting.market.features import feature_set
from forecasting.workflow.forecast_notes import seen_origins, short_histories


@pytest.fixture
def corpus(model_folder):
    return fc.load_model(model_folder).corpus


def test_only_bars_that_were_seen_are_named(corpus):
    lock = np.datetime64(corpus.test_start)
    assert seen_origins(corpus, np.array([lock, lock + 1])) == ()
    (note,) = seen_origins(corpus, np.array([lock, lock - np.timedelta64(3, "D")]))
    assert note.startswith("IN SAMPLE: the model was trained and chosen on bars before 2011-08-15,")
    assert "2011-08-12 among them" in note


def test_short_histories_are_named_with_what_the_features_remember(corpus, prices):
    assert short_histories(corpus, prices) == ()
    hearing = corpus.model_copy(update={"features": "ohlcv+echo_square"})
    remembered = max(each.memory for each in feature_set(hearing.features).own)
    assert remembered == 529
    assert short_histories(hearing, prices) == (
        "Features of the model remember up to 529 bars: DDD has 450.",
    )
    late = prices.at(np.arange(len(prices.times)) >= 300)
    (note,) = short_histories(hearing, late)
    assert note.endswith(": AAA has 300, BBB has 300, CCC has 290, DDD has 300.")
    assert short_histories(hearing, prices.select(["AAA", "CCC"])) == ()


def test_of_many_short_histories_the_first_are_named(corpus):
    market = fc.simulate("volatility", n_tickers=7, n_bars=100)
    hearing = corpus.model_copy(update={"features": "close+echo_square"})
    (note,) = short_histories(hearing, market)
    assert note.count(" has 100") == 5
    assert note.endswith("SIM05 has 100 and 2 more.")
