import pytest
import torch

from forecasting.config import NetworkConfig
from forecasting.nn.routing import Routing, report_routing, router_loss, router_z_loss


def make_routings(config: NetworkConfig, n_layers: int = 2) -> list[Routing]:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(n_layers, 3, 20, config.num_experts, generator=generator)
    picked = logits.topk(config.num_experts_per_tok, dim=-1).indices
    return [Routing(*parts) for parts in zip(logits, picked, strict=True)]


def test_the_report_counts_known_bars_only():
    config = NetworkConfig(num_experts=5)
    routings, known = make_routings(config), torch.rand(3, 20) < 0.6
    report = report_routing(config, routings, known)
    assert int(report.bars) == int(known.sum())
    assert report.picks.sum(dim=1).tolist() == [2 * int(known.sum())] * 2
    for layer, routing in enumerate(routings):
        probabilities = routing.logits[known].double().softmax(dim=-1)
        entropy = -(probabilities * probabilities.log()).sum()
        assert float(report.entropy[layer]) == pytest.approx(float(entropy), rel=1e-5)
        for expert in range(5):
            times = (routing.picked[known] == expert).sum()
            assert int(report.picks[layer, expert]) == int(times)


@pytest.mark.parametrize("balance", ["bias", "switch"])
def test_the_loss_is_weighted_and_balances_only_where_the_bias_does_not(balance):
    config = NetworkConfig(router_balance=balance, router_aux_loss_coef=0.3, router_z_loss_coef=0.7)
    routings, known = make_routings(config), torch.ones(3, 20, dtype=torch.bool)
    logits = torch.cat([routing.logits.flatten(0, 1) for routing in routings])
    expected = 0.7 * router_z_loss(logits)
    if balance == "switch":
        expected += 0.3 * router_loss(logits.softmax(dim=-1), 2)
    torch.testing.assert_close(report_routing(config, routings, known).loss, expected)


@pytest.mark.parametrize("n_layers", [0, 2])
def test_without_routers_or_known_bars_the_report_is_empty(n_layers):
    config = NetworkConfig()
    report = report_routing(config, make_routings(config)[:n_layers], torch.zeros(3, 20) > 0)
    assert (float(report.loss), int(report.bars)) == (0, 0)
    assert torch.equal(report.picks, torch.zeros(n_layers, 4, dtype=torch.long))
    assert torch.equal(report.entropy, torch.zeros(n_layers))


@pytest.mark.parametrize("picks", [1, 2, 3])
def test_the_loss_is_the_number_of_picks_at_balance(picks):
    # Each expert is preferred, cyclically, by the same number of bars.
    preference = torch.tensor([0.7, 0.4, 0.2, 0.0])
    logits = torch.stack([preference.roll(shift) for shift in range(4)])
    assert float(router_loss(logits.softmax(dim=-1), picks)) == pytest.approx(picks, rel=1e-6)


def test_the_loss_grows_with_imbalance_and_pulls_back():
    logits = torch.tensor([[2.0, 1.0, 0.0, 0.0]]).repeat(10, 1).requires_grad_()
    loss = router_loss(logits.softmax(dim=-1), 2)
    assert float(loss.detach()) > 2
    loss.backward()
    assert (logits.grad[:, 0] > 0).all()
    assert (logits.grad[:, 2:] < 0).all()


def test_the_z_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    expected = (torch.tensor(2.0).log() ** 2 + (1 + torch.tensor(1 + torch.e).log()) ** 2) / 2
    assert float(router_z_loss(logits)) == pytest.approx(float(expected), rel=1e-6)
