"""Every file of the shared data loads, or one line says how to load it."""

from pathlib import Path

import numpy as np
import pytest
from bench_data import bench_file

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices


def load(name: str, missing: str = "error") -> Panel:
    file, colon, settings = name.partition(":")
    return load_prices(f"{_path(file)}{colon}{settings}", missing=missing)


def _path(file: str) -> Path:
    registry = bench_file("us40_ohlcv_1999_2021.parquet").parents[1] / "registry" / file
    return registry if registry.is_file() else bench_file(file)


@pytest.mark.parametrize(
    ("name", "n_tickers", "n_bars", "interval", "bars_per_year"),
    [
        ("us40_ohlcv_1999_2021.parquet", 40, 5402, "1d", 251.6),
        ("us6_hourly_1998_2021.parquet:stamps=start", 6, 40842, "1h", 1757),
        ("eurusd_hourly_bidask.parquet:quote=bid,stamps=start", 1, 74439, "1h", 6205),
        ("xauusd_hourly_bidask.parquet:quote=ask,stamps=start", 1, 76499, "1h", 5912),
        ("fx2_1min_bid.parquet", 2, 58878, "1m", 54581),
        ("btc_perp_1min_2022_01.parquet", 1, 45031, "1m", 525_960),
        ("cn_stock_5min_2024.csv.gz", 1, 2500, "5m", 12_675),
        ("vix_ohlc_1990_2026.csv.gz", 1, 9235, "1d", 252.6),
        ("us20_adjclose_1990_2022.csv.gz", 20, 8313, "1d", 252),
        ("sp500_index_close_1990_2022.csv.gz", 1, 8313, "1d", 252),
        ("us_factor_etf5_close_2014_2022.csv.gz", 5, 2264, "1d", 251.8),
        ("us5_ohlcv_2000_2013.csv.gz", 5, 3270, "1d", 251.5),
        ("sp500_index_ohlcv_1999_2018.csv.gz", 1, 5031, "1d", 251.6),
        ("nasdaq_index_ohlcv_1999_2018.csv.gz", 1, 5031, "1d", 251.6),
        ("eurusd_1h_ask_2017.csv.gz", 1, 6225, "1h", 6281),
    ],
)
def test_files_that_load(
    name: str, n_tickers: int, n_bars: int, interval: str, bars_per_year: float
) -> None:
    panel = load(name)
    assert (len(panel.tickers), len(panel.times), panel.interval) == (n_tickers, n_bars, interval)
    assert panel.bars_per_year == pytest.approx(bars_per_year, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eurusd_hourly_bidask.parquet", "Load it as .*bidask.parquet:quote=ask or .*:quote=bid"),
        ("vix_close_2014_2019.csv.gz", "no adj_close on 2014-01-20 .* load it with --missing mask"),
        ("us_lean_factor_files.csv.gz", "has no close: expected a column close or adj_close"),
        ("us6_hourly_1998_2021.parquet:resample=1d", "Add stamps=start or stamps=end"),
    ],
)
def test_files_that_say_how_to_load_them(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(name)
    assert "\n" not in str(error.value)


def test_points_of_the_volatility_index_are_masked() -> None:
    assert len(load("vix_close_2014_2019.csv.gz", missing="mask").times) == 1305 - 46


def test_quotes_in_utc_follow_new_yorks_summer_time() -> None:
    """The foreign exchange week begins on Sunday at 17:00 in New York, summer and winter."""
    settings = "quote=bid,stamps=start,source_timezone=UTC,timezone=America/New_York"
    times = load(f"eurusd_hourly_bidask.parquet:{settings}").times
    first_of_week = times[1:][np.diff(times) > np.timedelta64(36, "h")]
    clock = (first_of_week - first_of_week.astype("datetime64[D]")) / np.timedelta64(1, "h")
    assert np.mean(clock == 18) > 0.9  # the first bar's end
