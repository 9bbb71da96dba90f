import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.moe import MixtureOfExperts, router_loss


def make_mixture(n_experts: int = 4, picks: int = 2) -> MixtureOfExperts:
    torch.manual_seed(0)
    config = NetworkConfig(
        hidden_size=8,
        intermediate_size=12,
        num_experts=n_experts,
        num_experts_per_tok=picks,
        num_attention_heads=2,
    )
    return MixtureOfExperts(config).double()


def every_expert_on_every_bar(mixture: MixtureOfExperts, x: Tensor) -> Tensor:
    """The definition: a dense loop over experts, weighted by the probability where picked."""
    probabilities = (x @ mixture.router.weight.T).softmax(dim=-1)
    smallest = probabilities.sort(dim=-1, descending=True).values[..., mixture.picks - 1, None]
    total = torch.zeros_like(x)
    for e in range(probabilities.shape[-1]):
        gate, up = (x @ mixture.experts.gate_up_proj[e].T).chunk(2, dim=-1)
        answer = (F.silu(gate) * up) @ mixture.experts.down_proj[e].T
        picked = probabilities[..., e, None] >= smallest
        total = total + torch.where(picked, probabilities[..., e, None] * answer, 0)
    return total


@pytest.mark.parametrize(("n_experts", "picks"), [(4, 2), (4, 1), (3, 3), (1, 1), (7, 2)])
def test_equals_the_dense_loop_with_gradients(n_experts, picks):
    mixture = make_mixture(n_experts, picks)
    x = torch.randn(3, 5, 8, dtype=torch.float64, requires_grad=True)
    results = []
    for mix in (lambda x: mixture(x)[0], lambda x: every_expert_on_every_bar(mixture, x)):
        y = mix(x)
        grads = torch.autograd.grad(y.square().sum(), [x, *mixture.parameters()])
        results.append([y, *grads])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_no_bar_is_dropped_when_all_want_one_expert():
    mixture = make_mixture(picks=1)
    with torch.no_grad():
        mixture.router.weight.zero_()
        mixture.router.weight[2] = 1
    x = torch.rand(2, 50, 8, dtype=torch.float64) + 0.1
    y, probabilities = mixture(x)
    assert (probabilities.argmax(dim=-1) == 2).all()
    assert torch.allclose(y, every_expert_on_every_bar(mixture, x))
    assert (y.abs().amax(dim=-1) > 0).all()


def test_an_expert_that_nobody_picks_gets_a_zero_gradient():
    mixture = make_mixture(picks=1)
    with torch.no_grad():
        mixture.router.weight.zero_()
        mixture.router.weight[0] = 1
    y, _ = mixture(torch.rand(1, 4, 8, dtype=torch.float64) + 0.1)
    y.sum().backward()
    assert (mixture.experts.down_proj.grad[1:] == 0).all()
    assert (mixture.experts.down_proj.grad[0] != 0).any()


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
