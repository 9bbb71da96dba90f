import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from forecasting import paths
from forecasting.config import NetworkConfig, Recipe, load_recipe, recipe_from_tree
from forecasting.errors import ConfigError
from forecasting.nn.network import ForecastNetwork

TASK_WEIGHTS = ("training.task_weights.rank=0.1", "training.task_weights.range_variance=0.2")
SHIPPED = sorted(file.parent.name for file in paths.shipped_models().glob("*/recipe.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_loads_and_builds_its_network(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    ForecastNetwork(recipe.network, 13, len(recipe.data.horizons))


@given(
    st.integers(1, 8),
    st.floats(0.01, 0.4),
    st.one_of(st.floats(0.5, 0.9), st.dates().map(str)),
    st.integers(0, 9),
)
def test_a_recipe_survives_yaml(layers, validation, test, seed):
    recipe = recipe_from_tree(
        {
            "name": "x",
            "data": {"validation_start": validation, "test_start": test},
            "network": {"num_hidden_layers": layers},
            "training": {"seed": seed},
        },
        "here",
    )
    assert recipe_from_tree(yaml.safe_load(recipe.to_yaml()), "here") == recipe


def test_jamba_tiny_is_a_jamba():
    """Attention in the middle and never first, experts on every second layer."""
    assert load_recipe("jamba-tiny").network.layer_plan() == (
        ("mamba", "dense"),
        ("attention", "moe"),
        ("mamba", "dense"),
    )


def test_the_jamba_rule_of_the_paper():
    """Period 8, offset 4; experts with period 2, offset 1."""
    config = NetworkConfig(
        num_hidden_layers=16,
        attn_layer_period=8,
        attn_layer_offset=4,
        expert_layer_period=2,
        expert_layer_offset=1,
    )
    plan = config.layer_plan()
    assert [i for i, (mixer, _) in enumerate(plan) if mixer == "attention"] == [4, 12]
    assert [i for i, (_, ff) in enumerate(plan) if ff == "moe"] == list(range(1, 16, 2))


def test_an_unquoted_date_is_a_date():
    assert (
        load_recipe("jamba-tiny", ("data.test_start=2017-01-01",)).data.test_start == "2017-01-01"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("network.hiden_size=3", "did you mean 'hidden_size'"),
        ("networ.hidden_size=3", "did you mean 'network'"),
        ("network.attn_layer_offset=3", "attn_layer_offset 3 must be smaller than"),
        ("network.expert_layer_offset=2", "expert_layer_offset 2 must be smaller than"),
        (
            "network.num_attention_heads=5",
            "hidden_size 32 must be a multiple of num_attention_heads 5",
        ),
        ("network.num_experts_per_tok=9", "num_experts_per_tok 9 must not exceed num_experts 4"),
        ("network.dropout=1.0", "network.dropout = 1.0"),
        ("network=3", "network = 3: expected keys and values, such as {mixer: mamba}"),
        ("training.max_steps=-1", "training.max_steps = -1: must be greater than or equal to 1"),
        ("training.max_steps=1.5", "training.max_steps = 1.5: must be a whole number"),
        ("training.learning_rate=fast", "training.learning_rate = 'fast': must be a number"),
        ("training.distillation=true", "expected keys and values, such as {teachers: 4}"),
        ("data.test_start=hello", "data.test_start = 'hello': expected a date YYYY-MM-DD"),
        ("data.test_start=2017-13-01", "not valid YAML"),
        ("data.test_start=1.5", "expected a date YYYY-MM-DD"),
        ("data.horizons=[5, 1]", "horizons must ascend"),
        ("data.horizons=[]", "horizons must ascend"),
        ("data.horizons=5", "data.horizons = 5: expected a list, such as [1, 2]"),
        ("training.horizon_weights=[1, 1]", "one weight for each of the horizons [1, 5, 21]"),
        ("training.horizon_weights=[0, 0, 0]", "not all of them 0"),
        ("training.horizon_weights=[1, -1, 1]", "training.horizon_weights[1] = -1"),
        (
            "network.tasks=[rank]",
            "task_weights has none, network.tasks has rank: expected a weight",
        ),
        ("training.task_weights={rank: 0.1}", "task_weights has rank, network.tasks has none"),
        ("training.task_weights={rnk: 0.1}", "'range_variance' or 'rank'"),
        ("training.task_weights={rank: -1}", "training.task_weights.rank = -1"),
        ("training.sampling=all", "training.sampling = 'all'"),
        ("network.tasks=[mood]", "'range_variance' or 'rank'"),
        ("network.tasks=[rank, rank]", "tasks must not repeat"),
        ("name=../x", "name = '../x'"),
        ("name", "expected section.key=value"),
        ("training.seed=[1", "not valid YAML"),
        ("training.seed.x=1", "seed is a value"),
    ],
)
def test_a_bad_override_is_refused_in_one_line(override, message):
    with pytest.raises(ConfigError) as caught:
        load_recipe("jamba-tiny", ("training.seed=0", override))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Input should be" not in str(caught.value)


@pytest.mark.parametrize(
    ("recipe", "override", "way_out"),
    [
        ("jamba-small", "data.horizons=[1]", "training.horizon_weights=null"),
        ("jamba-small", "network.distribution=quantile", "training.distillation=null"),
        ("jamba-small", "network.tasks=[]", "training.task_weights={}"),
        ("jamba-tiny", "network.tasks=[rank]", "training.task_weights={rank: 1}"),
        ("jamba-tiny", "training.task_weights.rank=0.1", "network.tasks=[rank]"),
    ],
)
def test_overrides_that_disagree_with_the_rest_say_what_to_type(recipe, override, way_out):
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe, (override,))
    told = str(caught.value)
    assert told.endswith(f" Pass --set {shlex.quote(way_out)} as well.")
    assert load_recipe(recipe, (override, way_out)).name == recipe


def test_what_an_override_did_is_not_the_files_fault():
    for settings in (("training.horizon_weights=[1]",), ("training.max_steps=0",)):
        with pytest.raises(ConfigError, match=r"Correct the recipe, or what --set makes of it\.$"):
            load_recipe("jamba-tiny", settings)
    with pytest.raises(ConfigError, match=r"Correct the recipe\.$"):
        recipe_from_tree({"name": "x", "training": {"horizon_weights": [1]}}, "here")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: [", "not valid YAML"),
        ("", "holds no settings"),
        ("- 1", "holds no settings"),
        ("data: {}", "name: this key is compulsory"),
        ("name: x\ndata: {test_start: 2017-13-01}", "not valid YAML"),
        ("name: x\nnetwerk: {}", "did you mean 'network'"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, message):
    file = tmp_path / "recipe.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_recipe(file)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'jamba-tiny'"):
        load_recipe("jamba-tinny")


def test_tasks_are_named_and_weighted():
    recipe = load_recipe("jamba-tiny", ("network.tasks=[rank, range_variance]", *TASK_WEIGHTS))
    assert recipe.network.tasks == ("rank", "range_variance")
    assert recipe.training.task_weights == {"rank": 0.1, "range_variance": 0.2}
    assert recipe_from_tree(yaml.safe_load(recipe.to_yaml()), "here") == recipe


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_recipe("jamba-tiny").name = "other"  # type: ignore[misc]


def test_what_is_allowed_but_poor_is_doubted():
    assert load_recipe("jamba-tiny").network.doubts() == ()
    (doubt,) = load_recipe("jamba-tiny", ("network.attn_layer_offset=0",)).network.doubts()
    assert doubt.startswith("attn_layer_offset is 0: ")
    assert load_recipe("gru-twin").network.doubts() == ()
    assert NetworkConfig(mixer="attention", attn_layer_offset=0).doubts() == ()


def test_defaults_are_the_shipped_recipe_except_what_it_says():
    shipped = load_recipe("jamba-tiny")
    assert shipped.network == Recipe(name="x").network
