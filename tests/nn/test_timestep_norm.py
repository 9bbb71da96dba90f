import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.nn.timestep_norm import TimestepNorm


def make_norm(size: int = 6, groups: int = 2, eps: float = 1e-3) -> TimestepNorm:
    torch.manual_seed(0)
    norm = TimestepNorm(size, groups, eps).double()
    for parameter in norm.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return norm


def bar_by_bar(norm: TimestepNorm, x: Tensor) -> Tensor:
    """The definition: mean and variance of everything so far, counted anew at every bar."""
    answers = []
    for t in range(x.shape[1]):
        past = x[:, : t + 1].unflatten(-1, (norm.groups, -1))
        mean = past.mean(dim=(1, 3)).unsqueeze(-1)
        variance = past.var(dim=(1, 3), correction=0).unsqueeze(-1)
        answers.append(((past[:, -1] - mean) / torch.sqrt(variance + norm.eps)).flatten(1))
    return torch.stack(answers, dim=1) * norm.weight + norm.bias


@pytest.mark.parametrize(("size", "groups"), [(6, 1), (6, 2), (6, 6), (1, 1)])
def test_equals_the_statistics_of_all_bars_so_far_with_gradients(size, groups):
    norm = make_norm(size, groups)
    x = torch.randn(2, 9, size, dtype=torch.float64, requires_grad=True)
    results = []
    for normalise in (norm, lambda x: bar_by_bar(norm, x)):
        y = normalise(x)
        grads = torch.autograd.grad(y.cos().sum(), [x, *norm.parameters()])
        results.append([y, *grads])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


@given(cuts=st.lists(st.integers(1, 39), max_size=6, unique=True))
@settings(max_examples=20, deadline=None)
def test_any_cut_into_chunks_gives_the_same(cuts):
    norm = make_norm().float()
    x = 3 + torch.randn(2, 40, 6)
    state, pieces = norm.initial_state(2), []
    for piece in x.tensor_split(sorted(cuts), dim=1):
        y, state = norm.advance(piece, state)
        pieces.append(y)
    assert torch.allclose(torch.cat(pieces, dim=1), norm(x), rtol=1e-5, atol=1e-5)
    assert state["count"].tolist() == [40, 40]


def test_a_level_far_from_zero_costs_no_digits():
    norm = make_norm(eps=1e-6)
    x = 1000 + torch.randn(2, 3000, 6)
    truth = norm(x.double())
    assert torch.allclose(norm.float()(x).double(), truth, rtol=1e-3, atol=1e-3)


def test_the_past_is_the_same_to_the_last_bit_whatever_follows():
    norm = make_norm().float()
    x = torch.randn(2, 40, 6)
    changed = torch.cat([x[:, :25], 1e6 * x[:, 25:]], dim=1)
    assert torch.equal(norm(changed)[:, :25], norm(x)[:, :25])


def test_rows_know_nothing_of_each_other():
    norm = make_norm()
    x = torch.randn(3, 8, 6, dtype=torch.float64)
    assert torch.allclose(norm(x)[1:2], norm(x[1:2]), rtol=1e-12)


def test_level_and_unit_of_the_input_do_not_matter():
    norm = make_norm(eps=0.0)
    x = torch.randn(2, 12, 6, dtype=torch.float64)
    assert torch.allclose(norm(50 * x - 7), norm(x), rtol=1e-9)


def test_bars_that_never_varied_stay_finite_with_gradients():
    norm = make_norm(groups=6, eps=1e-6)
    x = torch.ones(1, 5, 6, dtype=torch.float64, requires_grad=True)
    y = norm(x)
    assert torch.allclose(y, norm.bias.expand_as(y), atol=1e-9)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient.isfinite().all()


def test_statistics_of_bfloat16_are_counted_in_float32():
    norm = TimestepNorm(6, 2, 1e-6).bfloat16()
    x = torch.randn(2, 300, 6).bfloat16()
    assert norm(x).dtype == torch.bfloat16
    assert norm.initial_state(1)["mean"].dtype == torch.float32
    truth = TimestepNorm(6, 2, 1e-6)(x.float())
    assert torch.allclose(norm(x).float(), truth, rtol=0.01, atol=0.01)
