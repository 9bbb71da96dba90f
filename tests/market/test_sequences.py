import numpy as np

from forecasting.market.features import compute_features
from forecasting.market.sequences import make_sequences


def test_rows_are_the_complete_bars_ticker_after_ticker(prices):
    table = make_sequences(prices)
    grid, volatility = compute_features(prices, "ohlcv", 0.94)
    complete = np.isfinite(grid).all(axis=2)
    for k in range(len(prices.tickers)):
        rows = table.rows(k)
        assert (table.ticker[rows] == k).all()
        np.testing.assert_array_equal(table.origin[rows], np.flatnonzero(complete[:, k]))
        np.testing.assert_array_equal(
            table.features[rows], grid[complete[:, k], k].astype(np.float32)
        )
        np.testing.assert_array_equal(table.volatility[rows], volatility[complete[:, k], k])


def test_a_window_is_a_view(prices):
    table = make_sequences(prices)
    assert np.shares_memory(table.features[10:50], table.features)
    assert table.features.flags.c_contiguous


def test_to_grid_puts_values_back(prices):
    table = make_sequences(prices)
    grid = table.to_grid(table.volatility)
    np.testing.assert_array_equal(grid[table.origin, table.ticker], table.volatility)
    assert np.isfinite(grid).sum() == len(table.volatility)


def test_truncating_the_panel_truncates_the_table(prices):
    whole = make_sequences(prices)
    part = make_sequences(prices.between(None, prices.times[450]))
    for k in range(len(prices.tickers)):
        n = part.rows(k).stop - part.rows(k).start
        first = whole.rows(k).start
        np.testing.assert_array_equal(
            whole.features[first : first + n], part.features[part.rows(k)]
        )


def test_feature_by_name(prices):
    table = make_sequences(prices)
    for j, name in enumerate(table.feature_names):
        np.testing.assert_array_equal(table.feature(name), table.features[:, j])
