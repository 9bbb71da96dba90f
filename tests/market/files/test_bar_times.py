"""Zones, summer time, and bars stamped with their start, in files."""

from pathlib import Path

import pandas as pd
import pytest

from forecasting.errors import DataError
from forecasting.market.files.source import PriceFiles
from forecasting.market.panel import Panel


def load(path: Path, settings: str = "") -> Panel:
    return PriceFiles(f"{path}:{settings}" if settings else str(path)).load()


def write(folder: Path, times: list[str], name: str = "AAA.csv") -> Path:
    path = folder / name
    rows = "".join(f"{time},{10 + k}\n" for k, time in enumerate(times))
    path.write_text("time,close\n" + rows)
    return path


def clock(panel: Panel) -> list[str]:
    return [str(time)[:16] for time in panel.times]


OPENING = ["2020-03-06T14:30", "2020-03-06T15:30", "2020-03-09T13:30", "2020-03-09T14:30"]
LOCAL = ["2020-03-06T09:30", "2020-03-06T10:30", "2020-03-09T09:30", "2020-03-09T10:30"]


@pytest.mark.parametrize("mark", ["Z", "+00:00", ""])
def test_utc_becomes_the_exchanges_clock_through_summer_time(tmp_path: Path, mark: str) -> None:
    path = write(tmp_path, [time + mark for time in OPENING])
    settings = "timezone=America/New_York" + ("" if mark else ",source_timezone=UTC")
    panel = load(path, settings)
    assert clock(panel) == LOCAL
    assert panel.interval == "1h"
    assert "times in UTC" not in panel.source
    assert ("times in UTC" in load(path).source) == bool(mark)


def test_offsets_and_named_zones_become_the_exchanges_clock(tmp_path: Path) -> None:
    offsets = [f"{time}-05:00" for time in LOCAL[:2]] + [f"{time}-04:00" for time in LOCAL[2:]]
    assert clock(load(write(tmp_path, offsets), "timezone=America/New_York")) == LOCAL
    index = pd.DatetimeIndex(OPENING, tz="UTC").tz_convert("Asia/Tokyo").rename("time")
    path = tmp_path / "BBB.parquet"
    pd.DataFrame({"close": [1.0, 2, 3, 4]}, index).to_parquet(path)
    assert clock(load(path, "timezone=America/New_York")) == LOCAL
    mixed = write(tmp_path, ["2020-01-02T10:00+01:00", "2020-01-02T08:00-05:00"], "CCC.csv")
    assert clock(load(mixed, "timezone=UTC")) == ["2020-01-02T09:00", "2020-01-02T13:00"]


@pytest.mark.parametrize(
    ("times", "settings", "message"),
    [
        (OPENING, "timezone=America/New_York", "times without a zone: .* Add source_timezone=UTC"),
        (
            ["2020-01-02T10:00Z", "2020-01-02T11:00Z"],
            "timezone=UTC,source_timezone=UTC",
            "times with a zone of their own: source_timezone=UTC would contradict it",
        ),
        (
            ["2020-10-31T01:30", "2020-11-01T01:30"],
            "source_timezone=America/New_York,timezone=UTC",
            "row 2 is 2020-11-01 01:30:00, which the clock of America/New_York shows twice",
        ),
        (
            ["2020-03-07T02:30", "2020-03-08T02:30"],
            "source_timezone=America/New_York,timezone=UTC",
            "row 2 is 2020-03-08 02:30:00, which the clock of .* shows twice or never",
        ),
        (
            ["2020-11-01T05:30Z", "2020-11-01T06:30Z"],
            "timezone=America/New_York",
            "bars of 2020-11-01 fall into the hour that the clock of America/New_York shows twice",
        ),
        (OPENING, "timezone=America/NewYork", "did you mean 'America/New_York'?"),
        (OPENING, "timezone=", "no time zone ''"),
        (OPENING, "source_timezone=UTC", "came alone: expected timezone=ZONE beside it"),
        (OPENING, "stamps=middle", "stamps is 'middle': expected start or end"),
        (OPENING, "stamp=start", "'stamp' in .* is no setting: did you mean 'stamps'?"),
        (OPENING, "stamps=start,stamps=end", "stamps came twice in"),
        (["2020-01-02", "2020-01-03"], "stamps=end", "has 1d bars, which bear their day"),
    ],
)
def test_what_would_be_a_guess_is_refused(
    tmp_path: Path, times: list[str], settings: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(write(tmp_path, times), settings)
    assert "\n" not in str(error.value)


def test_mixed_zones_name_the_way_out(tmp_path: Path) -> None:
    path = write(tmp_path, ["2020-01-02T07:00+01:00", "2020-01-02T08:00-05:00"])
    with pytest.raises(DataError, match=r"mixes the time zones .*AAA.csv:timezone=America/New_Y"):
        load(path)


def test_bars_stamped_with_their_start_are_moved_to_their_end(tmp_path: Path) -> None:
    path = write(tmp_path, LOCAL)
    assert clock(load(path, "stamps=start"))[:2] == ["2020-03-06T10:30", "2020-03-06T11:30"]
    assert clock(load(path, "stamps=end")) == clock(load(path)) == LOCAL
    assert "times taken as the ends of the bars" in load(path).source
    for stamps in ("start", "end"):
        assert "taken as the ends" not in load(path, f"stamps={stamps}").source


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (["2020-01-06", "2020-01-13", "2020-01-20"], ["2020-01-12", "2020-01-19", "2020-01-26"]),
        (["2020-01-01", "2020-02-01", "2020-03-01"], ["2020-01-31", "2020-02-29", "2020-03-31"]),
    ],
)
def test_weeks_and_months_stamped_with_their_start(
    tmp_path: Path, starts: list[str], ends: list[str]
) -> None:
    path = write(tmp_path, starts)
    assert [time[:10] for time in clock(load(path, "stamps=start"))] == ends
    assert [time[:10] for time in clock(load(path))] == starts
    assert "times taken as the ends of the bars" in load(path).source


def test_dates_bear_no_word_about_stamps(tmp_path: Path) -> None:
    panel = load(write(tmp_path, ["2020-01-02", "2020-01-03"]))
    assert panel.source.endswith("AAA.csv (close taken as adjusted)")


def test_a_folder_whose_name_looks_like_settings(tmp_path: Path) -> None:
    folder = tmp_path / "prices:stamps=start"
    folder.mkdir()
    write(folder, LOCAL)
    assert clock(load(folder)) == LOCAL
