"""The adaptors to mamba-ssm and causal-conv1d on the CPU, up to the doors of their CUDA kernels.

Behind each door stands the package's own pure-torch reference, which first checks what the kernel
demands of its arguments. Everything from our contract to the door is the code that runs on a GPU.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest
import torch
from kernels import scan_cases
from torch import Tensor

from forecasting.kernels import cuda_conv, mamba_ssm_scan
from forecasting.kernels.reference import selective_scan_reference
from forecasting.kernels.torch_conv import convolve as torch_convolve

NAMES = ("u", "dt", "A", "B", "C", "D", "z", "dt_bias")
SHAPES = [(1, 1, 1, 1), (2, 7, 5, 1), (2, 37, 3, 16), (1, 70, 9, 5)]


def require_fit(u, delta, A, B, C, D, z, delta_bias) -> None:
    """What csrc/selective_scan.cpp checks."""
    batch, channels, length = u.shape
    for x in (delta, B, C, z):
        assert x.dtype == u.dtype
    for x in (u, delta, B, C, z):
        assert x.stride(-1) == 1 or x.shape[-1] == 1
    assert all(x.dtype == torch.float32 for x in (A, D, delta_bias))
    assert delta.shape == z.shape == u.shape
    assert B.shape == C.shape == (batch, 1, A.shape[1], length)
    assert A.shape[0] == D.shape[0] == delta_bias.shape[0] == channels


def fwd(u, delta, A, B, C, D, z, delta_bias, softplus):
    require_fit(u, delta, A, B, C, D, z, delta_bias)
    reference = sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_ref
    gated, state = reference(u, delta, A, B, C, D, z, delta_bias, softplus, True)
    kept = torch.stack([torch.ones_like(state), state], dim=-1).flatten(-2).unsqueeze(2)
    return torch.empty_like(gated), kept, gated


def bwd(u, delta, A, B, C, D, z, delta_bias, dout, x, out, dz, softplus, recompute):
    assert dout.dtype == u.dtype
    assert dout.stride(-1) == 1 or dout.shape[-1] == 1
    reference = sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_ref
    leaves = [x.detach().requires_grad_() for x in (u, delta, A, B, C, D, z, delta_bias)]
    with torch.enable_grad():
        gated = reference(*leaves, softplus)
    du, ddelta, dA, dB, dC, dD, dz, dbias = torch.autograd.grad(gated, leaves, dout)
    return du, ddelta, dA, dB, dC, dD, dbias, dz


@pytest.fixture(scope="module", autouse=True)
def doors():
    door = ModuleType("selective_scan_cuda")
    door.fwd, door.bwd = fwd, bwd
    sys.modules["selective_scan_cuda"] = door
    importlib.import_module("mamba_ssm.ops.selective_scan_interface")


def make_inputs(
    batch: int, length: int, channels: int, state: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Without an initial state, which mamba-ssm does not take."""
    inputs = scan_cases.make_inputs(batch, length, channels, state, dtype)
    return {name: inputs[name] for name in NAMES}


def run(scan, inputs: dict[str, Tensor], results: slice) -> dict[str, Tensor]:
    """Both results, and the gradients of a random linear form of those in `results`."""
    both = scan(*inputs.values())
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (r.double() * torch.randn(r.shape, generator=generator, dtype=torch.float64)).sum()
        for r in both[results]
    )
    grads = torch.autograd.grad(loss, list(inputs.values()), materialize_grads=True)
    return dict(zip(("y", "h_last", *NAMES), [*(r.detach() for r in both), *grads], strict=True))


def worst(found: dict[str, Tensor], truth: dict[str, Tensor]) -> tuple[float, str]:
    errors = {}
    for name, x in truth.items():
        assert found[name].shape == x.shape, name
        deviation = (found[name].double() - x).abs().max()
        errors[name] = float(deviation / x.abs().max().clamp(min=1e-30))
    name = max(errors, key=errors.get)
    return errors[name], name


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "results", [slice(0, 1), slice(1, 2), slice(0, 2)], ids=["y", "h_last", "both"]
)
def test_scan_equals_our_reference(shape, results):
    truth = run(selective_scan_reference, make_inputs(*shape, torch.float64), results)
    found = run(mamba_ssm_scan.scan, make_inputs(*shape, torch.float32), results)
    assert all(x.dtype == torch.float32 for x in found.values())
    error, name = worst(found, truth)
    assert error < 1e-5, name


def test_half_precision_keeps_types_and_a_float32_state():
    inputs = make_inputs(2, 37, 3, 16, torch.bfloat16)
    found = run(mamba_ssm_scan.scan, inputs, slice(0, 1))
    assert {name: x.dtype for name, x in found.items()} == {
        name: torch.float32 if name == "h_last" else torch.bfloat16 for name in found
    }
    exact = {name: x.detach().double().requires_grad_() for name, x in inputs.items()}
    error, name = worst(found, run(selective_scan_reference, exact, slice(0, 1)))
    assert error < 2e-2, name


def test_the_last_state_of_frozen_inputs_needs_no_gradient():
    inputs = {k: x.detach() for k, x in make_inputs(2, 7, 5, 4, torch.float32).items()}
    y, h_last = mamba_ssm_scan.scan(*inputs.values())
    assert not y.requires_grad
    assert not h_last.requires_grad
    inputs["A"].requires_grad_()
    _, h_last = mamba_ssm_scan.scan(*inputs.values())
    assert torch.autograd.grad(h_last.sum(), inputs["A"])[0].abs().sum() > 0


def test_an_initial_state_is_refused():
    inputs = make_inputs(1, 2, 3, 4, torch.float32)
    with pytest.raises(ValueError, match="h0 is given"):
        mamba_ssm_scan.scan(*inputs.values(), torch.zeros(1, 3, 4))


def test_a_package_without_its_kernel_is_noticed(monkeypatch):
    interface = sys.modules["mamba_ssm.ops.selective_scan_interface"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    mamba_ssm_scan._selective_scan_fn.cache_clear()
    assert mamba_ssm_scan.available() is None
    monkeypatch.setattr(interface, "selective_scan_cuda", None)
    mamba_ssm_scan._selective_scan_fn.cache_clear()
    assert "built without selective_scan_cuda" in mamba_ssm_scan.available()
    monkeypatch.undo()
    mamba_ssm_scan._selective_scan_fn.cache_clear()


def test_convolution_hands_over_what_the_kernel_reads(monkeypatch):
    def kernel(x: Tensor, weight: Tensor, bias: Tensor, *, activation: str) -> Tensor:
        assert activation == "silu"
        assert bias.dtype == weight.dtype
        assert x.stride(1) == 1
        assert x.stride(0) % 8 == x.stride(2) % 8 == 0
        padded = torch.nn.functional.pad(x, (weight.shape[1] - 1, 0))
        summed = torch.nn.functional.conv1d(padded, weight.unsqueeze(1), bias, groups=len(weight))
        return torch.nn.functional.silu(summed)

    monkeypatch.setattr(cuda_conv, "_causal_conv1d_fn", lambda: kernel)
    for length in (1, 3, 12):
        x, weight, bias, tail = (
            torch.randn(shape, dtype=torch.float64, requires_grad=True)
            for shape in ((2, length, 16), (16, 4), (16,), (2, 3, 16))
        )
        for leaves in ((x, weight, bias), (x, weight, bias, tail)):
            results = []
            for convolve in (cuda_conv.convolve, torch_convolve):
                y = convolve(*leaves, *(() if len(leaves) == 4 else (None,)))
                results.append([y, *torch.autograd.grad(y.square().sum(), leaves)])
            for a, b in zip(*results, strict=True):
                assert torch.allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.skipif(
    importlib.util.find_spec("causal_conv1d") is None, reason="causal-conv1d is not installed"
)
def test_a_convolution_package_without_its_kernel_is_noticed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cuda_conv._causal_conv1d_fn.cache_clear()
    assert "causal-conv1d does not load" in cuda_conv.available()
