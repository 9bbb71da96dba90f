"""The start-up check: does a back-end agree with the float64 reference, forward and backward?

The error of an array is its largest deviation from the truth, divided by the largest true value; of
several arrays the worst counts. NaN if anything is not finite.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from forecasting.kernels import torch_conv
from forecasting.kernels.reference import selective_scan_reference

# Of float32 against float64 on the check's small problem; kernels reach 1e-6.
TOLERANCE = 1e-4

# Odd sizes, longer than one chunk, more channels than one vector (eights, for causal-conv1d).
_BATCH, _LENGTH, _CHANNELS, _STATE, _WIDTH = 2, 19, 24, 5, 4


def scan_error(module: Any, device: torch.device) -> float:
    """Error of `module.scan` in results and gradients, with h0 where the module takes it."""
    series, weights = (_BATCH, _LENGTH, _CHANNELS), (_BATCH, _LENGTH, _STATE)
    u, dt, z, A, B, C, D, bias, h0 = _normal(
        series,
        series,
        series,
        (_CHANNELS, _STATE),
        weights,
        weights,
        (_CHANNELS,),
        (_CHANNELS,),
        (_BATCH, _CHANNELS, _STATE),
    )
    inputs = [u, dt, -A.exp(), B, C, D, z, bias - 1]
    found = [x.to(device, torch.float32) for x in (u, A, h0)]
    if module.supports(*found, True) is None:
        inputs.append(h0)
    return _error(module.scan, selective_scan_reference, inputs, device)


def convolution_error(module: Any, device: torch.device) -> float:
    """Error of `module.convolve` in its result and gradients."""
    inputs = _normal(
        (_BATCH, _LENGTH, _CHANNELS),
        (_CHANNELS, _WIDTH),
        (_CHANNELS,),
        (_BATCH, _WIDTH - 1, _CHANNELS),
    )
    return _error(
        lambda *x: (module.convolve(*x),), lambda *x: (torch_conv.convolve(*x),), inputs, device
    )


def _normal(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")
        for shape in shapes
    ]


def _error(
    function: Callable[..., tuple[Tensor, ...]],
    reference: Callable[..., tuple[Tensor, ...]],
    inputs: list[Tensor],
    device: torch.device,
) -> float:
    # The first use may come inside inference_mode, no_grad or autocast; the check must not.
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        inputs = [x.clone() for x in inputs]
        truth = _results(reference, inputs)
        found = _results(function, [x.to(device, torch.float32) for x in inputs])
        deviations = [
            (a.double().cpu() - b).abs().max() / b.abs().max()
            for a, b in zip(found, truth, strict=True)
        ]
        return float(torch.stack(deviations).max())


def _results(function: Callable[..., tuple[Tensor, ...]], inputs: list[Tensor]) -> list[Tensor]:
    leaves = [x.detach().requires_grad_() for x in inputs]
    results = function(*leaves)
    # Each element counts with another weight, so that no two errors cancel.
    weights = [torch.linspace(-1, 1, x.numel(), dtype=x.dtype, device=x.device) for x in results]
    loss = torch.stack([(x.flatten() * w).sum() for x, w in zip(results, weights, strict=True)])
    gradients = torch.autograd.grad(loss.sum(), leaves)
    return [*(x.detach() for x in results), *gradients]
