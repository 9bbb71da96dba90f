"""The corpus manifest: exactly what was seen, and the lock on it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from market.universes import FOREVER, day_of, universe

from forecasting.forecaster.corpus import Corpus, Parent, describe_corpus
from forecasting.market.features import feature_names
from forecasting.market.panel import QUOTED_COLUMNS, Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.splits import resolve_dates
from forecasting.market.universe import Spell


@pytest.fixture
def corpus(prices: Panel) -> Corpus:
    return describe_corpus(make_sequences(prices), resolve_dates(prices, 0.6, 0.7))


def test_the_manifest_says_what_was_seen(corpus, prices):
    assert corpus.tickers == prices.tickers
    assert (corpus.vintage, corpus.universe) == (prices.vintage, None)
    assert (corpus.source, corpus.interval) == (prices.source, "1d")
    assert corpus.features == "ohlcv+echo_square+echo_range"
    assert corpus.feature_names == feature_names(corpus.features)
    assert np.datetime64(corpus.validation_start) == prices.times[360]
    assert np.datetime64(corpus.test_start) == prices.times[420]
    for k, ticker in enumerate(prices.tickers):
        seen = np.flatnonzero(prices.mask[:420, k])
        member = corpus.members[ticker]
        assert member.bars == len(seen)
        assert np.datetime64(member.first) == prices.times[seen[0]]
        assert np.datetime64(member.last) == prices.times[seen[-1]]
    assert corpus.members["CCC"].bars == 410
    assert corpus.members["DDD"].bars == 270


def test_the_hash_of_a_ticker_is_of_what_was_seen_only(corpus, prices):
    def hashes(panel: Panel) -> list[str]:
        again = describe_corpus(make_sequences(panel), resolve_dates(panel, 0.6, 0.7))
        return [member.sha256 for member in again.members.values()]

    own = [member.sha256 for member in corpus.members.values()]
    values = prices.values.copy()
    values[420:] *= 1.01
    assert hashes(replace(prices, values=values)) == own
    values = values.copy()
    values[419, 1] *= 1.01
    changed = hashes(replace(prices, values=values))
    assert [a == b for a, b in zip(changed, own, strict=True)] == [True, False, True, True]


def test_the_hash_of_a_ticker_is_of_quoted_prices_where_there_are_no_others(corpus, prices):
    rows = np.flatnonzero(prices.mask[:420, 0])
    times, quoted = prices.times[rows], prices.values[rows, 0, : len(QUOTED_COLUMNS)]
    digest = hashlib.sha256(times.tobytes() + quoted.tobytes())
    assert corpus.members["AAA"].sha256 == digest.hexdigest()


def test_members_of_a_universe_are_what_was_seen(prices):
    table = universe(
        *(Spell(ticker, FOREVER, None) for ticker in ("AAA", "BBB")),
        Spell("CCC", day_of(prices, 450), None),
    )
    marked = table.apply(prices)
    made = describe_corpus(make_sequences(marked), resolve_dates(marked, 0.6, 0.7))
    assert made.tickers == ("AAA", "BBB")
    assert made.universe == table.sha256


def test_a_ticker_listed_after_the_test_began_is_no_member(prices):
    values = prices.values.copy()
    values[:450, 3] = np.nan
    late = Panel(prices.times, prices.tickers, values)
    corpus = describe_corpus(make_sequences(late), resolve_dates(late, 0.6, 0.7))
    assert corpus.tickers == ("AAA", "BBB", "CCC")


def test_the_lock_opens_on_the_first_unseen_bar(corpus, prices):
    assert corpus.seen(prices.times[0])
    assert corpus.seen(prices.times[419])
    assert not corpus.seen(prices.times[420])
    assert not corpus.seen(prices.times[-1])


@pytest.fixture
def parent(corpus: Corpus) -> Parent:
    return corpus.as_parent("mine", "0" * 64, "head")


def test_a_parent_is_what_its_corpus_was(parent, corpus, prices):
    assert (parent.name, parent.weights, parent.tune) == ("mine", "0" * 64, "head")
    assert (parent.tickers, parent.vintage) == (prices.tickers, prices.vintage)
    assert np.datetime64(parent.first) == prices.times[0]
    assert np.datetime64(parent.last) == prices.times[419]
    assert parent.test_start == corpus.test_start


@pytest.mark.parametrize(
    ("shares", "lock", "flatters"), [((0.3, 0.4), 420, True), ((0.75, 0.8), 480, False)]
)
def test_the_lock_is_the_later_of_both(parent, prices, shares, lock, flatters):
    made = describe_corpus(make_sequences(prices), resolve_dates(prices, *shares), (parent,))
    assert made.parents == (parent,)
    assert made.seen(prices.times[lock - 1])
    assert not made.seen(prices.times[lock])
    assert (
        max(np.datetime64(member.last) for member in made.members.values())
        == (prices.times[round(shares[1] * 600) - 1])
    )
    assert bool(made.notes()) == flatters
    assert Corpus.model_validate_json(made.model_dump_json()) == made


def test_a_lock_before_that_of_a_parent_is_refused(parent, corpus):
    later = parent.model_copy(update={"test_start": "2030-01-01"})
    tree = corpus.model_dump() | {"parents": [later.model_dump()]}
    with pytest.raises(ValueError, match="lies before that of a parent"):
        Corpus.model_validate(tree)


def test_a_corpus_of_a_version_without_parents_is_read(corpus):
    tree = corpus.model_dump()
    del tree["parents"]
    assert Corpus.model_validate(tree) == corpus


def test_what_a_parent_was_trained_on_is_known(parent, corpus):
    stranger = parent.model_copy(update={"tickers": ("ZZZ",)})
    made = corpus.model_copy(update={"parents": (stranger,)})
    assert [made.knows(ticker) for ticker in ("AAA", "ZZZ", "YYY")] == [True, True, False]
    assert "ZZZ" not in made.tickers
