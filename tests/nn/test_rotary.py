import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.nn.rotary import Rotary


def turned_in_the_complex_plane(x: Tensor, bar: Tensor, theta: float) -> Tensor:
    """The definition: pair i is a complex number, times exp(sqrt(-1) bar theta^(-2 i / size))."""
    half = x.shape[-1] // 2
    speed = torch.tensor([theta ** (-i / half) for i in range(half)], dtype=torch.float64)
    turn = torch.polar(torch.ones(half, dtype=torch.float64), bar[..., None] * speed)
    point = torch.complex(x[..., :half], x[..., half:]) * turn.unsqueeze(-3)
    return torch.cat([point.real, point.imag], dim=-1)


def make_heads(length: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Queries of four heads and keys of two, in two rows."""
    random = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(2, n, length, 6, generator=random).double() for n in (4, 2))
    return q, k


@pytest.mark.parametrize("theta", [50.0, 10_000.0])
def test_equals_a_product_of_complex_numbers(theta):
    heads, bar = make_heads(5), torch.tensor([[0, 1, 2, 3, 4], [7, 8, 900, 901, 30_000]])
    for found, x in zip(Rotary(6, theta)(*heads, bar), heads, strict=True):
        truth = turned_in_the_complex_plane(x, bar, theta)
        assert torch.allclose(found, truth, rtol=1e-10, atol=1e-12)


@given(
    bar=st.integers(0, 20_000),
    ago=st.integers(0, 500),
    moved=st.integers(0, 20_000),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_products_depend_on_the_distance_alone(bar, ago, moved, seed):
    rotary, (q, k) = Rotary(6, 10_000), make_heads(seed=seed)
    products = []
    for start in (bar, bar + moved):
        turned_q, _ = rotary(q, k, torch.tensor([[start + ago]]))
        _, turned_k = rotary(q, k, torch.tensor([[start]]))
        products.append((turned_q[:, :2] * turned_k).sum(dim=-1))
    assert torch.allclose(*products, rtol=0, atol=1e-9)


def test_lengths_stay_and_bar_zero_is_not_turned():
    heads = make_heads(3)
    for found, x in zip(Rotary(6, 100)(*heads, torch.tensor([[0, 5, 999]])), heads, strict=True):
        assert torch.allclose(found.norm(dim=-1), x.norm(dim=-1), rtol=1e-12)
        assert torch.equal(found[:, :, 0], x[:, :, 0])


def test_float32_is_as_precise_late_as_early():
    q, k = make_heads()
    for bar in (torch.tensor([[3]]), torch.tensor([[1_000_003]])):
        found, _ = Rotary(6, 10_000)(q.float(), k.float(), bar)
        assert torch.allclose(found.double(), Rotary(6, 10_000)(q, k, bar)[0], atol=1e-6)


def test_an_odd_head_size_is_refused():
    with pytest.raises(ValueError, match="the head size is 5, expected an even one"):
        Rotary(5, 10_000)
