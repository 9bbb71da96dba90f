"""The catalogue: each feature is its formula, causal, without units, and says what it needs."""

from dataclasses import replace

import numpy as np
import pytest
from future import KINDS, change_future
from hypothesis import given, settings
from hypothesis import strategies as st
from market.features import twins as slow
from market.features.panels import DECAY, full_panel

from forecasting.errors import DataError
from forecasting.market.features import compute_features, feature_names, look_back
from forecasting.market.features.catalogue import CATALOGUE, CROSS_SECTIONAL, OWN, describe
from forecasting.market.features.cross_section import centred_rank
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.sequences import make_sequences

ALL = "+".join(CATALOGUE)
NAMES = tuple(CATALOGUE)
ROWS = (420, 471, 599)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return full_panel()


@pytest.fixture(scope="module")
def grid(panel: Panel) -> np.ndarray:
    return compute_features(panel, ALL, DECAY)[0]


@pytest.fixture(scope="module")
def twins(panel: Panel) -> list[slow.Ticker]:
    return slow.tickers(panel, DECAY)


def test_every_feature_has_a_twin():
    assert set(slow.OWN) == {feature.name for feature in OWN}
    cross = set(slow.MEANS) | set(slow.RANKS)
    assert cross == {feature.name for feature in CROSS_SECTIONAL}


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_is_its_formula(name, panel, grid, twins):
    """AAA splits, BBB pays a dividend, CCC was halted, DDD was listed late."""
    for row in ROWS:
        for k in range(len(panel.tickers)):
            expected = slow.value(name, twins, k, row)
            assert grid[row, k, NAMES.index(name)] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_stated_look_back_is_the_true_one(name, grid):
    values = grid[:, 0, NAMES.index(name)]
    first = int(np.argmax(np.isfinite(values)))
    assert first + 1 == CATALOGUE[name].look_back
    assert np.isfinite(values[first:]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_features_and_volatility_do_not_see_the_future(panel, grid, kind):
    """Every feature of the catalogue, bit for bit, at three origins."""
    volatility = compute_features(panel, "close", DECAY)[1]
    for after in (120, 305, 500):
        changed, changed_volatility = compute_features(
            change_future(panel, after, kind), ALL, DECAY
        )
        np.testing.assert_array_equal(changed[: after + 1], grid[: after + 1])
        np.testing.assert_array_equal(changed_volatility[: after + 1], volatility[: after + 1])


@pytest.mark.parametrize("variant", ["close", "ohlc", "ohlcv"])
def test_a_variant_is_the_same_columns_as_in_the_whole(panel, grid, variant):
    few, _ = compute_features(panel, variant, DECAY)
    columns = [NAMES.index(name) for name in feature_names(variant)]
    np.testing.assert_array_equal(few, grid[:, :, columns])


def scaled(panel: Panel, factor: np.ndarray | float, *columns: str) -> Panel:
    values = panel.values.copy()
    for column in columns:
        values[:, :, COLUMNS.index(column)] *= factor
    return replace(panel, values=values)


PRICES = ("open", "high", "low", "close", "adj_close")


def test_features_have_no_currency(panel, grid):
    """Prices in cents and volume in hundreds change nothing."""
    cents = scaled(scaled(panel, 100.0, *PRICES), 0.01, "volume")
    np.testing.assert_allclose(compute_features(cents, ALL, DECAY)[0], grid, atol=1e-8)


def test_a_later_dividend_leaves_the_features_alone(panel, grid):
    """Yahoo rescales all adjusted prices at each dividend; ratios do not notice."""
    later = scaled(panel, 0.97, "adj_close")
    np.testing.assert_allclose(compute_features(later, ALL, DECAY)[0], grid, atol=1e-8)


@settings(max_examples=6, deadline=None)
@given(
    st.sampled_from([0.1, 0.5, 1.5, 4.0, 20.0]),
    st.lists(st.integers(1, 599), min_size=1, max_size=3, unique=True),
    st.integers(0, 3),
)
def test_a_split_disturbs_nothing_but_a_volume_that_jumps(ratio, bars, ticker):
    """Prices as quoted at the time: raw prices and volumes jump, the adjusted close does not."""
    panel = full_panel()
    since = np.ones((600, 4))
    for bar in bars:
        since[bar:, ticker] *= ratio
    quoted = scaled(scaled(panel, 1 / since, *PRICES[:4]), since, "volume")
    before, after = (compute_features(each, ALL, DECAY)[0] for each in (panel, quoted))
    kept = [j for j, name in enumerate(NAMES) if name not in ("volume_surprise", "rank_volume")]
    np.testing.assert_allclose(after[:, :, kept], before[:, :, kept], atol=1e-8)


@settings(max_examples=6, deadline=None)
@given(st.floats(0.001, 0.3), st.integers(1, 599), st.integers(0, 3))
def test_a_dividend_disturbs_nothing_but_what_a_share_costs(paid, bar, ticker):
    """Quoted prices fall by the dividend, the return with it does not."""
    panel = full_panel()
    since = np.ones((600, 4))
    since[bar:, ticker] = 1 - paid
    quoted = scaled(panel, since, *PRICES[:4])
    before, after = (compute_features(each, ALL, DECAY)[0] for each in (panel, quoted))
    dollars = ("dollar_volume_surprise", "illiquidity_22")
    kept = [j for j, name in enumerate(NAMES) if name not in dollars]
    np.testing.assert_allclose(after[:, :, kept], before[:, :, kept], atol=1e-8)


@pytest.mark.parametrize("column", sorted({c for each in OWN for c in each.needs}))
def test_a_missing_column_is_nan_where_it_is_needed_and_nowhere_else(panel, grid, column):
    values = panel.values.copy()
    values[:, 1, COLUMNS.index(column)] = np.nan
    found, _ = compute_features(replace(panel, values=values), ALL, DECAY)
    for j, name in enumerate(NAMES):
        if column in CATALOGUE[name].needs:
            assert np.isnan(found[:, 1, j]).all(), name
        else:
            np.testing.assert_array_equal(found[:, 1, j], grid[:, 1, j], err_msg=name)


def test_a_bar_without_range_or_trades_is_finite_or_nan_but_never_an_error(panel):
    """One price all day, nothing traded, a close outside the range."""
    values = panel.values.copy()
    for name in ("high", "low", "close"):
        values[400, 0, COLUMNS.index(name)] = values[400, 0, COLUMNS.index("open")]
    values[401:450, 0, COLUMNS.index("volume")] = 0.0
    values[402, 0, COLUMNS.index("close")] *= 3
    found, _ = compute_features(replace(panel, values=values), ALL, DECAY)
    assert np.isnan(found[402, 0, NAMES.index("log_garman_klass_1")])
    assert np.isnan(found[449, 0, NAMES.index("volume_surprise")])
    assert np.isfinite(found[400, 0, NAMES.index("log_parkinson_1")])


def test_market_features_are_the_mean_over_present_tickers(panel):
    grid, _ = compute_features(panel, "close", DECAY)
    names = feature_names("close")
    own = grid[:, :, names.index("return_1")]
    market = grid[:, :, names.index("market_return")]
    np.testing.assert_allclose(market[400], np.nanmean(own[400]))
    late = np.flatnonzero(np.isfinite(own[:, 3]))[0]
    assert np.isnan(market[late - 1, 3])
    assert np.isfinite(market[late - 1, 0])


def test_ranks_share_ties_and_leave_out_who_is_absent():
    values = np.array([[3.0, 1.0, 1.0, np.nan, 2.0], [np.nan, 7.0, np.nan, np.inf, np.nan]])
    expected = np.array([[1, -2 / 3, -2 / 3, np.nan, 1 / 3], [np.nan, 0, np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(centred_rank(values), expected)
    assert np.isnan(centred_rank(np.full((1, 3), np.nan))).all()


def test_a_market_of_one_has_beta_one_and_nothing_of_its_own(panel):
    alone = panel.select(["AAA"])
    text = "beta_252+idiosyncratic_1+log_idiosyncratic_66+reversal_5+rank_momentum"
    found, _ = compute_features(alone, text, DECAY)
    last = dict(zip(feature_names(text), found[-1, 0], strict=True))
    assert last["beta_252"] == pytest.approx(np.arcsinh(1))
    assert last["idiosyncratic_1"] == pytest.approx(0, abs=1e-9)
    assert last["log_idiosyncratic_66"] == pytest.approx(np.log(0.01))
    assert (last["reversal_5"], last["rank_momentum"]) == (0, 0)


def test_the_table_describes_every_feature():
    rows = describe()
    assert [row["name"] for row in rows] == list(NAMES)
    assert all(row["unit"] and row["formula"] for row in rows)
    assert all(row["known"] in ("open", "close") for row in rows)
    assert {column for row in rows for column in row["needs"]} <= set(COLUMNS)
    assert [row["name"] for row in describe("ohlc")] == list(feature_names("ohlc"))


def test_a_bar_without_volume_is_left_out_not_filled(panel):
    values = panel.values.copy()
    values[400, 0, COLUMNS.index("volume")] = np.nan
    table = make_sequences(replace(panel, values=values))
    rows = table.origin[table.rows(0)]
    assert 400 not in rows
    assert 399 in rows


def test_a_short_history_is_refused(prices):
    needed = look_back("close")
    short = prices.between(None, prices.times[needed - 2]).select(["AAA", "BBB"])
    with pytest.raises(DataError, match=f"expected at least {needed} bars"):
        make_sequences(short)
