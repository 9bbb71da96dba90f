import numpy as np
import pytest
from conftest import make_frames
from future import KINDS, change_future

from forecasting.errors import DataError
from forecasting.market.features import (
    OWN_FEATURES,
    compute_features,
    feature_names,
    look_back,
    own_features,
    resolve_variant,
    ticker_bars,
)
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@pytest.mark.parametrize("variant", ["close", "ohlc", "ohlcv"])
@pytest.mark.parametrize("kind", KINDS)
def test_features_and_volatility_do_not_see_the_future(prices, variant, kind):
    """Every feature of the table, bit for bit, at three origins."""
    before, volatility = compute_features(prices, variant, 0.94)
    for after in (120, 305, 500):
        changed, changed_volatility = compute_features(
            change_future(prices, after, kind), variant, 0.94
        )
        np.testing.assert_array_equal(changed[: after + 1], before[: after + 1])
        np.testing.assert_array_equal(changed_volatility[: after + 1], volatility[: after + 1])


@pytest.mark.parametrize("feature", OWN_FEATURES, ids=lambda feature: feature.name)
def test_stated_look_back_is_the_true_one(prices, feature):
    _, bars = ticker_bars(prices, 0, 0.94)
    values = feature.compute(bars)
    first = int(np.argmax(np.isfinite(values)))
    assert first + 1 == feature.look_back
    assert np.isfinite(values[first:]).all()


@pytest.mark.parametrize("feature", OWN_FEATURES, ids=lambda feature: feature.name)
def test_features_are_dimensionless(prices, feature):
    """Prices in cents and volume in hundreds change nothing."""
    factors = np.array([100, 100, 100, 100, 0.01, 100, 1, 1])
    scaled = Panel(prices.times, prices.tickers, prices.values * factors)
    _, bars = ticker_bars(prices, 1, 0.94)
    _, cents = ticker_bars(scaled, 1, 0.94)
    np.testing.assert_allclose(feature.compute(cents), feature.compute(bars), atol=1e-9)


def test_a_later_dividend_leaves_the_features_alone(prices):
    """Yahoo rescales all adjusted prices at each dividend; ratios do not notice."""
    rescaled = prices.values.copy()
    rescaled[:, :, 5] *= 0.97
    before, _ = compute_features(prices, "ohlcv", 0.94)
    after, _ = compute_features(Panel(prices.times, prices.tickers, rescaled), "ohlcv", 0.94)
    np.testing.assert_allclose(after, before, atol=1e-8)


def test_market_features_are_the_mean_over_present_tickers(prices):
    grid, _ = compute_features(prices, "close", 0.94)
    names = feature_names("close")
    own = grid[:, :, names.index("return_1")]
    market = grid[:, :, names.index("market_return")]
    t = 400
    np.testing.assert_allclose(market[t], np.nanmean(own[t]))
    late = np.flatnonzero(np.isfinite(own[:, 3]))[0]
    assert np.isnan(market[late - 1, 3])
    assert np.isfinite(market[late - 1, 0])


def test_variant_follows_the_columns(prices, close_only):
    assert resolve_variant(prices, "auto") == "ohlcv"
    assert resolve_variant(close_only, "auto") == "close"
    silent = prices.values.copy()
    silent[:, 2, 4] = 0.0
    assert resolve_variant(Panel(prices.times, prices.tickers, silent), "auto") == "ohlc"
    with pytest.raises(DataError, match="need open, high, low, close"):
        resolve_variant(close_only, "ohlc")


def test_names_end_with_the_market():
    for variant in ("close", "ohlc", "ohlcv"):
        own = [feature.name for feature in own_features(variant)]
        names = feature_names(variant)
        assert list(names[: len(own)]) == own
        assert all(name.startswith("market_") for name in names[len(own) :])
        assert len(set(names)) == len(names)


def test_a_bar_without_volume_is_left_out_not_filled():
    frames = make_frames()
    at = frames["AAA"].index[400]
    frames["AAA"].loc[at, "volume"] = np.nan
    table = make_sequences(Panel.from_frames(frames))
    rows = table.origin[table.rows(0)]
    hole = int(np.searchsorted(table.panel.times, at.to_datetime64()))
    assert hole not in rows
    assert hole - 1 in rows


def test_a_short_history_is_refused(prices):
    needed = look_back("close")
    short = prices.between(None, prices.times[needed - 2]).select(["AAA", "BBB"])
    with pytest.raises(DataError, match=f"expected at least {needed} bars"):
        make_sequences(short)
