import pytest
import torch

from forecasting.nn.norm import RMSNorm


def test_equals_its_formula_with_gradient():
    norm = RMSNorm(5, eps=1e-3).double()
    torch.nn.init.uniform_(norm.weight)
    x = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    truth = norm.weight * x / torch.sqrt((x**2).mean(dim=-1, keepdim=True) + 1e-3)
    assert torch.allclose(norm(x), truth, rtol=1e-12)
    assert torch.autograd.gradcheck(norm, (x,))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scale_of_the_input_leaves_numbers_finite(scale):
    x = torch.randn(4, 8) * scale
    assert RMSNorm(8, eps=1e-6)(x).isfinite().all()


def test_zero_stays_zero():
    assert torch.equal(RMSNorm(8, eps=1e-6)(torch.zeros(1, 8)), torch.zeros(1, 8))
