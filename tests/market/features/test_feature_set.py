"""Choosing features: one text a set, checked against the catalogue and against the prices."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.config import load_recipe
from forecasting.errors import ConfigError, DataError
from forecasting.market.features import feature_names, feature_set, look_back, resolve_variant
from forecasting.market.features.catalogue import CATALOGUE, NAMED_SETS, REQUIRED, VARIANTS
from forecasting.market.panel import COLUMNS, Panel

OWN_CLOSE = (
    *("return_1", "return_5", "return_22", "return_66", "log_volatility", "log_gap"),
    *(f"log_square_{n}" for n in (1, 5, 22, 66)),
)
RANGES = (*(f"log_range_{n}" for n in (1, 5, 22, 66)), "overnight")


def test_the_variants_never_change():
    """Trained models name them."""
    market = ("market_return", "market_square", "market_range", "market_volatility")
    assert feature_names("close") == (*OWN_CLOSE, market[0], market[1], market[3])
    assert feature_names("ohlc") == (*OWN_CLOSE, *RANGES, *market)
    assert feature_names("ohlcv") == (*OWN_CLOSE, *RANGES, "volume_surprise", *market)
    assert {look_back(variant) for variant in VARIANTS} == {67}


def test_the_echoes_never_change():
    """Trained models name them by their groups."""
    for kind in ("square", "range"):
        echoes = [f"echo_{kind}_{season}_{h}" for season in ("year", "quarter") for h in (1, 3)]
        assert feature_names(f"echo_{kind}") == (*REQUIRED, *echoes)
        assert look_back(f"ohlcv+echo_{kind}") == 67  # as many rows as without
    assert feature_set("close+echo_square").needs == ()


def test_a_set_stands_in_the_order_of_the_catalogue_with_what_is_required():
    names = feature_names("momentum_252+return_1")
    assert names == ("return_1", "log_volatility", "log_gap", "momentum_252")
    assert look_back("momentum_252+return_1") == 253
    assert set(REQUIRED) <= set(feature_names("rank_beta"))


@given(st.lists(st.sampled_from([*NAMED_SETS, *CATALOGUE]), min_size=1, max_size=12))
def test_a_set_has_one_text_whatever_the_order(names):
    chosen, turned = feature_set("+".join(names)), feature_set("+".join(names[::-1]))
    assert chosen == turned
    assert chosen.text == turned.text
    assert feature_set(chosen.text) == chosen
    assert feature_set(chosen.text).text == chosen.text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("close", "close"),
        ("close+ohlc", "ohlc"),
        ("momentum_63+ohlcv+return_1", "ohlcv+momentum_63"),
        ("+".join(feature_names("close")), "close"),
        ("return_1", "return_1+log_volatility+log_gap"),
        ("beta_66+echo_range+close+echo_square", "close+echo_square+echo_range+beta_66"),
        ("+".join(feature_names("ohlcv+echo_range")), "ohlcv+echo_range"),
        ("echo_square_year_1+close", "close+echo_square_year_1"),
    ],
)
def test_the_text_is_the_shortest(written, text):
    assert feature_set(written).text == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("momentum_250", "no feature 'momentum_250': did you mean 'momentum_252'"),
        ("ohclv+beta_66", "did you mean 'ohlcv'"),
        ("tea", "no feature 'tea': Expected close, ohlc, ohlcv, echo_square, echo_range or na"),
        ("", "no feature ''"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(text, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        feature_set(text)
    assert "\n" not in str(caught.value)


def test_auto_is_the_richest_that_the_columns_allow(prices, close_only):
    echoes = "+echo_square+echo_range"
    assert resolve_variant(prices, "auto") == "ohlcv" + echoes
    assert resolve_variant(close_only, "auto") == "close+echo_square"
    silent = prices.values.copy()
    silent[:, 2, COLUMNS.index("volume")] = 0.0
    assert resolve_variant(replace(prices, values=silent), "auto") == "ohlc" + echoes


@pytest.mark.parametrize("interval", ["1h", "1wk"])
def test_auto_has_echoes_of_daily_bars_alone(prices, interval):
    """251 bars are no year of them; who names an echo has it."""
    other = replace(prices, interval=interval)
    assert resolve_variant(other, "auto") == "ohlcv"
    assert resolve_variant(other, "ohlcv+echo_square") == "ohlcv+echo_square"


@pytest.mark.parametrize("source", ["prices", "close_only"])
def test_what_auto_chooses_is_a_text(source, request):
    chosen = resolve_variant(request.getfixturevalue(source), "auto")
    assert feature_set(chosen).text == chosen


def test_resolving_gives_the_text(prices):
    assert resolve_variant(prices, "momentum_63+close") == "close+momentum_63"


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("ohlc", "'ohlc' need open, high, low, close of every ticker, which test prices does not"),
        ("close+illiquidity_22", "need close, volume of .*: illiquidity_22 cannot be computed"),
        ("close+rank_volume", "need volume of every ticker.*train with --set data.features=close"),
        ("log_realized_variance_5", "need realized_variance of every ticker"),
    ],
)
def test_prices_without_a_column_are_refused_in_one_line(close_only: Panel, variant, reason):
    with pytest.raises(DataError, match=reason) as caught:
        resolve_variant(close_only, variant)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("auto", "auto"),
        ("ohlcv", "ohlcv"),
        ("[ohlcv, momentum_252, beta_66]", "ohlcv+momentum_252+beta_66"),
        ("close+beta_66", "close+beta_66"),
    ],
)
def test_a_recipe_names_them_by_a_list_or_a_text(written, read, tmp_path):
    recipe = load_recipe("jamba-tiny", (f"data.features={written}",))
    assert recipe.data.features == read
    again = tmp_path / "recipe.yaml"
    again.write_text(recipe.to_yaml())
    assert load_recipe(again) == recipe


@pytest.mark.parametrize(
    "written", ["[]", "3", "[auto, beta_66]", "[[close]]", "a b", "close+", ""]
)
def test_what_is_no_list_of_names_is_refused_in_one_line(written):
    with pytest.raises(
        ConfigError, match=r"data.features = .*: expected auto, or a list"
    ) as caught:
        load_recipe("jamba-tiny", (f"data.features={written}",))
    assert "\n" not in str(caught.value)
