import importlib.util
from pathlib import Path

import pytest
import torch
from own_process import run_alone

from forecasting.kernels import triton_scan

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="triton is not installed; `pip install triton` into an environment for oracles",
)


@pytest.mark.oracle
@needs_triton
def test_kernels_equal_the_reference_in_the_interpreter():
    run_alone(HERE / "alone" / "interpreter.py", TRITON_INTERPRET="1")


def test_without_triton_or_gpu_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = importlib.util.find_spec("triton")
    expected = "triton is not installed" if found is None else "no NVIDIA GPU"
    assert expected in triton_scan.available()


@pytest.mark.parametrize(
    ("u", "A", "reason"),
    [
        (torch.zeros(1, 2, 3), torch.zeros(3, 4), "u is on cpu, expected cuda"),
        (torch.zeros(1, 2, 3, device="meta"), torch.zeros(3, 4), "u is on meta, expected cuda"),
    ],
)
def test_a_tensor_elsewhere_is_refused(u, A, reason, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert triton_scan.supports(u, A, None, False) == reason


@pytest.mark.parametrize(
    ("u", "A", "reason"),
    [
        (torch.float64, (3, 4), "u is torch.float64, expected float32, bfloat16 or float16"),
        (torch.float32, (3, 257), "the state is 257, expected 1 to 256"),
        (torch.bfloat16, (3, 256), None),
    ],
)
def test_limits(u, A, reason, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton_scan.supports(torch.zeros(1, 2, 3, dtype=u), torch.zeros(A), None, True) == reason


def test_every_state_has_a_launch_that_fits_its_warps():
    for state in range(1, triton_scan.MAX_STATE + 1):
        launch = triton_scan.launch_for(state)
        assert state <= launch.block_n < 2 * state
        cells = launch.block_n * launch.block_d
        assert cells <= 32 * 16 * launch.forward_warps
        assert cells <= 32 * 8 * launch.backward_warps


@pytest.mark.parametrize(("channels", "state"), [(1, 1), (5, 3), (32, 16), (33, 16), (7, 256)])
def test_tiles_give_back_what_went_in(channels, state):
    x = torch.randn(2, channels, state)
    launch = triton_scan.launch_for(state)
    tiles = triton_scan._to_tiles(x, launch)
    assert tiles.shape[2:] == (launch.block_n, launch.block_d)
    assert tiles.sum() == pytest.approx(float(x.sum()), abs=1e-3)
    assert torch.equal(triton_scan._from_tiles(tiles, channels, state), x)
