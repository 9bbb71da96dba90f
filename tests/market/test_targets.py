from dataclasses import replace

import numpy as np
import pytest
from future import KINDS, change_future

from forecasting.market.features import compute_features
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.targets import (
    LEAST_RANKED,
    future_log_returns,
    range_variance_targets,
    rank_targets,
    scaled_targets,
)

HORIZONS, DECAY = (1, 5, 21), 0.94


@pytest.fixture(scope="module")
def many() -> Panel:
    """Seven tickers: one halted for twenty bars, three listed late, so that only four are first."""
    panel = simulate("volatility", n_tickers=7, n_bars=260)
    values = panel.values.copy()
    values[100:120, 1] = np.nan
    values[:60, 4:] = np.nan
    return replace(panel, values=values)


def scaled(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    return scaled_targets(panel, compute_features(panel, "close", DECAY)[1], HORIZONS)


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


def test_range_variances_equal_a_loop_over_own_bars(prices):
    found = range_variance_targets(prices, DECAY, HORIZONS)
    volatility = compute_features(prices, "close", DECAY)[1]
    open_, high, low, close = (prices.column(name) for name in ("open", "high", "low", "close"))
    for k in range(len(prices.tickers)):
        bars = np.flatnonzero(prices.mask[:, k])
        parkinson = np.log(high[bars, k] / low[bars, k]) ** 2 / (4 * np.log(2))
        overnight = np.log(open_[bars[1:], k] / close[bars[:-1], k])
        variance = parkinson + np.append(np.nan, overnight) ** 2
        for i, t in enumerate(bars):
            for j, h in enumerate(HORIZONS):
                ahead = variance[i + 1 : i + 1 + h]
                want = np.log(ahead.mean() / volatility[t, k] ** 2) if len(ahead) == h else np.nan
                np.testing.assert_allclose(found[t, k, j], want, rtol=1e-9)
    assert np.isfinite(found).any(axis=(0, 1)).all()
    assert np.isnan(found[~prices.mask]).all()


def test_a_source_of_closes_has_no_range_variance(close_only):
    assert np.isnan(range_variance_targets(close_only, DECAY, HORIZONS)).all()


def test_a_bar_without_range_masks_the_targets_that_need_it(prices):
    values = prices.values.copy()
    values[400, 0, :4] = np.nan
    found = range_variance_targets(replace(prices, values=values), DECAY, HORIZONS)
    whole = range_variance_targets(prices, DECAY, HORIZONS)
    for j, h in enumerate(HORIZONS):
        lost = np.isnan(found[:, 0, j]) & ~np.isnan(whole[:, 0, j])
        # The overnight return of the next bar needs no more than the adjusted close.
        assert np.flatnonzero(lost).tolist() == list(range(400 - h, 400))


def test_prices_that_stand_still_have_no_log_variance(prices):
    values = prices.values.copy()
    values[400:402, 0, :4] = values[399, 0, 3]
    values[400:402, 0, 5:] = values[399, 0, 5:]
    found = range_variance_targets(replace(prices, values=values), DECAY, HORIZONS)
    assert np.isnan(found[399:401, 0, 0]).all()
    assert not np.isinf(found).any()


def test_ranks_equal_a_loop(many):
    targets, label_end = scaled(many)
    targets[150, :3, 0] = targets[150, 0, 0]  # three tickers tie
    ranks, known = rank_targets(targets, label_end)
    for t, j in np.ndindex(targets.shape[0], targets.shape[2]):
        row = targets[t, :, j]
        there = np.flatnonzero(np.isfinite(row))
        few = len(there) < LEAST_RANKED
        for k in range(len(row)):
            if few or k not in there:
                assert np.isnan(ranks[t, k, j])
                assert known[t, k, j] == label_end[t, k, j]
                continue
            below = (row[there] < row[k]).sum() - (row[there] > row[k]).sum()
            assert ranks[t, k, j] == pytest.approx(below / (len(there) - 1))
            assert known[t, k, j] == max(label_end[t, there, j])
    assert np.isnan(ranks[:60]).all()
    assert np.nanmin(ranks) == -1
    assert np.nanmax(ranks) == 1
    np.testing.assert_allclose(np.nansum(ranks, axis=1), 0, atol=1e-12)


def test_all_ranks_wait_for_a_ticker_that_is_halted(many):
    targets, label_end = scaled(many)
    _, known = rank_targets(targets, label_end)
    assert (label_end[99, [0, 2, 3], 0] == 100).all()
    assert (known[99, :, 0] == 120).all()
    assert (known[110, [0, 2, 3], 0] == 111).all()


@pytest.mark.parametrize("after", [99, 110, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_a_target_depends_on_nothing_after_it_is_known(many, kind, after):
    """What is known by a bar is the same whatever follows, and what is not known may differ."""

    def compute(panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        targets, label_end = scaled(panel)
        return range_variance_targets(panel, DECAY, HORIZONS), *rank_targets(targets, label_end)

    *before, known = compute(many)
    *changed, _ = compute(change_future(many, after, kind))
    for whole, other in zip(before, changed, strict=True):
        settled = (known <= after) & np.isfinite(whole)
        assert settled.sum() > 200
        rows = len(other)
        assert not settled[rows:].any()
        np.testing.assert_array_equal(other[settled[:rows]], whole[settled])
        if kind == "noise":
            assert not np.array_equal(other, whole, equal_nan=True)
