import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import make_frames
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel


def frame(prices: list[float], days: list[str] | None = None) -> pd.DataFrame:
    index = pd.DatetimeIndex(days) if days else pd.bdate_range("2020-01-01", periods=len(prices))
    return pd.DataFrame({"adj_close": prices}, index=index)


def test_frames_are_aligned_and_holes_stay_masked(prices: Panel) -> None:
    frames = make_frames()
    assert prices.tickers == tuple(frames)
    for k, (ticker, bars) in enumerate(frames.items()):
        rows = np.isin(prices.times, bars.index.to_numpy())
        np.testing.assert_array_equal(prices.mask[:, k], rows)
        for name in COLUMNS:
            expected = bars[name] if name in bars else np.full(len(bars), np.nan)
            np.testing.assert_array_equal(prices.column(name)[rows, k], expected, err_msg=ticker)
        assert np.isnan(prices.values[~rows, k]).all()


def test_columns(prices: Panel, close_only: Panel) -> None:
    assert prices.has("open", "volume")
    assert not prices.has("open", "dividend")
    assert close_only.has("adj_close")
    assert not close_only.has("close")
    assert np.shares_memory(prices.column("open"), prices.values)
    with pytest.raises(ValueError, match="read-only"):
        prices.values[0, 0, 0] = 1.0


BAD_FRAMES = {
    "AAA has no bars: expected at least one": frame([]),
    "AAA has unknown columns .'price'.": frame([1.0, 2.0]).assign(price=1.0),
    "AAA has no adj_close column": frame([1.0, 2.0]).rename(columns={"adj_close": "close"}),
    "the bar of 2020-01-02 is repeated .row 2.": frame([1.0, 2.0], ["2020-01-02"] * 2),
    "the bar of 2020-01-02 is out of order .row 2.": frame([1, 2], ["2020-01-03", "2020-01-02"]),
    "adj_close of 2020-01-02 is 0 .1 such bars.: expected positive": frame([1.0, 0.0]),
    "adj_close of 2020-01-02 is -3 .2 such bars.": frame([1.0, -3.0, -4.0]),
    "adj_close of 2020-01-01 is inf": frame([np.inf, 1.0]),
    "adj_close of 2020-01-02 is missing .2 such bars.": frame([1.0, np.nan, np.nan, 2.0]),
    "adj_close is 7 on all 3 bars: expected prices that move": frame([7.0, 7.0, 7.0]),
    "high of 2020-01-01 is -1": frame([1.0, 2.0]).assign(high=-1.0),
}


@pytest.mark.parametrize("message", BAD_FRAMES)
def test_bad_frames_give_one_line(message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        Panel.from_frames({"AAA": BAD_FRAMES[message]})
    assert "\n" not in str(error.value)


def test_no_frames() -> None:
    with pytest.raises(DataError, match="no tickers came"):
        Panel.from_frames({})


def test_wrong_shapes_are_a_programming_mistake() -> None:
    times = pd.bdate_range("2020-01-01", periods=3).to_numpy()
    with pytest.raises(ValueError, match=r"values have shape \(2, 1, 10\), expected \(3, 1, 10\)"):
        Panel(times, ("AAA",), np.ones((2, 1, len(COLUMNS))))


def test_zones_are_dropped_clock_times_kept() -> None:
    bars = frame([1.0, 2.0], ["2020-03-06", "2020-03-09"]).tz_localize("America/New_York")
    assert Panel.from_frames({"AAA": bars}).times[0] == np.datetime64("2020-03-06T00:00")


def test_select_keeps_order_and_drops_empty_bars(prices: Panel) -> None:
    chosen = prices.select(["DDD", "AAA"])
    assert chosen.tickers == ("DDD", "AAA")
    np.testing.assert_array_equal(chosen.column("close"), prices.column("close")[:, [3, 0]])
    assert len(prices.select(["DDD"]).times) == len(prices.times) - 150
    assert prices.select(["DDD"]).mask.all()


@pytest.mark.parametrize(
    ("tickers", "message"),
    [
        (["AAA", "ZZZ"], r"ticker 'ZZZ' is not in test prices: it has 4 \(AAA, BBB, CCC, DDD\)"),
        (["AAA", "AAA"], "a ticker came twice in AAA, AAA"),
    ],
)
def test_select_refuses(prices: Panel, tickers: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prices.select(tickers)


def test_between_includes_both_days(prices: Panel) -> None:
    part = prices.between("2010-02-01", "2010-02-05")
    assert part.times.astype("datetime64[D]").astype(str).tolist() == [
        f"2010-02-0{day}" for day in range(1, 6)
    ]
    assert prices.between().vintage == prices.vintage


def test_the_end_day_is_whole_on_intraday_bars() -> None:
    hours = pd.date_range("2020-01-01", periods=48, freq="h")
    bars = pd.DataFrame({"adj_close": np.arange(1.0, 49)}, index=hours)
    panel = Panel.from_frames({"AAA": bars}, interval="1h")
    assert len(panel.between(end="2020-01-01").times) == 24
    assert len(panel.between("2020-01-02", "2020-01-02 05:00").times) == 6


@given(st.integers(0, 599), st.integers(0, 599))
def test_between_equals_a_plain_filter(prices: Panel, one: int, other: int) -> None:
    start, end = prices.times[min(one, other)], prices.times[max(one, other)]
    part = prices.between(start, end)
    kept = (prices.times >= start) & (prices.times <= end)
    np.testing.assert_array_equal(part.times, prices.times[kept])
    np.testing.assert_array_equal(part.values, prices.values[kept])


def test_between_outside(prices: Panel) -> None:
    with pytest.raises(
        DataError, match=r"no bars from 2030-01-01 to the last: test prices has 2010"
    ):
        prices.between("2030-01-01")


def test_equal_prices_have_one_vintage_whatever_the_sign_of_zero(prices: Panel) -> None:
    plus, minus = prices.values.copy(), prices.values.copy()
    plus[3, 0, COLUMNS.index("dividend")], minus[3, 0, COLUMNS.index("dividend")] = 0.0, -0.0
    assert replace(prices, values=plus).vintage == replace(prices, values=minus).vintage


def test_vintage_tells_any_change(prices: Panel) -> None:
    frames = make_frames()
    assert Panel.from_frames(frames, source="elsewhere").vintage == prices.vintage
    changed = frames["AAA"].copy()
    changed.iloc[-1, 0] = np.nextafter(changed.iloc[-1, 0], np.inf)
    vintages = {
        prices.vintage,
        Panel.from_frames(frames | {"AAA": changed}).vintage,
        Panel.from_frames(frames, interval="1h").vintage,
        Panel.from_frames({f"{ticker}X": bars for ticker, bars in frames.items()}).vintage,
        Panel.from_frames({t: bars.shift(freq="7D") for t, bars in frames.items()}).vintage,
        prices.select(["AAA", "BBB"]).vintage,
    }
    assert len(vintages) == 6


def test_bars_per_year(prices: Panel) -> None:
    assert prices.bars_per_year == pytest.approx(260.9, abs=0.5)
    assert np.isnan(Panel.from_frames({"AAA": frame([1.0])}).bars_per_year)


def test_the_vintage_of_quoted_prices_knows_no_computed_columns(prices: Panel) -> None:
    """Vintages that were written down before the computed columns came are still found."""
    digest = hashlib.sha256("\x00".join((prices.interval, *prices.tickers)).encode())
    digest.update(prices.times.astype("datetime64[ns]").tobytes())
    digest.update(prices.values[:, :, :8].tobytes())
    assert prices.vintage == digest.hexdigest()
