import pytest
from market.checks.planting import close_only, found, repeat_bar

from forecasting.market.checks.plots import AROUND_BARS, plot_finding
from forecasting.market.simulation import simulate

CLEAN = simulate("random-walk", n_tickers=4, n_bars=300, seed=4)


@pytest.mark.parametrize("row", [2, 150, 299])
def test_bars_around_a_finding(row: int) -> None:
    panel = repeat_bar(CLEAN, "SIM02", row)
    (finding,) = found(panel, "repeated-bar")
    figure = plot_finding(panel, finding)
    prices, volume = figure.axes
    assert prices.get_title() == f"SIM02: repeated-bar\n{finding.seen}"
    before, after = min(AROUND_BARS, row), min(AROUND_BARS, 299 - row)
    assert len(volume.patches) == before + 1 + after + 1  # bars, and the mark
    mark = prices.patches[-1]
    assert (mark.get_x(), mark.get_width()) == (before - 0.5, 1)


def test_closes_without_a_range() -> None:
    panel = CLEAN
    for ticker in CLEAN.tickers:
        panel = repeat_bar(panel, ticker, 100)
    panel = close_only(panel)
    finding = found(panel, "shared-repeat")[-1]
    (axis,) = plot_finding(panel, finding, around=5).axes
    assert len(axis.lines[0].get_ydata()) == 11
    assert axis.get_ylabel() == "adjusted close"
