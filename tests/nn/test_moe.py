import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn import moe
from forecasting.nn.moe import (
    Experts,
    MixtureOfExperts,
    grouped_mm_works,
)

CPU = torch.device("cpu")
HIDDEN, INNER = 8, 12
needs_grouped_mm = pytest.mark.skipif(
    not grouped_mm_works(CPU, torch.float32, HIDDEN, INNER),
    reason="this torch has no grouped_mm on the CPU",
)


def make_config(n_experts: int = 4, picks: int = 2, **options) -> NetworkConfig:
    return NetworkConfig(
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_experts=n_experts,
        num_experts_per_tok=picks,
        num_attention_heads=2,
        **options,
    )


def make_mixture(n_experts: int = 4, picks: int = 2, **options) -> MixtureOfExperts:
    torch.manual_seed(0)
    return MixtureOfExperts(make_config(n_experts, picks, **options)).double()


def make_bars(*, positive: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 20, HIDDEN, generator=generator, dtype=torch.float64)
    return x.abs() + 0.1 if positive else x


def prefer_expert(mixture: MixtureOfExperts, expert: int) -> None:
    """Let all bars with positive entries want the same expert."""
    with torch.no_grad():
        mixture.router.weight[expert] = 3


def every_expert_on_every_token(
    experts: Experts, x: Tensor, weights: Tensor, picked: Tensor
) -> Tensor:
    """The definition: a dense loop over experts, weighted where picked and by zero elsewhere."""
    total = torch.zeros_like(x)
    for e, (gate_up, down) in enumerate(zip(experts.gate_up_proj, experts.down_proj, strict=True)):
        gate, up = (x @ gate_up.T).chunk(2, dim=-1)
        weight = torch.where(picked == e, weights, 0).sum(dim=-1, keepdim=True)
        total = total + weight * ((F.silu(gate) * up) @ down.T)
    return total


def densely(mixture: MixtureOfExperts, x: Tensor) -> Tensor:
    """The mixture by its definition."""
    scores = (x @ mixture.router.weight.T).softmax(dim=-1)
    bias = mixture.e_score_correction_bias
    choice = scores if bias is None else scores + bias
    picked = choice.argsort(dim=-1, descending=True)[..., : mixture.picks]
    y = every_expert_on_every_token(mixture.experts, x, scores.gather(-1, picked), picked)
    return y if mixture.shared_experts is None else y + mixture.shared_experts(x)


def answer_and_gradients(run, x: Tensor, module: torch.nn.Module) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y = run(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])]


@pytest.mark.parametrize(("n_experts", "picks"), [(4, 2), (4, 1), (3, 3), (1, 1), (7, 2)])
@pytest.mark.parametrize("options", [{}, {"num_shared_experts": 2}, {"router_balance": "switch"}])
def test_equals_the_dense_loop_with_gradients(n_experts, picks, options):
    mixture = make_mixture(n_experts, picks, **options)
    if mixture.e_score_correction_bias is not None:
        mixture.e_score_correction_bias.copy_(torch.linspace(-0.2, 0.2, n_experts))
    found = answer_and_gradients(lambda x: mixture(x)[0], make_bars(), mixture)
    truth = answer_and_gradients(lambda x: densely(mixture, x), make_bars(), mixture)
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("grouped", "dtype", "tolerance"),
    [
        (False, torch.float64, 1e-10),
        pytest.param(True, torch.float32, 1e-4, marks=needs_grouped_mm),
    ],
)
def test_any_routing_equals_the_dense_loop(grouped, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(Experts, "_prefers_grouped_mm", lambda *_: grouped)

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def check(data):
        n_experts = data.draw(st.integers(1, 6))
        choices = st.permutations(range(n_experts))
        picks = data.draw(st.integers(1, n_experts))
        routing = data.draw(st.lists(choices, min_size=1, max_size=12))
        torch.manual_seed(data.draw(st.integers(0, 99)))
        picked = torch.tensor(routing)[:, :picks]
        experts = Experts(n_experts, HIDDEN, INNER).to(dtype)
        x = torch.randn(len(picked), HIDDEN, dtype=dtype)
        weights = torch.rand(*picked.shape, dtype=dtype)
        found, truth = (
            answer_and_gradients(run, x, experts)
            for run in (
                lambda x: experts(x, weights, picked),
                lambda x: every_expert_on_every_token(experts, x, weights, picked),
            )
        )
        torch.testing.assert_close(found, truth, rtol=tolerance, atol=tolerance)

    check()


@needs_grouped_mm
@pytest.mark.parametrize("gradient", ["expanded", "transposed"])
def test_the_grouped_product_takes_any_gradient(gradient):
    experts = Experts(4, HIDDEN, INNER)
    matrices = (experts.gate_up_proj, experts.down_proj)
    x, counts = torch.randn(10, HIDDEN), torch.tensor([3, 0, 6, 1])
    dy = torch.ones(()).expand(10, HIDDEN) if gradient == "expanded" else torch.rand(HIDDEN, 10).T
    found, truth = (
        torch.autograd.grad(answers(x, counts, *matrices), matrices, dy)
        for answers in (moe.grouped_answers, moe.looped_answers)
    )
    torch.testing.assert_close(found, truth)


@needs_grouped_mm
def test_the_grouped_product_follows_autocast():
    torch.manual_seed(0)
    experts, x = Experts(3, 16, 32), torch.randn(10, 16)
    counts = torch.tensor([5, 0, 5])
    with torch.autocast("cpu", torch.bfloat16):
        found, truth = (
            answers(x, counts, experts.gate_up_proj, experts.down_proj)
            for answers in (moe.grouped_answers, moe.looped_answers)
        )
    assert found.dtype == truth.dtype == torch.bfloat16
    torch.testing.assert_close(found, truth, rtol=0.05, atol=0.01)


def test_a_grouped_product_that_does_not_work_is_found_out(monkeypatch):
    grouped_mm_works.cache_clear()
    assert not grouped_mm_works(CPU, torch.float32, 7, 5)  # rows of no whole 16 bytes
    monkeypatch.setattr(moe, "grouped_answers", lambda *inputs: 1.01 * moe.looped_answers(*inputs))
    assert not grouped_mm_works(CPU, torch.float32, HIDDEN, INNER)
    monkeypatch.setattr(moe, "grouped_answers", moe.looped_answers)
    before = torch.get_rng_state()
    grouped_mm_works.cache_clear()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert grouped_mm_works(CPU, torch.float32, HIDDEN, INNER)
    assert torch.equal(torch.get_rng_state(), before)
    grouped_mm_works.cache_clear()


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("picks", [1, 2])
def test_every_pick_is_computed_whatever_the_load(picks, crowded, monkeypatch):
    mixture = make_mixture(picks=picks)
    if crowded:
        prefer_expert(mixture, 2)
    x = make_bars(positive=True)
    computed = []

    def spy(tokens, counts, *matrices):
        computed.append((len(tokens), counts))
        return looped(tokens, counts, *matrices)

    looped = moe.looped_answers
    monkeypatch.setattr(moe, "looped_answers", spy)
    y, routing = mixture(x)
    [(n_computed, counts)] = computed
    assert n_computed == int(counts.sum()) == 3 * 20 * picks
    assert torch.equal(counts, routing.picked.flatten().bincount(minlength=4))
    assert int(counts[2]) == 60 or not crowded
    assert torch.allclose(y, densely(mixture, x))
    assert (y.abs().amax(dim=-1) > 0).all()


@torch.no_grad()
def test_a_bar_does_not_feel_other_bars_and_rows():
    mixture, x = make_mixture(), make_bars()
    y, _ = mixture(x)
    for row in range(3):
        torch.testing.assert_close(mixture(x[row : row + 1])[0], y[row : row + 1])
    torch.testing.assert_close(mixture(x[:, :7])[0], y[:, :7])
    x[:, 7:] = 100
    torch.testing.assert_close(mixture(x)[0][:, :7], y[:, :7])


@torch.no_grad()
def test_the_order_of_the_experts_does_not_matter():
    mixture, other = make_mixture(5), make_mixture(5)
    mixture.e_score_correction_bias.copy_(torch.linspace(-0.2, 0.2, 5))
    order = torch.tensor([3, 0, 4, 1, 2])
    other.load_state_dict({name: value[order] for name, value in mixture.state_dict().items()})
    y, routing = mixture(make_bars())
    found, permuted = other(make_bars())
    torch.testing.assert_close(found, y)
    assert torch.equal(order[permuted.picked], routing.picked)


def test_an_expert_that_nobody_picks_gets_a_zero_gradient():
    mixture = make_mixture(picks=1)
    prefer_expert(mixture, 0)
    y, _ = mixture(make_bars(positive=True))
    y.sum().backward()
    assert (mixture.experts.down_proj.grad[1:] == 0).all()
    assert (mixture.experts.down_proj.grad[0] != 0).any()


@torch.no_grad()
def test_shared_experts_are_always_on():
    mixture, x = make_mixture(num_shared_experts=2), make_bars()
    routed, _ = make_mixture()(x)
    shared = mixture.shared_experts
    assert shared.gate_proj.weight.shape == (2 * INNER, HIDDEN)
    torch.testing.assert_close(mixture(x)[0], routed + shared(x))


@torch.no_grad()
def test_a_zero_bias_changes_nothing_and_a_large_one_only_the_choice():
    mixture, plain = make_mixture(picks=1), make_mixture(picks=1, router_balance="switch")
    x = make_bars()
    assert "e_score_correction_bias" not in plain.state_dict()
    assert torch.equal(mixture(x)[0], plain(x)[0])
    mixture.e_score_correction_bias[3] = 5
    y, routing = mixture(x)
    assert (routing.picked == 3).all()
    assert torch.equal(routing.logits, plain(x)[1].logits)
    torch.testing.assert_close(y, densely(mixture, x))


def test_the_bias_moves_by_the_sign_of_the_missing_load_and_stays_centred():
    mixture = make_mixture(router_bias_update_rate=0.5)
    mixture.balance(torch.tensor([9, 3, 6, 6]))
    assert mixture.e_score_correction_bias.tolist() == [-0.5, 0.5, 0, 0]
    mixture.balance(torch.tensor([8, 8, 8, 0]))
    assert mixture.e_score_correction_bias.tolist() == [-0.75, 0.25, -0.25, 0.75]
    mixture.balance(torch.zeros(4, dtype=torch.long))  # no bar was known
    assert mixture.e_score_correction_bias.tolist() == [-0.75, 0.25, -0.25, 0.75]


@pytest.mark.parametrize("case", ["frozen router", "rate 0", "forward", "switch"])
def test_the_bias_stays(case):
    balance = "switch" if case == "switch" else "bias"
    rate = 0.0 if case == "rate 0" else 0.5
    mixture = make_mixture(router_bias_update_rate=rate, router_balance=balance)
    mixture.router.requires_grad_(case != "frozen router")
    before = {name: value.clone() for name, value in mixture.state_dict().items()}
    mixture(make_bars())
    if case != "forward":
        mixture.balance(torch.tensor([9, 3, 6, 6]))
    assert mixture.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in mixture.state_dict().items())


@torch.no_grad()
def test_the_bias_evens_out_a_skewed_load():
    mixture = make_mixture(router_bias_update_rate=0.005)
    mixture.router.weight.mul_(2)
    mixture.router.weight[:, 0] = torch.tensor([2.0, 1.0, -1.0, -2.0])
    shares = []
    for _ in range(400):
        x = torch.randn(1, 64, HIDDEN, dtype=torch.float64)
        x[..., 0] = 1
        load = mixture(x)[1].picked.flatten().bincount(minlength=4)
        mixture.balance(load)
        shares.append(load / load.sum())
    assert float(shares[0].min()) < 0.1 * 0.25
    assert float(shares[0].max()) > 0.4
    torch.testing.assert_close(
        torch.stack(shares[-100:]).mean(dim=0), torch.full((4,), 0.25), rtol=0, atol=0.03
    )


@pytest.mark.oracle
@torch.no_grad()
def test_with_a_zero_bias_it_is_hugging_faces_block():
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'forecasting[oracle]'"
    )
    from transformers.models.jamba.modeling_jamba import JambaSparseMoeBlock

    mixture = make_mixture().float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        block = JambaSparseMoeBlock(
            transformers.JambaConfig(
                hidden_size=HIDDEN,
                intermediate_size=INNER,
                num_experts=4,
                num_experts_per_tok=2,
                num_attention_heads=2,
                num_key_value_heads=2,
            )
        )
    weights = mixture.state_dict()
    del weights["e_score_correction_bias"]
    block.load_state_dict(weights)
    x = make_bars().float()
    truth = block(x)
    truth = truth[0] if isinstance(truth, tuple) else truth
    torch.testing.assert_close(mixture(x)[0], truth)
