"""The selective scan written as it is defined, one bar after another: the truth for all back-ends.

Slow, differentiable by autograd to any order, and exact in the precision that it is given; tests
run it in float64. Nothing else calls it.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def selective_scan_reference(
    u: Float[Tensor, "batch length channel"],
    dt: Float[Tensor, "batch length channel"],
    A: Float[Tensor, "channel state"],
    B: Float[Tensor, "batch length state"],
    C: Float[Tensor, "batch length state"],
    D: Float[Tensor, " channel"],
    z: Float[Tensor, "batch length channel"],
    dt_bias: Float[Tensor, " channel"],
    h0: Float[Tensor, "batch channel state"] | None = None,
) -> tuple[Float[Tensor, "batch length channel"], Float[Tensor, "batch channel state"]]:
    """The contract of `forecasting.kernels.selective_scan`, in the precision of the arguments.

    Source: Gu & Dao (2023), Mamba, arXiv 2312.00752, algorithm 2 with equation 2a.
    """
    h = u.new_zeros(len(u), *A.shape) if h0 is None else h0
    outputs = []
    for t in range(u.shape[1]):
        raw = dt[:, t] + dt_bias
        delta = torch.logaddexp(raw, torch.zeros_like(raw))  # softplus, with the right slope at 0
        decay = torch.exp(delta[:, :, None] * A)
        h = decay * h + (delta * u[:, t])[:, :, None] * B[:, t, None, :]
        y = (h * C[:, t, None, :]).sum(dim=2) + D * u[:, t]
        outputs.append(y * z[:, t] * torch.sigmoid(z[:, t]))
    return torch.stack(outputs, dim=1), h
