import importlib.util
from pathlib import Path

import pytest
import torch
from own_process import run_alone

from forecasting.kernels import cuda_conv, mamba_ssm_scan

HERE = Path(__file__).parent


@pytest.mark.oracle
@pytest.mark.skipif(
    importlib.util.find_spec("mamba_ssm") is None,
    reason="mamba-ssm is not installed; CONTRIBUTING says how to install it without CUDA",
)
def test_adaptor_equals_the_reference_of_mamba_ssm():
    # The package must not meet the one in this process: it changes what transformers imports.
    run_alone(HERE / "alone" / "adaptors.py", TRITON_INTERPRET="1")


def test_adaptors_say_what_is_missing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for adaptor in (mamba_ssm_scan, cuda_conv):
        assert any(words in adaptor.available() for words in ("not installed", "no NVIDIA GPU"))


class OnCuda(torch.Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = property(lambda self: True)


def on_cuda(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(shape, dtype=dtype).as_subclass(OnCuda)


@pytest.mark.parametrize(
    ("u", "A", "h0", "reason"),
    [
        (torch.zeros(1, 2, 3), on_cuda(3, 4), None, "u is on cpu, expected cuda"),
        (on_cuda(1, 2, 3), on_cuda(3, 4), on_cuda(1, 3, 4), "no initial state"),
        (on_cuda(1, 2, 3), on_cuda(3, 257), None, "the state is 257"),
        (on_cuda(1, 2, 3, dtype=torch.float64), on_cuda(3, 4), None, "u is torch.float64"),
        (on_cuda(1, 2, 3), on_cuda(3, 4, dtype=torch.complex64), None, "A is torch.complex64"),
        (on_cuda(0, 2, 3), on_cuda(3, 4), None, "u has shape"),
        (on_cuda(1, 1, 65_536), on_cuda(65_536, 1), None, "u has shape"),
    ],
)
def test_a_scan_outside_the_limits_is_refused(u, A, h0, reason):
    assert reason in mamba_ssm_scan.supports(u, A, h0, False)


def test_a_scan_within_the_limits_is_taken():
    u, A = on_cuda(1, 2, 3, dtype=torch.bfloat16), on_cuda(3, 256)
    assert mamba_ssm_scan.supports(u, A, None, True) is None


def test_atomics_are_refused_where_determinism_is_asked_for():
    u, A = on_cuda(1, 2, 3), on_cuda(3, 4)
    torch.use_deterministic_algorithms(True)
    try:
        assert "deterministic" in mamba_ssm_scan.supports(u, A, None, True)
        assert mamba_ssm_scan.supports(u, A, None, False) is None
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("x", "weight", "reason"),
    [
        (torch.zeros(1, 2, 8), on_cuda(8, 4), "x is on cpu, expected cuda"),
        (on_cuda(1, 2, 7), on_cuda(7, 4), "multiples of 8"),
        (on_cuda(1, 2, 8), on_cuda(8, 5), "5 taps"),
        (on_cuda(1, 2, 8), on_cuda(8, 1), "1 taps"),
        (on_cuda(1, 2, 8, dtype=torch.float64), on_cuda(8, 4), "x is torch.float64"),
    ],
)
def test_a_convolution_outside_the_limits_is_refused(x, weight, reason):
    assert reason in cuda_conv.supports(x, weight)
    assert cuda_conv.supports(on_cuda(1, 2, 8), on_cuda(8, 4)) is None
