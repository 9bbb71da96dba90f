import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market.store.answers import make_bars, pay_dividend, split, store

from forecasting.errors import DataError
from forecasting.market.store.comparison import Change, compare, extends
from forecasting.market.store.difference import diff
from forecasting.market.store.history import History

BARS = make_bars(120)


def changes(old: pd.DataFrame, new: pd.DataFrame) -> tuple[Change, ...]:
    return compare(History.from_frame("AAA", old), History.from_frame("AAA", new))


def test_equal_histories_and_later_bars_are_no_change() -> None:
    assert changes(BARS.iloc[:100], BARS) == ()
    old, new = History.from_frame("AAA", BARS.iloc[:100]), History.from_frame("AAA", BARS)
    assert extends(old, new)
    assert not extends(new, old)


@settings(max_examples=20, deadline=None)
@given(
    factor=st.floats(0.5, 0.9999),
    ratio=st.sampled_from([0.1, 0.5, 2.0, 3.0, 20.0]),
    paid=st.integers(20, 119),
    at=st.integers(20, 119),
)
def test_dividend_and_split_are_told_apart(factor: float, ratio: float, paid: int, at: int) -> None:
    """Whether they lie among the bars that were known or after them."""
    new = split(pay_dividend(BARS, factor, before=paid), ratio, at)
    told = {change.kind: change for change in changes(BARS.iloc[:100], new)}
    assert set(told) == {"new split", "rescaled adjustment"}
    assert told["new split"].factor == pytest.approx(ratio)
    assert told["rescaled adjustment"].factor == pytest.approx(factor)
    assert told["rescaled adjustment"].bars == min(paid, 100)
    assert told["new split"].note == f"{ratio:g} on {BARS.index[at].date()}"


def test_a_split_that_rescales_no_price() -> None:
    new = BARS.copy()
    new.loc[new.index[110], "split"] = 2.0
    (change,) = changes(BARS.iloc[:100], new)
    assert change.summary == "new split 2: 1 bar, 2010-06-07; 2 on 2010-06-07; prices stayed"


def test_revised_bars() -> None:
    new = pay_dividend(BARS, 0.99)
    for row in range(40, 47):
        new.loc[new.index[row], "high"] *= 1.1
    rescaled, revised = changes(BARS, new)
    assert rescaled.bars == 120
    assert (revised.bars, revised.note, len(revised.revisions)) == (7, "high", 5)
    first = revised.revisions[0]
    assert (first.time, first.column) == ("2010-03-01", "high")
    assert first.new == pytest.approx(1.1 * BARS["high"].iloc[40])


def test_bars_that_vanish_appear_or_lie_earlier() -> None:
    told = changes(BARS.iloc[20:].drop(BARS.index[50]), BARS.drop(BARS.index[[60, 61]]))
    assert [(change.kind, change.bars, change.first) for change in told] == [
        ("vanished bars", 2, "2010-03-29"),
        ("added bars", 1, "2010-03-15"),
        ("earlier history", 20, "2010-01-04"),
    ]


def test_histories_without_a_common_bar() -> None:
    told = changes(BARS.iloc[:50], BARS.iloc[50:])
    assert [change.kind for change in told] == ["vanished bars"]


def test_values_that_come_and_go() -> None:
    (change,) = changes(BARS.assign(dividend=np.nan), BARS)
    assert (change.kind, change.note, change.bars) == ("revised bars", "dividend", 120)
    assert (change.revisions[0].old, change.revisions[0].new) == (None, 0.0)


def test_diff() -> None:
    store(BARS)
    with pytest.raises(DataError, match=r"one generation of AAA \(1d\): expected two to compare"):
        diff("AAA")
    store(pay_dividend(BARS, 0.99))
    reported = store(pay_dividend(BARS, 0.99).drop(BARS.index[115])).difference
    assert diff("AAA") == reported
    assert diff("AAA").rows() == [("vanished bars", "1", "2010-06-14", "2010-06-14", "", "")]
    assert len(diff("AAA", older=1).rows()) == 2
    assert diff("AAA", older=1, newer=2).summary == (
        "AAA (1d) generation 1 -> 2: rescaled adjustment 0.99: 120 bars, 2010-01-04 to 2010-06-18"
    )
    assert diff("AAA", older=2, newer=2).summary.endswith("no change")
    with pytest.raises(DataError, match="generation 9 of AAA"):
        diff("AAA", older=9)
    with pytest.raises(DataError, match=r"generation 2 of AAA \(1d\) is newer than generation 1"):
        diff("AAA", older=2, newer=1)


def test_revised_values_as_a_table() -> None:
    store(BARS)
    new = BARS.copy()
    new.loc[new.index[115], "volume"] = 1.0
    store(new)
    difference = diff("AAA")
    assert len(difference.rows()[0]) == len(difference.HEADER)
    assert difference.revision_rows() == [
        ("2010-06-14", "volume", f"{BARS['volume'].iloc[115]:.10g}", "1")
    ]
