import numpy as np
import pandas as pd
import pytest

from forecasting.evaluation.calibration.calibrate import calibrate
from forecasting.evaluation.calibration.coverage import (
    conformal_table,
    coverage_by_date,
    coverage_by_year,
    coverage_over_time,
)
from forecasting.evaluation.calibration.plots import coverage_figure
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.panel import Panel

NAMES = ("stale", "stale (calibrated)")


@pytest.fixture(scope="module")
def cells(broken_market: Panel, stale: Forecaster) -> list[Cells]:
    made = stale.forecast(broken_market)
    return common_cells(broken_market, [made, calibrate(made, broken_market)])[0]


def slow_coverage(part: Cells, name: str, date: int) -> float:
    """Share of one date's outcomes between two quantiles of their laws."""
    at = np.flatnonzero(part.date == date)
    law = part.laws[name][at]
    low, high = law.quantile(0.05), law.quantile(0.95)
    return float(np.mean((part.returns[at] >= low) & (part.returns[at] <= high)))


@pytest.mark.parametrize("name", NAMES)
def test_coverage_by_date_and_over_time(
    cells: list[Cells], broken_market: Panel, name: str
) -> None:
    times = broken_market.times
    by_date = coverage_by_date(cells[1], name, times)
    for date in (0, 7, 800, 1_000):
        assert by_date[times[date]] == pytest.approx(slow_coverage(cells[1], name, date))
    rolling = coverage_over_time(cells[1], name, times, window=100)
    assert rolling.iloc[:99].isna().all()
    assert rolling.iloc[500] == pytest.approx(by_date.iloc[401:501].mean())
    in_2001 = by_date[by_date.index.year == 2001].mean()
    assert coverage_by_year(cells[1], name, times)[2001] == pytest.approx(in_2001)


def test_table_names_the_worst_year_and_stretch(cells: list[Cells], broken_market: Panel) -> None:
    table = conformal_table(cells, NAMES, broken_market.times).set_index(
        ["forecaster", "horizon", "level"]
    )
    assert len(table) == 2 * 2 * 4
    before, after = (table.loc[(name, 1, 0.9)] for name in NAMES)
    assert before["coverage"] < 0.82
    assert after["coverage"] == pytest.approx(0.9, abs=0.02)
    assert before["standard_error"] > 0
    assert after["width"] > before["width"]
    rolling = coverage_over_time(cells[0], "stale", broken_market.times)
    assert before["worst_rolling_coverage"] == pytest.approx(rolling.min())
    assert before["worst_until"] == rolling.idxmin()
    years = coverage_by_year(cells[0], "stale", broken_market.times)
    assert before["worst_year"] == years.idxmin()
    assert before["worst_year_coverage"] == pytest.approx(years.min())
    assert abs(after["worst_rolling_coverage"] - 0.9) < abs(before["worst_rolling_coverage"] - 0.9)


def test_a_short_span_has_no_worst_year(broken_market: Panel, stale: Forecaster) -> None:
    short = broken_market.at(slice(0, 50))
    parts, _ = common_cells(short, [stale.forecast(short)])
    table = conformal_table(parts, ["stale"], short.times)
    assert table[["worst_year", "worst_until"]].isna().all(axis=None)
    assert table["coverage"].between(0.4, 1).all()


def test_figure(cells: list[Cells], broken_market: Panel) -> None:
    figure = coverage_figure(cells, *NAMES, broken_market)
    shown = [axis for axis in figure.axes if axis.get_lines()]
    assert [axis.get_ylabel() for axis in shown] == [
        "1 bar ahead\ncovered, %",
        "5 bars ahead\ncovered, %",
    ]
    for axis, part in zip(shown, cells, strict=True):
        before, after, nominal = axis.get_lines()
        rolling = coverage_over_time(part, NAMES[1], broken_market.times)
        np.testing.assert_allclose(after.get_ydata(), 100 * rolling)
        assert list(nominal.get_ydata()) == [90, 90]
        assert before.get_label() == "stale"
    assert pd.DatetimeIndex(shown[0].get_lines()[0].get_xdata()).is_monotonic_increasing


def test_figure_of_one_forecaster(cells: list[Cells], broken_market: Panel) -> None:
    figure = coverage_figure(cells, NAMES[1], None, broken_market)
    shown = [axis for axis in figure.axes if axis.get_lines()]
    assert [line.get_label() for line in shown[0].get_lines()] == [NAMES[1], "nominal 90%"]
