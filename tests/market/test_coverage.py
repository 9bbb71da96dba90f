from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import DataError
from forecasting.market.coverage import coverage
from forecasting.market.panel import Panel

# New York was closed on Monday the 5th of September.
DAYS = pd.bdate_range("2022-08-29", "2022-09-16")


def panel_of(**days: list[str]) -> Panel:
    frames = {
        ticker: pd.DataFrame(
            {"adj_close": np.arange(1.0, 1 + len(each))}, index=pd.DatetimeIndex(each)
        )
        for ticker, each in days.items()
    }
    return Panel.from_frames(frames)


def test_counts_against_the_sessions_in_between() -> None:
    whole = [str(day.date()) for day in DAYS if str(day.date()) != "2022-09-05"]
    late = [day for day in whole if day >= "2022-09-01" and day != "2022-09-08"]
    holiday = sorted([*whole[:-2], "2022-09-05"])
    found = coverage(panel_of(WHOLE=whole, LATE=late, ODD=holiday))
    assert found.loc["WHOLE"].tolist() == ["2022-08-29", "2022-09-16", 14, 14, 0, 0]
    assert found.loc["LATE"].tolist() == ["2022-09-01", "2022-09-16", 10, 11, 1, 0]
    assert found.loc["ODD"].tolist() == ["2022-08-29", "2022-09-14", 13, 12, 0, 1]
    assert found.index.name == "ticker"


def test_a_session_of_intraday_bars_counts_once() -> None:
    times = ["2022-09-01 10:30", "2022-09-01 11:30", "2022-09-06 10:30"]
    panel = replace(panel_of(HOUR=times), interval="1h")
    assert coverage(panel).loc["HOUR", ["bars", "sessions", "missing"]].tolist() == [3, 3, 1]


def test_a_ticker_without_bars_has_no_row() -> None:
    panel = panel_of(SOME=["2022-09-01", "2022-09-02"], NONE=["2022-09-06", "2022-09-07"])
    assert coverage(panel.between(None, "2022-09-02")).index.tolist() == ["SOME"]


def test_a_calendar_that_there_is_not() -> None:
    with pytest.raises(DataError, match="no exchange calendar"):
        coverage(panel_of(SOME=["2022-09-01", "2022-09-02"]), calendar="NOWHERE")
