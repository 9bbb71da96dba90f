import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig, load_recipe
from forecasting.nn import ForecastNetwork, StudentT, student_t_nll

CONFIGS = {
    "jamba": NetworkConfig(sliding_window=16, dropout=0.3),
    "gru": NetworkConfig(
        mixer="gru", attn_layer_period=None, expert_layer_period=None, intermediate_size=0
    ),
    "mamba2": NetworkConfig(mixer="mamba2", elapsed_time="scale"),
    "megalodon": NetworkConfig(mixer="megalodon", sliding_window=16, attn_layer_period=None),
    "transformer": NetworkConfig(
        mixer="attention", attn_layer_period=None, position_embedding="rotary", num_shared_experts=1
    ),
    "mamba with experts everywhere": NetworkConfig(
        attn_layer_period=None, expert_layer_period=1, expert_layer_offset=0, num_hidden_layers=2
    ),
}
N_FEATURES, LENGTH, CUT = 7, 70, 45


@pytest.fixture(params=CONFIGS)
def network(request) -> ForecastNetwork:
    return make_network(CONFIGS[request.param])


def make_network(config: NetworkConfig) -> ForecastNetwork:
    """A network whose every parameter matters, as after training."""
    torch.manual_seed(0)
    network = ForecastNetwork(config, N_FEATURES, 3).eval()
    network.set_normalisation(torch.randn(N_FEATURES), torch.rand(N_FEATURES) + 0.5)
    network.set_baseline(torch.tensor([0.8, 0.9, 1.0]), torch.tensor([4.0, 5.0, 6.0]))
    torch.nn.init.normal_(network.head.proj.weight, std=0.5)
    torch.nn.init.normal_(network.head.proj.bias, std=0.5)
    return network


def make_features(batch: int = 3, length: int = LENGTH) -> Tensor:
    return torch.randn(batch, length, N_FEATURES, generator=torch.Generator().manual_seed(1))


def assert_same(found: StudentT, truth: StudentT) -> None:
    for a, b in zip(found, truth, strict=True):
        assert a.isfinite().all()
        assert torch.allclose(a, b, rtol=2e-5, atol=2e-6)


def part(law: StudentT, rows: slice, bars: slice) -> StudentT:
    return StudentT(*(x[rows, bars] for x in law))


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_untrained_it_is_the_baseline(name):
    network = ForecastNetwork(CONFIGS[name], N_FEATURES, 3)
    scale, df = torch.tensor([0.8, 0.9, 1.0]), torch.tensor([4.0, 5.0, 6.0])
    network.set_baseline(scale, df)
    law, _ = network(100 * make_features())
    for found, base in zip(law, (torch.zeros(3), scale, df), strict=True):
        assert torch.allclose(found, base.expand_as(found), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("future", ["noise", "x1000", "nan", "inf", "one nan", "cut"])
@torch.no_grad()
def test_the_future_does_not_reach_the_past(network, future):
    features = make_features()
    law, _ = network(features)
    changed = features.clone()
    match future:
        case "noise":
            changed[:, CUT:] = 5 * torch.randn_like(changed[:, CUT:])
        case "x1000":
            changed[:, CUT:] *= 1000
        case "nan" | "inf":
            changed[:, CUT:] = float(future)
        case "one nan":
            changed[1, CUT, 2] = torch.nan
        case "cut":
            changed = changed[:, :CUT]
    past = slice(0, CUT)
    assert_same(part(network(changed)[0], slice(None), past), part(law, slice(None), past))


@torch.no_grad()
def test_nothing_after_a_missing_feature_is_a_guess(network):
    features = make_features()
    whole, _ = network(features)
    features[1, CUT, 2] = torch.nan
    law, report = network(features)
    for found in law:
        assert found[1, CUT:].isnan().all()
        assert found[1, :CUT].isfinite().all()
    others = slice(0, 3, 2)
    assert_same(part(law, others, slice(None)), part(whole, others, slice(None)))
    assert report.loss.isfinite()


def test_a_missing_feature_leaves_the_gradients_finite(network):
    features = make_features()
    features[1, CUT:] = torch.nan
    law, report = network(features)
    nll = student_t_nll(law, torch.zeros_like(law.loc))
    (nll[nll.isfinite()].mean() + report.loss).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name


@torch.no_grad()
def test_padding_on_the_right_and_other_rows_change_nothing(network):
    features = make_features()
    law, _ = network(features)
    padded = torch.cat([features, torch.zeros(3, 29, N_FEATURES)], dim=1)
    whole = slice(0, LENGTH)
    assert_same(part(network(padded)[0], slice(None), whole), law)
    for row in range(3):
        alone, _ = network(features[row : row + 1])
        assert_same(alone, part(law, slice(row, row + 1), whole))


@pytest.mark.parametrize("balance", ["bias", "switch"])
@torch.no_grad()
def test_the_router_report_counts_known_bars_only(balance):
    network = make_network(NetworkConfig(router_balance=balance, dropout=0.0))
    features = make_features()
    _, truth = network(features[:, :CUT])
    features[:, CUT:] = torch.nan
    _, found = network(features)
    assert int(found.bars) == 3 * CUT
    assert int(found.picks.sum()) == 3 * CUT * 2
    for a, b in zip(found, truth, strict=True):
        assert torch.allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_router_report_has_a_row_for_each_layer_with_experts(name):
    network = make_network(CONFIGS[name])
    plan = [feed_forward for _, feed_forward in CONFIGS[name].layer_plan()]
    assert [plan[layer] for layer in network.expert_layers] == ["moe"] * plan.count("moe")
    _, report = network(make_features())
    assert report.picks.shape == (plan.count("moe"), CONFIGS[name].num_experts)
    assert (float(report.loss) > 0) == ("moe" in plan)


@torch.no_grad()
def test_balancing_moves_the_biases_of_the_layer_it_speaks_of():
    network = make_network(CONFIGS["mamba with experts everywhere"])
    network.balance_experts(torch.tensor([[5, 5, 5, 5], [8, 4, 4, 4]]))
    first, second = (
        layer.feed_forward.e_score_correction_bias for layer in network.backbone.layers
    )
    assert (first == 0).all()
    assert (second.sign() == torch.tensor([-1, 1, 1, 1])).all()


def test_features_are_normalised_by_the_buffers():
    network = make_network(CONFIGS["jamba"]).double()
    features = make_features().double()
    scaled = make_network(CONFIGS["jamba"]).double()
    scaled.set_normalisation(10 * network.feature_mean + 3, 10 * network.feature_std)
    with torch.no_grad():
        assert_same(scaled(10 * features + 3)[0], network(features)[0])


def test_a_feature_that_never_varied_is_only_centred():
    network = make_network(CONFIGS["jamba"])
    network.set_normalisation(torch.ones(N_FEATURES), torch.zeros(N_FEATURES))
    assert torch.equal(network.feature_std, torch.ones(N_FEATURES))


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_state_dict_carries_weights_and_buffers(name):
    network = make_network(CONFIGS[name])
    other = ForecastNetwork(CONFIGS[name], N_FEATURES, 3).eval()
    other.load_state_dict(network.state_dict())
    assert_same(other(make_features())[0], network(make_features())[0])


def test_dropout_acts_in_training_only(network):
    features = make_features()
    with torch.no_grad():
        assert torch.equal(network(features)[0].loc, network(features)[0].loc)
        network.train()
        assert not torch.equal(network(features)[0].loc, network(features)[0].loc)


def test_matrices_decay_and_nothing_else():
    network = make_network(CONFIGS["jamba"])
    decayed, kept = network.parameter_groups(0.1)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {names.pop(id(parameter)) for parameter in decayed["params"]}
    endings = ("proj.weight", "conv1d.weight", "router.weight", "gate_up_proj", "down_proj")
    assert all(name.endswith(endings) for name in found)
    kept_names = {names.pop(id(parameter)) for parameter in kept["params"]}
    assert not names
    assert all(name.endswith(("norm.weight", "bias", "A_log", ".D")) for name in kept_names)


def test_every_parameter_gets_a_gradient(network):
    law, report = network(make_features())
    (student_t_nll(law, torch.ones_like(law.loc)).mean() + report.loss).backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad != 0).any(), name


@pytest.mark.parametrize("recipe", ["jamba-tiny", "gru-twin"])
def test_a_whole_history_in_one_call(recipe):
    network = make_network(load_recipe(recipe).network)
    features = make_features(1, 2111)
    with torch.inference_mode():
        law, _ = network(features)
        assert_same(part(law, slice(None), slice(0, 999)), network(features[:, :999])[0])


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (torch.zeros(6), torch.ones(7)),
        (torch.zeros(7), torch.ones(7, 1)),
        (torch.zeros(7), -torch.ones(7)),
        (torch.full((7,), torch.nan), torch.ones(7)),
        (torch.zeros(7), torch.full((7,), torch.inf)),
    ],
)
def test_an_impossible_normalisation_is_refused(mean, std):
    with pytest.raises(ValueError, match="expected"):
        make_network(CONFIGS["jamba"]).set_normalisation(mean, std)


def test_products_in_bfloat16_leave_the_law_in_float32(network):
    features = make_features()
    truth, _ = network(features)
    with torch.autocast("cpu", torch.bfloat16):
        law, report = network(features)
    assert {part.dtype for part in law} == {torch.float32}
    assert report.loss.dtype == torch.float32
    torch.testing.assert_close(law.scale, truth.scale, rtol=0.1, atol=0)


def test_another_number_of_features_is_refused(network):
    with pytest.raises(ValueError, match="features have 8 columns, expected 7"):
        network(torch.zeros(1, 5, 8))
