import numpy as np

from forecasting.market.targets import future_log_returns, scaled_targets


def test_targets_equal_a_loop_over_own_bars(prices):
    horizons = (1, 5, 21)
    volatility = np.full(prices.mask.shape, 0.02)
    targets, label_end = scaled_targets(prices, volatility, horizons)
    close = prices.column("adj_close")
    for k in range(len(prices.tickers)):
        bars = np.flatnonzero(prices.mask[:, k])
        for i, t in enumerate(bars):
            for j, h in enumerate(horizons):
                if i + h < len(bars):
                    end = bars[i + h]
                    z = np.log(close[end, k] / close[t, k]) / (0.02 * np.sqrt(h))
                    np.testing.assert_allclose(targets[t, k, j], z)
                    assert label_end[t, k, j] == end
                else:
                    assert np.isnan(targets[t, k, j])
                    assert label_end[t, k, j] == len(prices.times)


def test_a_halt_is_skipped_not_bridged_by_zeros(prices):
    """CCC misses ten bars: the one-bar return before the halt ends at the first bar after it."""
    _, label_end = future_log_returns(prices, (1,))
    before = np.flatnonzero(~prices.mask[:, 2])[0] - 1
    assert label_end[before, 2, 0] == before + 11
