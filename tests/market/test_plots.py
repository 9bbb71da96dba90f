import numpy as np
import pytest
from matplotlib.axes import Axes

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.plots import plot_coverage, plot_prices
from forecasting.market.simulation import simulate
from forecasting.market.sources import load_prices

EVENTFUL = simulate("leverage", n_tickers=4, n_bars=2000, seed=1, events=True)


def split_labels(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]


def dividends(axis: Axes) -> int:
    return sum(len(strokes.get_segments()) for strokes in axis.collections)


def test_coverage_has_one_line_for_each_stretch_of_bars() -> None:
    (axis,) = plot_coverage(EVENTFUL).axes
    mask = EVENTFUL.mask
    starts = mask & ~np.vstack([np.zeros((1, mask.shape[1]), bool), mask[:-1]])
    assert len(axis.lines) == starts.sum() > mask.shape[1]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(EVENTFUL.tickers)
    for line in axis.lines:
        bars = np.isin(EVENTFUL.times, np.asarray(line.get_xdata()))
        assert mask[bars, int(np.asarray(line.get_ydata())[0])].all()


def test_recorded_distributions_are_marked() -> None:
    for k, axis in enumerate(plot_prices(EVENTFUL).axes):
        split, dividend = EVENTFUL.column("split")[:, k], EVENTFUL.column("dividend")[:, k]
        ratios = split[np.isfinite(split) & (split != 1)]
        assert split_labels(axis) == [f"split {ratio:.3g}" for ratio in ratios]
        assert dividends(axis) == (dividend > 0).sum()


def test_unrecorded_distributions_show_in_the_factor() -> None:
    """Apple's two splits, and the three dividends of the sample's last year."""
    (apple,) = plot_prices(load_prices("sample-ohlcv"), ["AAPL"]).axes
    assert split_labels(apple) == ["split 2", "split 2"]
    assert dividends(apple) == 3


def test_without_any_distribution_nothing_is_marked() -> None:
    panel = simulate("random-walk", n_tickers=1, n_bars=50)
    (axis,) = plot_prices(panel).axes
    assert (split_labels(axis), dividends(axis)) == ([], 0)
    assert [line.get_label() for line in axis.lines] == ["close", "adjusted close"]


def test_adjusted_closes_alone_are_drawn() -> None:
    values = EVENTFUL.values.copy()
    values[:, :, [k for k, name in enumerate(COLUMNS) if name != "adj_close"]] = np.nan
    (axis,) = plot_prices(Panel(EVENTFUL.times, EVENTFUL.tickers, values), ["SIM01"]).axes
    assert [line.get_label() for line in axis.lines] == ["adjusted close"]
    assert (split_labels(axis), dividends(axis)) == ([], 0)


def test_a_ticker_that_is_not_there() -> None:
    with pytest.raises(DataError, match="'AAPL' is not in"):
        plot_prices(EVENTFUL, ["AAPL"])
