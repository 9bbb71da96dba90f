"""Longer bars: equal to a slow twin, blind to the future, the same in chunks and in steps."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench_data import bench_file
from future import KINDS, change_future
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.resampling import resample
from forecasting.market.sources import load_prices

OHLCV = ("open", "high", "low", "close", "volume", "adj_close", "dividend", "split")
COMPUTED = ("realized_variance", "realized_range")


def intraday(n_days: int = 12, minutes: int = 5, seed: int = 0) -> Panel:
    """Two tickers, sessions of 09:30 to 16:00; B halts for a day and for four bars."""
    rng = np.random.default_rng(seed)
    ends = pd.timedelta_range("9h30min", "16h", freq=f"{minutes}min", closed="right")
    days = pd.bdate_range("2020-01-06", periods=n_days)
    times = np.concatenate([day + ends for day in days])
    shape = (len(times), 2)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.002, shape), axis=0))
    open_ = np.vstack([[50, 50], close[:-1]]) * np.exp(rng.normal(0, 0.001, shape))
    spread = np.exp(np.abs(rng.normal(0, 0.001, shape)))
    columns = {
        "open": open_,
        "high": np.maximum(open_, close) * spread,
        "low": np.minimum(open_, close) / spread,
        "close": close,
        "volume": rng.integers(0, 1000, shape),
        "adj_close": close,
        "dividend": 0.0,
        "split": 1.0,
    }
    values = np.full((*shape, len(COLUMNS)), np.nan)
    for name, column in columns.items():
        values[:, :, COLUMNS.index(name)] = column
    values[2 * len(ends) : 3 * len(ends), 1] = np.nan
    values[5:9, 1] = np.nan
    return Panel(times.astype("datetime64[ns]"), ("A", "B"), values, f"{minutes}m", "bars")


def plainly(panel: Panel, period_of: np.ndarray, ticker: int) -> pd.DataFrame:
    """The slow twin for quotes without splits and dividends: one period after the other."""
    rows = {}
    for period in np.unique(period_of[panel.mask[:, ticker]]):
        own = panel.values[(period_of == period) & panel.mask[:, ticker], ticker]
        bar = dict(zip(COLUMNS, own.T, strict=True))
        price = np.concatenate([bar["open"][:1], bar["close"]])
        rows[period] = {
            "open": bar["open"][0],
            "high": max(bar["high"]),
            "low": min(bar["low"]),
            "close": bar["close"][-1],
            "volume": sum(bar["volume"]),
            "adj_close": bar["adj_close"][-1],
            "dividend": 0.0,
            "split": 1.0,
            "realized_variance": sum(np.log(b / a) ** 2 for a, b in itertools.pairwise(price)),
            "realized_range": sum(
                np.log(h / low) ** 2 / (4 * np.log(2))
                for h, low in zip(bar["high"], bar["low"], strict=True)
            ),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def assert_bars(
    longer: Panel, ticker: int, expected: pd.DataFrame, columns: tuple[str, ...]
) -> None:
    mask = longer.mask[:, ticker]
    np.testing.assert_array_equal(longer.times[mask], expected.index.to_numpy())
    for name in columns:
        np.testing.assert_allclose(
            longer.column(name)[mask, ticker], expected[name], rtol=1e-12, err_msg=name
        )
    assert np.isnan(longer.values[~mask, ticker]).all()


@pytest.mark.parametrize("ticker", [0, 1])
def test_days_equal_a_plain_loop(ticker: int) -> None:
    panel = intraday()
    daily = resample(panel, "1d", calendar="XNYS")
    assert daily.interval == "1d"
    assert daily.source == "bars, 5m bars resampled"
    expected = plainly(panel, panel.times.astype("datetime64[D]"), ticker)
    assert_bars(daily, ticker, expected, (*OHLCV, *COMPUTED))


@pytest.mark.parametrize("ticker", [0, 1])
def test_hours_are_stamped_with_their_end_and_have_no_realized_variance(ticker: int) -> None:
    panel = intraday()
    hourly = resample(panel, "1h")
    ends = pd.DatetimeIndex(panel.times).ceil("h").to_numpy()
    assert_bars(hourly, ticker, plainly(panel, ends, ticker), OHLCV)
    assert str(hourly.times[0]).startswith("2020-01-06T10:00")
    assert np.isnan(hourly.column("realized_variance")).all()


def test_weeks_begin_on_sunday_and_bear_their_last_day(prices: Panel) -> None:
    weekly = resample(prices, "1wk")
    weeks = pd.DatetimeIndex(prices.times).to_period("W-SAT")
    last = pd.Series(prices.times, weeks).groupby(level=0).last()
    stamps = last.loc[weeks].to_numpy()
    for k in range(len(prices.tickers)):
        expected = plainly(prices, stamps, k).loc[: weekly.times[-1]]
        assert_bars(weekly, k, expected, ("open", "high", "low", "close", "volume", "adj_close"))


def test_weeks_of_intraday_bars_sum_the_days() -> None:
    panel = intraday()
    daily, weekly = (resample(panel, name, calendar="XNYS") for name in ("1d", "1wk"))
    assert weekly.interval == "1wk"
    for name in COMPUTED:
        np.testing.assert_allclose(
            weekly.column(name)[0], np.nansum(daily.column(name)[:5], axis=0), rtol=1e-12
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interval", ["15m", "1h", "1d", "1wk"])
def test_the_future_changes_nothing(kind: str, interval: str) -> None:
    panel = intraday()
    after = 500
    known = resample(change_future(panel, after, "gone"), interval)
    later = resample(change_future(panel, after, kind), interval)
    assert 0 < len(known.times) < len(resample(panel, interval).times)
    np.testing.assert_array_equal(later.times[: len(known.times)], known.times)
    np.testing.assert_array_equal(later.values[: len(known.times)], known.values)


@given(st.integers(0, 9), st.sampled_from(["10m", "1h", "1d"]))
@settings(max_examples=20, deadline=None)
def test_chunks_of_whole_days_equal_the_whole(cut: int, interval: str) -> None:
    panel = intraday(10)
    whole = resample(panel, interval, calendar="XNYS")
    edge = cut * 78
    chunks = [
        replace(panel, times=panel.times[part], values=panel.values[part])
        for part in (slice(edge), slice(edge, None))
    ]
    parts = [resample(part, interval, calendar="XNYS") for part in chunks if len(part.times)]
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), whole.times)
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), whole.values)


def test_two_steps_equal_one() -> None:
    panel = intraday(minutes=1)
    steps = resample(resample(panel, "1h"), "1d", calendar="XNYS")
    once = resample(panel, "1d", calendar="XNYS")
    np.testing.assert_array_equal(steps.times, once.times)
    n_quoted = len(OHLCV)
    np.testing.assert_allclose(
        steps.values[..., :n_quoted], once.values[..., :n_quoted], rtol=1e-13
    )


@pytest.mark.parametrize(
    ("interval", "calendar", "n_bars", "last"),
    [
        ("1h", None, 3, "2020-01-17T12:00"),  # the hour is over at its end, whoever traded
        ("1d", None, 9, "2020-01-16"),
        ("1d", "XNYS", 9, "2020-01-16"),
        ("1wk", None, 1, "2020-01-10"),
        ("1wk", "XNYS", 1, "2020-01-10"),
    ],
)
def test_an_unfinished_period_is_left_out(
    interval: str, calendar: str | None, n_bars: int, last: str
) -> None:
    longer = resample(intraday(10).between(None, "2020-01-17 12:25"), interval, calendar=calendar)
    assert longer.times[-1] == np.datetime64(last)
    if interval != "1h":
        assert len(longer.times) == n_bars


@pytest.mark.parametrize(
    ("end", "interval", "calendar", "last"),
    [
        ("2020-01-17 16:00", "1d", None, "2020-01-16"),  # only the next day proves it over
        ("2020-01-17 16:00", "1d", "XNYS", "2020-01-17"),
        ("2020-01-17 16:00", "1wk", None, "2020-01-10"),
        ("2020-01-17 16:00", "1wk", "XNYS", "2020-01-17"),
        ("2020-01-16 16:00", "1wk", "XNYS", "2020-01-10"),
        ("2020-01-17 16:00", "1h", None, "2020-01-17 16:00"),
    ],
)
def test_the_calendar_knows_when_a_period_is_over(
    end: str, interval: str, calendar: str | None, last: str
) -> None:
    longer = resample(intraday(10).between(None, end), interval, calendar=calendar)
    assert longer.times[-1] == np.datetime64(last)


def test_a_half_day_is_over_at_its_early_close() -> None:
    times = np.array(["2021-11-24T16:00", "2021-11-26T13:00"], dtype="datetime64[ns]")
    panel = Panel(times, ("A",), intraday().values[:2, :1], "30m")
    assert len(resample(panel, "1d").times) == 1
    assert resample(panel, "1d", calendar="XNYS").times[-1] == np.datetime64("2021-11-26")
    assert resample(panel, "1wk", calendar="XNYS").times[-1] == np.datetime64("2021-11-26")


@pytest.mark.parametrize(
    ("times", "short", "interval", "message"),
    [
        (
            ["2021-11-26T13:00", "2021-11-26T13:30"],
            "30m",
            "1d",
            "30m bar of 2021-11-26T13:30, but by calendar XNYS its 1d bar was over at 2021-11-26",
        ),
        (["2020-04-09", "2020-04-10"], "1d", "1wk", "its 1wk bar was over at 2020-04-09"),
    ],
)
def test_a_bar_that_comes_after_the_calendar_ended_its_period_is_refused(
    times: list[str], short: str, interval: str, message: str
) -> None:
    panel = Panel(np.array(times, "M8[ns]"), ("A",), intraday().values[:2, :1], short, "bars")
    known = resample(panel.at(slice(1)), interval, calendar="XNYS")
    assert len(known.times) == 1
    with pytest.raises(DataError, match=message):
        resample(panel, interval, calendar="XNYS")
    with pytest.raises(DataError, match="all fall into one that may go on"):
        resample(panel, interval)


def test_bars_from_before_the_calendar_begins_are_not_held_against_it() -> None:
    days = pd.bdate_range("1969-12-01", "1970-01-30").to_numpy().astype("datetime64[ns]")
    days = days[days != np.datetime64("1970-01-01")]
    panel = Panel(days, ("A",), intraday().values[: len(days), :1], "1d", "bars")
    assert resample(panel, "1wk", calendar="XNYS").times[-1] == np.datetime64("1970-01-30")


def test_the_bar_of_midnight_ends_its_day() -> None:
    times = pd.date_range("2020-01-01 01:00", periods=48, freq="h").to_numpy()
    panel = Panel(times.astype("datetime64[ns]"), ("A",), intraday().values[100:148, :1], "1h")
    daily = resample(panel, "1d")
    np.testing.assert_array_equal(daily.times, np.array(["2020-01-01", "2020-01-02"], "M8[ns]"))
    assert daily.column("close")[0, 0] == panel.column("close")[23, 0]


def adjusted(ratio: float, dividend: float, *, quotes_move: bool) -> Panel:
    """One whole week and a day more; a split and a dividend on Wednesday, worth 10 all along."""
    days = np.array(
        ["2020-01-05", "2020-01-06", "2020-01-08", "2020-01-09", "2020-01-13"], "M8[ns]"
    )
    moves = ratio if quotes_move else 1.0
    close = np.array([10.0, 11.0, 12.0 / moves, 13.0 / moves, 14.0 / moves])
    yielding = 1 - dividend / close[1]
    adj_close = close * np.array([yielding / moves] * 2 + [1.0] * 3)
    event = np.array([0.0, 0, 1, 0, 0])
    columns = [close, close * 1.1, close * 0.9, close, np.full(5, 100.0), adj_close]
    columns += [dividend * event, 1 + (ratio - 1) * event, np.full(5, np.nan), np.full(5, np.nan)]
    return Panel(days, ("A",), np.stack(columns, axis=1)[:, None], "1d")


@pytest.mark.parametrize("quotes_move", [True, False])
@pytest.mark.parametrize("ratio", [1.0, 4.0, 0.1])
@pytest.mark.parametrize("dividend", [0.0, 0.5])
def test_a_split_or_dividend_inside_a_period_leaves_adjusted_bars_right(
    ratio: float, dividend: float, quotes_move: bool
) -> None:
    panel = adjusted(ratio, dividend, quotes_move=quotes_move)
    week = {name: resample(panel, "1wk").column(name)[0, 0] for name in COLUMNS}
    factor = panel.column("adj_close")[:4, 0] / panel.column("close")[:4, 0]
    for name, choose in (("open", lambda x: x[0]), ("high", max), ("low", min)):
        expected = choose(panel.column(name)[:4, 0] * factor)
        assert week[name] * week["adj_close"] / week["close"] == pytest.approx(expected)
    assert (week["split"], week["dividend"]) == pytest.approx((ratio, dividend))
    shares = ratio if quotes_move else 1.0
    assert week["volume"] == pytest.approx(200 * shares + 200)
    if dividend == 0:
        assert week["open"] == pytest.approx(10 / shares)


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        ("3d", "'3d' is no interval to resample to: expected one of 1m, 2m"),
        ("5m", "bars has 5m bars, which make no 5m bars: expected a longer interval"),
        ("2m", "which make no 2m bars"),
        ("1wk", "bars, 5m bars resampled has no whole 1wk bar: its 3 1d bars all fall into one"),
    ],
)
def test_what_cannot_be_resampled_is_one_line(interval: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        resample(intraday(4), interval)


def test_a_value_that_a_bar_lacks_is_missing() -> None:
    panel = intraday(3)
    values = panel.values.copy()
    values[10, 0, COLUMNS.index("volume")] = np.nan
    values[:, 0, COLUMNS.index("open")] = np.nan
    daily = resample(replace(panel, values=values), "1d", calendar="XNYS")
    assert np.isnan(daily.column("volume")[:2, 0]).tolist() == [True, False]
    assert np.isnan(daily.column("realized_variance")[:, 0]).all()
    assert np.isfinite(daily.column("realized_range")[:, 0]).all()


def test_the_vintage_counts_computed_columns_only_where_there_are_any() -> None:
    daily = resample(intraday(), "1d")
    blank = daily.values.copy()
    blank[..., len(OHLCV) :] = np.nan
    assert replace(daily, values=blank).vintage != daily.vintage


def test_hourly_bars_of_the_bench_make_the_daily_close_of_another_source() -> None:
    """PROVENANCE: over 1 % apart on 5 days for AAPL and 21 for IBM, the median equal."""
    folder: Path = bench_file("us6_hourly_1998_2021.parquet").parent
    hourly = load_prices(f"{folder}/us6_hourly_1998_2021.parquet:stamps=start", ["AAPL", "IBM"])
    with pytest.raises(DataError, match=r"1998-11-27T14:00, but .* \(48 such bars\)"):
        resample(hourly, "1d", calendar="XNYS")  # half days with trades after the close
    daily = resample(hourly, "1d")
    other = load_prices(f"{folder}/us40_ohlcv_1999_2021.parquet", ["AAPL", "IBM"])
    both, own, theirs = np.intersect1d(daily.times, other.times, return_indices=True)
    apart = np.abs(daily.column("close")[own] / other.column("close")[theirs] - 1)
    assert len(both) > 5300
    np.testing.assert_array_equal(np.nanmedian(apart, axis=0), 0)
    assert (apart > 0.01).sum(axis=0).tolist() == [5, 21]
