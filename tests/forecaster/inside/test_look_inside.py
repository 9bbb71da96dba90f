"""Every recipe can be looked into, and what is seen is what the network does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from future import KINDS, change_future

from forecasting.config import load_recipe
from forecasting.errors import DataError
from forecasting.forecaster.inside.attention_map import attention_map
from forecasting.forecaster.inside.control import against_untrained, untrained_network
from forecasting.forecaster.inside.layers import expert_layers, selective_layers
from forecasting.forecaster.inside.look_inside import Inside, look_inside
from forecasting.forecaster.network_forecaster import (
    NetworkForecaster,
    build_network,
    load_forecaster,
)
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate
from forecasting.nn.cema import CEMA

RECIPES = (
    "jamba-tiny",
    "jamba-small",
    "mamba-small",
    "mamba2-small",
    "transformer-small",
    "gru-small",
    "megalodon-small",
)
SMALL = ("network.hidden_size=16", "network.sliding_window=16")


@pytest.fixture(scope="module")
def model(model_folder) -> NetworkForecaster:
    return load_forecaster(model_folder)


@pytest.fixture(scope="module")
def seen(model, prices) -> Inside:
    return look_inside(model, prices)


def of_recipe(model: NetworkForecaster, recipe: str, *overrides: str) -> NetworkForecaster:
    """An untrained network of a recipe that has read what the tiny model has."""
    files = replace(model.files, recipe=load_recipe(recipe, (*SMALL, *overrides)))
    torch.manual_seed(0)
    network = build_network(files.recipe, model.corpus.feature_names)
    for name in ("feature_mean", "feature_std", "usual_gap"):
        network.get_buffer(name).copy_(model.network.get_buffer(name))
    return NetworkForecaster(files, network)


@pytest.mark.parametrize("elapsed_time", ["ignore", "scale"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_shows_what_it_has(recipe, elapsed_time, model, prices):
    model = of_recipe(model, recipe, f"network.elapsed_time={elapsed_time}")
    seen = look_inside(model, prices)
    assert len(seen.layers) == model.files.recipe.network.num_hidden_layers
    for name in ("selectivity", "experts", "attention", "memory"):
        layers = seen.layers.index[seen.layers[name]].tolist()
        view = getattr(seen, name)
        assert (view is None) == (not layers)
        if view is not None:
            assert len(view.verdicts) == len(layers)
    if seen.memory is not None:
        shares = seen.memory.states.groupby("layer")["weight"].sum()
        assert shares.index.tolist() == seen.layers.index[seen.layers["memory"]].tolist()
        np.testing.assert_allclose(shares, 1)
        assert (seen.memory.states["half_life"] > 0).all()
        assert (np.diff(seen.memory.quantiles()) >= 0).all()
    assert any("GRU" in note for note in seen.notes) == recipe.startswith("gru")
    assert any("no experts" in note for note in seen.notes) == (seen.experts is None)


def test_looking_changes_nothing(model, prices):
    before = model.forecast(prices)
    look_inside(model, prices)
    after = model.forecast(prices)
    for name, values in before.law.parameters().items():
        np.testing.assert_array_equal(values, after.law.parameters()[name])
    assert not any(module._forward_hooks for module in model.network.modules())


def test_half_lives_are_those_of_the_parameters(model, seen, prices):
    """Once more by hand: the mean step over all bars of all tickers."""
    sequences = make_sequences(prices, variant=model.corpus.features)
    network = model.network
    mixer = selective_layers(network)[0]
    steps = []
    with torch.no_grad():
        for k in range(4):
            features = torch.from_numpy(sequences.features[sequences.rows(k)])
            hidden = network.input_proj((features - network.feature_mean) / network.feature_std)
            normed = network.backbone.layers[0].input_layernorm(hidden.unsqueeze(0))
            steps.append(mixer.selection(normed).step[0])
    step = torch.cat(steps).double().mean(dim=0).numpy()
    rate = np.exp(mixer.A_log.detach().double().numpy())
    expected = np.log(2) / (step[:, None] * rate)
    found = seen.memory.states.query("layer == 0")["half_life"].to_numpy().reshape(rate.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    last = torch.stack([each[-1] for each in steps]).double().log().mean().item()
    geometric = np.log(2) / np.exp(last + np.log(rate).mean())
    assert seen.memory.over_time[0].iloc[-1] == pytest.approx(geometric, rel=1e-5)


def test_a_planted_half_life_is_read_off(model, prices):
    planted = of_recipe(model, "mamba-small")
    for mixer in selective_layers(planted.network).values():
        with torch.no_grad():
            mixer.dt_proj.weight.zero_()
            mixer.dt_proj.bias.fill_(np.log(np.expm1(0.1)))
            mixer.A_log.fill_(np.log(np.log(2)))
    seen = look_inside(planted, prices, tickers=["AAA"])
    np.testing.assert_allclose(seen.memory.states["half_life"], 10, rtol=1e-5)
    np.testing.assert_allclose(seen.memory.over_time, 10, rtol=1e-5)
    np.testing.assert_allclose(seen.memory.quantiles([0.1, 0.9]), 10, rtol=1e-5)
    np.testing.assert_allclose(seen.selectivity.table["ratio"], 1, rtol=1e-5)
    assert not any("lets" in verdict for verdict in seen.selectivity.verdicts)


def test_the_half_life_of_a_moving_average_is_that_of_its_modulus(model, prices):
    planted = of_recipe(model, "megalodon-small")
    for module in planted.network.modules():
        if isinstance(module, CEMA):
            with torch.no_grad():
                module.alpha.zero_()
                module.delta.zero_()
    states = look_inside(planted, prices).memory.states
    np.testing.assert_allclose(states["half_life"], np.log(2) / -np.log(0.75), rtol=1e-5)


def regime_switches() -> Panel:
    """Three tickers whose volatility is 0.5 or 2 % in turn, for 40 bars each."""
    panel = simulate("random-walk", 3, 2400, seed=3)
    close = panel.column("adj_close")
    step = np.diff(np.log(close), axis=0, prepend=np.log(close[:1]))
    factor = np.where(np.arange(2400) // 40 % 2, 4.0, 1.0)[:, None]
    values = np.full_like(panel.values, np.nan)
    values[..., 5] = 50 * np.exp(np.cumsum(0.5 * factor * step, axis=0))
    return replace(panel, values=values)


def test_a_router_planted_on_volatility_follows_the_regime(model):
    prices = regime_switches()
    sequences = make_sequences(prices, variant="close")
    corpus = model.corpus.model_copy(
        update={"features": "close", "feature_names": sequences.feature_names}
    )
    files = replace(
        model.files, corpus=corpus, recipe=load_recipe("jamba-tiny", ("data.features=close",))
    )
    network = build_network(files.recipe, corpus.feature_names)
    volatility = sequences.feature("log_volatility")
    at = sequences.feature_names.index("log_volatility")
    with torch.no_grad():
        for layer in network.backbone.layers:
            layer.mixer.get_submodule(
                "out_proj" if hasattr(layer.mixer, "out_proj") else "o_proj"
            ).weight.zero_()
            for name, parameter in layer.feed_forward.named_parameters():
                if "down_proj" in name:
                    parameter.zero_()
        network.input_proj.weight.zero_()
        network.input_proj.bias.zero_()
        network.input_proj.weight[0, at] = 1
        network.input_proj.bias[0] = -float(np.median(volatility))
        network.input_proj.bias[1] = 0.1
        (router,) = (mixture.router for mixture in expert_layers(network).values())
        router.weight.zero_()
        router.weight[:2, 0], router.weight[2:, 0] = 5, -5
    use = look_inside(NetworkForecaster(files, network), prices).experts
    assert "routing depends on the regime" in use.verdicts[0]
    assert "NO EVIDENCE" not in use.verdicts[0]
    shares = use.shares.pivot(index="regime", columns="expert", values="share")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares.loc["turbulent", [0, 1]].sum() > 0.9
    assert shares.loc["calm", [2, 3]].sum() > 0.9
    assert use.tests["cramers_v"].item() > 0.5
    calm = use.loads.set_index("regime").loc["calm", "entropy"]
    assert 0.4 < calm < 0.65  # two of four experts


def test_the_picks_are_those_that_the_routers_report(model, seen, prices):
    sequences = make_sequences(prices, variant=model.corpus.features)
    with torch.inference_mode():
        picks = sum(
            model.network(torch.from_numpy(sequences.features[sequences.rows(k)])[None])[1].picks
            for k in range(4)
        )
    shares = seen.experts.shares.query("regime == 'all'")["share"].to_numpy()
    np.testing.assert_allclose(shares, (picks / picks.sum(dim=1, keepdim=True)).flatten())


def test_attention_by_lag_agrees_with_the_map(model, seen, prices):
    overall = seen.attention.profile.query("regime == 'all'")
    np.testing.assert_allclose(overall[["weight", "even"]].sum(), 1)
    assert overall["lag"].tolist() == list(range(16))
    shown = attention_map(model, prices, "BBB", bars=80)
    np.testing.assert_allclose(shown.weights.sum(axis=1) + shown.outside, 1)
    np.testing.assert_allclose(shown.outside[16:], 0, atol=1e-6)
    assert shown.visible.tolist() == [16] * 80
    row, column = np.nonzero(shown.weights)
    assert ((row - column >= 0) & (row - column < 16)).all()
    lag = np.subtract.outer(np.arange(80), np.arange(80))
    part = look_inside(model, prices, tickers=["BBB"], start=shown.times[16]).attention
    mean = (shown.weights * lag)[16:].sum(axis=1).mean()
    assert part.lookback.query("regime == 'all'")["lookback"].item() == pytest.approx(mean)


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing_seen_before_it(model, seen, prices, kind):
    bar = 420
    changed = change_future(prices, bar, kind)
    later = look_inside(model, changed)
    until = prices.times[bar]
    found, expected = (each.memory.over_time.loc[:until] for each in (later, seen))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    maps = [attention_map(model, each, "AAA", end=until) for each in (changed, prices)]
    np.testing.assert_allclose(maps[0].weights, maps[1].weights, atol=1e-6)


def test_a_span_ends_where_it_is_said_to(model, prices):
    start, end = prices.times[300], prices.times[500]
    part = look_inside(model, prices, tickers=["AAA", "CCC"], start=start, end=end)
    cut = look_inside(model, prices.between(None, end), tickers=["AAA", "CCC"], start=start)
    assert (part.start, part.end, part.tickers) == (start, end, ("AAA", "CCC"))
    assert part.verdicts == cut.verdicts
    assert part.memory.over_time.index[[0, -1]].tolist() == [start, end]


def test_a_network_that_looks_across_tickers_sees_each_history(model, prices):
    """All tickers pass at once, padded; at the start the layer between them does nothing."""
    alone = of_recipe(model, "jamba-tiny")
    across = of_recipe(model, "jamba-tiny", "network.cross_asset=attention")
    across.network.load_state_dict(alone.network.state_dict(), strict=False)
    one, other = look_inside(alone, prices), look_inside(across, prices)
    np.testing.assert_allclose(one.memory.over_time, other.memory.over_time, rtol=1e-4)
    np.testing.assert_allclose(
        one.attention.profile["weight"], other.attention.profile["weight"], rtol=1e-4
    )
    assert any("across tickers" in note for note in other.notes)


def test_random_networks_are_the_control(model, prices):
    table = against_untrained(model, prices, networks=3)
    assert table.index.names == ["quantity", "layer"]
    assert table.isna().any(axis=1).sum() == 1  # six hundred bars have too few spells of a regime
    table = table.dropna()
    assert (table["lowest"] <= table["median"]).all()
    assert (table["median"] <= table["highest"]).all()
    assert table["p"].between(0.5, 1).all()
    weights = [untrained_network(model, 1).state_dict() for _ in range(2)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])
    assert torch.equal(weights[0]["feature_mean"], model.network.feature_mean)


def test_bad_questions_get_one_line(model, prices):
    with pytest.raises(DataError, match="ZZZ"):
        look_inside(model, prices, tickers=["ZZZ"])
    with pytest.raises(DataError, match="no bars from"):
        look_inside(model, prices, end="1990-01-01")
    with pytest.raises(DataError, match="layer 0 with attention over time"):
        attention_map(model, prices, "AAA", layer=0)
    with pytest.raises(DataError, match="no layer with attention over time"):
        attention_map(of_recipe(model, "gru-small"), prices, "AAA")
    with pytest.raises(DataError, match="1h bars"):
        look_inside(model, replace(prices, interval="1h"))
