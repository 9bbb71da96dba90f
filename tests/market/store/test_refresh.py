import itertools
import random
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market.store.answers import Answers, make_bars, pay_dividend, split, store

from forecasting import paths
from forecasting.errors import DataError, SourceError
from forecasting.market.panel import Panel
from forecasting.market.store.generations import manifest, read
from forecasting.market.store.refresh import OVERLAP_BARS, refresh

BARS = make_bars(200)


def files() -> list[str]:
    return sorted(path.name for path in (paths.store() / "1d" / "AAA").iterdir())


def test_new_bars_are_appended() -> None:
    first = store(BARS.iloc[:150])
    answers = Answers(BARS)
    second = refresh("AAA", answers, source="test")
    assert answers.asked == [str(BARS.index[150 - OVERLAP_BARS].date())]
    assert (first.new_bars, second.new_bars, second.difference) == (150, 50, None)
    assert (second.manifest.generation, second.manifest.rows) == (1, 200)
    assert second.manifest.vintage == Panel.from_frames({"AAA": BARS}).vintage
    assert files() == ["1-200.parquet", "1.json"]


def test_nothing_new() -> None:
    first, second = store(BARS).manifest, store(BARS)
    assert (second.new_bars, second.difference) == (0, None)
    assert (second.manifest.sha256, second.manifest.vintage) == (first.sha256, first.vintage)


FRESH = itertools.count()
CHUNKS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None)
@given(chunks=CHUNKS)
def test_any_chunks_give_the_same_vintage(chunks: list[int]) -> None:
    ticker = f"T{next(FRESH)}"
    ends = [*np.cumsum([2, *chunks]), 400]
    bars = make_bars(400)
    for end in ends:
        said = store(bars.iloc[:end], ticker).manifest
    assert said.generation == 1
    assert said.vintage == Panel.from_frames({ticker: bars}).vintage
    assert said.sha256 == store(bars, f"T{next(FRESH)}").manifest.sha256


@settings(max_examples=10, deadline=None)
@given(starts=st.lists(st.integers(0, 390), min_size=1, max_size=5), order=st.randoms())
def test_chunks_in_any_order_give_the_same_bytes(starts: list[int], order: random.Random) -> None:
    """Each chunk begins at another day, earlier or later than those before."""
    bars, ticker = make_bars(400), f"T{next(FRESH)}"
    begins = [*starts, 0]
    order.shuffle(begins)
    for begin in begins:
        said = store(bars, ticker, start=str(bars.index[begin].date())).manifest
    assert said.sha256 == store(bars, f"T{next(FRESH)}").manifest.sha256


def test_intraday_overlap_begins_with_a_day() -> None:
    times = pd.date_range("2020-03-02 10:00", periods=200, freq="15min")
    bars = BARS.set_axis(times)
    store(bars.iloc[:150], interval="15m")
    answers = Answers(bars)
    assert refresh("AAA", answers, source="test", interval="15m").new_bars == 50
    assert answers.asked == ["2020-03-03"]


def revise(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[frame.index[145], "close"] += 0.01
    return frame


@pytest.mark.parametrize(
    ("rewrite", "kind"),
    [
        (lambda bars: pay_dividend(bars, 0.995, before=160), "rescaled adjustment 0.995"),
        (lambda bars: split(bars, 4.0, at=160), "new split 4"),
        (revise, "revised bars"),
        (lambda bars: bars.drop(bars.index[145]), "vanished bars"),
    ],
)
def test_a_rewritten_history_is_a_new_generation(
    rewrite: Callable[[pd.DataFrame], pd.DataFrame], kind: str
) -> None:
    before = store(BARS.iloc[:150]).manifest
    changed = rewrite(BARS)
    answers = Answers(changed)
    after = refresh("AAA", answers, source="test")
    assert answers.asked[1:] == [None]
    assert after.difference is not None
    assert kind in after.difference.summary
    assert (after.manifest.generation, after.new_bars) == (2, 50)
    assert after.manifest.vintage == Panel.from_frames({"AAA": changed}).vintage
    assert read("AAA", generation=1)[1] == before
    assert len(files()) == 4


def test_an_incomplete_overlap_alone_changes_nothing() -> None:
    store(BARS.iloc[:150])
    answers = [BARS.iloc[148:], BARS]
    done = refresh("AAA", lambda _: answers.pop(0), source="test")
    assert (done.difference, done.new_bars, done.manifest.generation) == (None, 50, 1)


def test_bars_that_the_source_no_longer_has_are_kept() -> None:
    """As minutes older than a month, while a bar within it was revised."""
    store(BARS.iloc[:150])
    done = store(revise(BARS).iloc[100:])
    assert done.difference is not None
    assert done.difference.summary.endswith("revised bars: 1 bar, 2010-07-26; close")
    assert (done.manifest.generation, done.new_bars) == (2, 50)
    assert done.manifest.vintage == Panel.from_frames({"AAA": revise(BARS)}).vintage


def test_an_earlier_start_fetches_what_lies_before() -> None:
    store(BARS.loc["2010-03-01":], start="2010-03-01")
    assert refresh("AAA", later := Answers(BARS), source="test", start="2010-06-01").new_bars == 0
    assert later.asked != [None]
    done = store(BARS)
    assert done.difference is not None
    assert done.difference.summary.endswith("earlier history: 40 bars, 2010-01-04 to 2010-02-26")
    assert (done.manifest.rows, done.manifest.start, done.new_bars) == (200, None, 0)
    refresh("AAA", again := Answers(BARS), source="test")
    assert again.asked != [None]


def test_only_yahoos_adjusted_closes_may_differ_in_their_last_digits() -> None:
    noisy = pay_dividend(BARS, 1 + 4e-7)
    for source, generation in (("yahoo", 1), ("test", 2)):
        first = store(BARS.iloc[:150], source.upper(), source=source).manifest
        done = store(noisy, source.upper(), source=source).manifest
        assert done.generation == generation
        if source == "yahoo":
            assert read("YAHOO", rows=150)[0].equals(read("YAHOO")[0].iloc[:150])
            assert first.rows + 50 == done.rows


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (BARS.iloc[:0], "answered with no bar of AAA .* kept. Try again later"),
        (
            BARS.iloc[140:148],
            "answered with bars of AAA .* up to 2010-07-28: expected .* 2010-07-30",
        ),
        (BARS.iloc[130:], r"answered with 20 bars of AAA .* the store has 150 .* fetch again"),
        (BARS.iloc[[*range(140, 160), 155]], "AAA: the bar of 2010-08-09 is out of order"),
        (BARS.iloc[[*range(140, 160), 159]], "AAA: the bar of 2010-08-13 is repeated"),
        (BARS.assign(close=-1.0), "AAA: close of 2010-01-04 is -1"),
        (BARS.assign(bid=1.0), "AAA has columns .'bid'.: expected some of"),
    ],
)
def test_answers_that_cannot_be(answer: pd.DataFrame, message: str) -> None:
    before = store(BARS.iloc[:150]).manifest
    rewritten = pay_dividend(answer, 0.99)
    with pytest.raises(DataError, match=message) as error:
        refresh("AAA", lambda _: rewritten, source="test")
    assert "\n" not in str(error.value)
    assert manifest("AAA") == before
    assert files() == ["1-150.parquet", "1.json"]


def test_errors_of_the_source_pass_through() -> None:
    def fail(_: str | None) -> pd.DataFrame:
        raise SourceError("HTTP 429")

    with pytest.raises(SourceError, match="429"):
        refresh("AAA", fail, source="test")
    assert manifest("AAA") is None
    assert store(BARS).new_bars == 200


def test_sources_are_not_mixed() -> None:
    store(BARS.iloc[:150])
    with pytest.raises(DataError, match=r"AAA .1d. from test: bars from yahoo do not continue it"):
        store(BARS, source="yahoo")


def test_bars_that_are_no_prices_are_not_stored() -> None:
    with pytest.raises(DataError, match="close of 2010-01-04 is -1"):
        store(BARS.assign(close=-1.0))
    assert not (paths.store() / "1d").exists()
