"""The recipes that are shipped: each can be built, and the small ones are of one size."""

import pytest
import torch

from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.forecaster.network_forecaster import build_network
from forecasting.market.features import feature_names
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.sizes import sizes

NAMES = sorted(file.parent.name for file in paths.shipped_models().glob("*/recipe.yaml"))
SMALL = [name for name in NAMES if name.endswith("-small")]


def build(recipe: Recipe, variant: str = "close") -> ForecastNetwork:
    torch.manual_seed(0)
    return build_network(recipe, feature_names(variant)).eval()


def test_what_is_shipped() -> None:
    assert {"jamba-tiny", "gru-twin", "jamba-long"} < set(NAMES)
    mixers = {load_recipe(name).network.mixer for name in SMALL}
    assert mixers == {"mamba", "mamba2", "attention", "megalodon", "gru"}
    assert len(SMALL) == len(mixers) + 2  # Jamba, the hybrid, and attention over one bar alone


@pytest.mark.parametrize("name", NAMES)
def test_recipe_makes_a_network_that_starts_as_the_baseline(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.network.doubts() == ()
    with torch.inference_mode():
        law, _ = build(recipe)(torch.randn(2, 40, len(feature_names("close"))))
    shape = (2, 40, len(recipe.data.horizons))
    assert torch.equal(law.loc, torch.zeros(shape))
    assert torch.equal(law.scale, torch.ones(shape))


@pytest.mark.parametrize("variant", ["close", "ohlc", "ohlcv"])
def test_small_recipes_have_equal_parameters(variant: str) -> None:
    counts = [sizes(build(load_recipe(name), variant)).parameters for name in SMALL]
    assert min(counts) > 100_000
    assert max(counts) < 150_000
    assert max(counts) <= 1.05 * min(counts)


def test_small_recipes_have_equal_training() -> None:
    first, *others = (load_recipe(name) for name in SMALL)
    for other in others:
        assert (other.training, other.data) == (first.training, first.data)
        assert other.network.dropout == first.network.dropout


def test_hourly_recipes_are_twins() -> None:
    hybrid, twin = load_recipe("jamba-hourly"), load_recipe("gru-hourly")
    assert (twin.data, twin.training) == (hybrid.data, hybrid.training)
    counts = [sizes(build(recipe, "ohlcv")).parameters for recipe in (hybrid, twin)]
    assert max(counts) <= 1.05 * min(counts)


def test_memoryless_recipe_does_not_look_back() -> None:
    network = build(load_recipe("memoryless-small"))
    torch.nn.init.normal_(network.head.proj.weight)
    features = torch.randn(2, 40, len(feature_names("close")))
    with torch.inference_mode():
        law, _ = network(features)
        alone, _ = network(features[:, -1:])
    torch.testing.assert_close(law.scale[:, -1:], alone.scale)
    assert law.scale.std(dim=1).min() > 0


def test_long_recipe_is_the_small_hybrid_at_sixteen_times_the_context() -> None:
    small, long = load_recipe("jamba-small"), load_recipe("jamba-long")
    same = small.network.model_copy(update={"sliding_window": long.network.sliding_window})
    assert long.network == same
    assert long.training.context_length == 4096 == 16 * small.training.context_length
    assert long.training.batch_size == small.training.batch_size // 16


@pytest.mark.slow
def test_long_recipe_reads_65536_bars() -> None:
    features = torch.randn(1, 65_536, len(feature_names("close")))
    network = build(load_recipe("jamba-long"))
    torch.nn.init.normal_(network.head.proj.weight)
    with torch.inference_mode():
        law, _ = network(features)
        changed = features.clone()
        changed[:, 65_000:] += 1
        other, _ = network(changed)
    assert law.scale.isfinite().all()
    # Not equal to the bit: how the grouped products of the experts are cut for several threads, and
    # so how they are rounded, depends on how many bars each expert has, later ones included.
    torch.testing.assert_close(law.scale[:, :60_000], other.scale[:, :60_000], rtol=2e-6, atol=0)
    assert not torch.equal(law.scale[:, -1], other.scale[:, -1])
