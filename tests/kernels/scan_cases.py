"""Problems of all sizes for the scan, and how far two answers are apart."""

import torch
from torch import Tensor

NAMES = ("u", "dt", "A", "B", "C", "D", "z", "dt_bias", "h0")

# (batch, length, channels, state): one bar, one state, odd sizes, more than one block of time.
SHAPES = [
    (1, 1, 1, 1),
    (2, 1, 3, 4),
    (3, 7, 5, 1),
    (2, 37, 3, 16),
    (1, 300, 2, 3),
    (5, 259, 33, 16),
]


def make_inputs(
    batch: int, length: int, channels: int, state: int, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    inputs = {
        "u": normal(batch, length, channels),
        "dt": normal(batch, length, channels),
        "A": -normal(channels, state).exp(),
        "B": normal(batch, length, state),
        "C": normal(batch, length, state),
        "D": normal(channels),
        "z": normal(batch, length, channels),
        "dt_bias": normal(channels) - 1,
        "h0": normal(batch, channels, state),
    }
    return {name: tensor.to(dtype).requires_grad_() for name, tensor in inputs.items()}


def gradients(scan, inputs: dict[str, Tensor]) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """Both results, and the gradient of a random linear form of both in every argument."""
    results = list(scan(*inputs.values()))
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (r * torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r.dtype)).sum()
        for r in results
    )
    grads = torch.autograd.grad(loss, list(inputs.values()))
    return [result.detach() for result in results], grads


def relative_error(found: Tensor, truth: Tensor) -> float:
    return float((found.double() - truth).abs().max() / truth.abs().max().clamp(min=1e-300))
