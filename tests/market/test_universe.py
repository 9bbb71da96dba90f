from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market.universes import FOREVER, day_of, everybody, roster, universe

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.resampling import resample
from forecasting.market.simulation import simulate
from forecasting.market.survivorship import SURVIVORS, survivorship
from forecasting.market.universe import Spell

MARKET = simulate("random-walk", n_tickers=4, n_bars=60, seed=1)
FIRST = day_of(MARKET, 0)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(MARKET.tickers), st.integers(-9, 90), st.integers(0, 40)),
        max_size=6,
    )
)
def test_members_are_who_the_dates_say(drawn: list[tuple[str, int, int]]) -> None:
    spells = [
        Spell(ticker, FIRST + timedelta(start), FIRST + timedelta(start + length))
        for ticker, start, length in drawn
    ]
    member = universe(*spells).members(MARKET.times, MARKET.tickers)
    for k, ticker in enumerate(MARKET.tickers):
        for bar in range(len(MARKET.times)):
            inside = [
                s.first <= day_of(MARKET, bar) <= s.last for s in spells if s.symbol == ticker
            ]
            assert member[bar, k] == any(inside)


def test_any_day_of_the_calendar_will_do() -> None:
    always = universe(Spell("SIM01", date.min, date.max), Spell("SIM02", FIRST, None))
    assert always.members(MARKET.times, MARKET.tickers)[:, :2].all()


def test_all_bars_of_a_day_are_a_member_s() -> None:
    times = np.datetime64("2020-01-02T10:00", "ns") + np.arange(48) * np.timedelta64(1, "h")
    member = universe(Spell("A", date(2020, 1, 3), date(2020, 1, 3))).members(times, ("A",))
    assert np.flatnonzero(member[:, 0]).tolist() == list(range(14, 38))


def test_who_never_is_a_member_is_left_out_and_the_others_marked() -> None:
    table = universe(
        Spell("SIM02", FIRST, day_of(MARKET, 9)),
        Spell("SIM04", day_of(MARKET, 5), None),
        Spell("SIM03", date(1980, 1, 1), date(1981, 1, 1)),
        Spell("GONE", FIRST, None),
    )
    marked = table.apply(MARKET, (*MARKET.tickers, "OTHER"))
    assert marked.tickers == ("SIM02", "SIM04")
    assert marked.member is not None
    assert marked.member.sum(axis=0).tolist() == [10, 55]
    np.testing.assert_array_equal(marked.values, MARKET.select(marked.tickers).values)
    assert marked.membership is not None
    assert (marked.membership.absent, marked.membership.n_symbols) == (("GONE",), 4)
    with pytest.raises(DataError, match=r"no ticker of .* is a member .* expected bars of GONE"):
        universe(Spell("GONE", FIRST, None)).apply(MARKET)


def test_members_are_cut_with_the_prices() -> None:
    marked = roster(MARKET).apply(MARKET)
    part = marked.select(("SIM03", "SIM02")).between(str(day_of(MARKET, 20)))
    assert marked.member is not None
    np.testing.assert_array_equal(part.member, marked.member[20:, [2, 1]])
    with pytest.raises(Exception, match="member"):
        replace(marked, times=marked.times[:10], values=marked.values[:10])
    with pytest.raises(ValueError, match="read-only"):
        marked.member[0, 0] = False


def test_the_vintage_knows_members_but_only_where_there_are_any() -> None:
    marked = roster(MARKET).apply(MARKET)
    assert len({MARKET.vintage, marked.vintage, everybody(MARKET).vintage}) == 3
    assert replace(marked, member=None).vintage == MARKET.vintage


def test_resampled_bars_would_lose_their_members() -> None:
    with pytest.raises(DataError, match="Resample them first"):
        resample(everybody(MARKET), "1wk")


def delisted(bar: int) -> Panel:
    """The market in which SIM02 has no bar after one."""
    values = MARKET.values.copy()
    values[bar + 1 :, 1] = np.nan
    return replace(MARKET, values=values)


def test_a_final_return_is_one_more_bar() -> None:
    panel = delisted(30)
    marked = universe(
        Spell("SIM01", FOREVER, None), Spell("SIM02", FOREVER, day_of(panel, 32), -0.3)
    ).apply(panel)
    assert np.flatnonzero(marked.mask[:, 1]).tolist() == [*range(31), 33]
    last, final = (dict(zip(COLUMNS, marked.values[bar, 1], strict=True)) for bar in (30, 33))
    assert marked.member is not None
    assert not marked.member[33, 1]
    for name in ("open", "high", "low", "close"):
        assert final[name] == pytest.approx(0.7 * last["close"])
    assert final["adj_close"] == pytest.approx(0.7 * last["adj_close"])
    assert final["volume"] == 0
    np.testing.assert_array_equal(marked.values[:31], panel.values[:31, :2])
    np.testing.assert_array_equal(marked.values[:, 0], panel.values[:, 0])


def test_a_final_return_that_is_not_there_yet_changes_nothing() -> None:
    panel = delisted(58).between(None, str(day_of(MARKET, 58)))
    table = universe(Spell("SIM02", FOREVER, day_of(panel, 58), -0.3))
    np.testing.assert_array_equal(table.apply(panel).values, panel.select(("SIM02",)).values)


def test_a_final_return_of_who_goes_on_trading() -> None:
    with pytest.raises(DataError, match=r"SIM02 has a bar on .* states its final return"):
        universe(Spell("SIM02", FOREVER, day_of(MARKET, 30), -0.3)).apply(MARKET)


def test_the_sentence_on_survivors() -> None:
    assert survivorship(MARKET) == SURVIVORS
    table = universe(
        Spell("SIM02", FIRST, day_of(MARKET, 9)),
        Spell("SIM04", day_of(MARKET, 5), None),
        *(Spell(f"GONE{k}", FIRST, None) for k in range(7)),
    )
    said = survivorship(table.apply(MARKET))
    assert (
        f"2 tickers were members between {FIRST} and {day_of(MARKET, 59)}, 1 to 2 at once" in said
    )
    assert "sha256 000000000000" in said
    assert "is the user's claim" in said
    assert "7 of its 9 symbols have no prices here (GONE0, GONE1, GONE2, GONE3, GONE4 ...)" in said
