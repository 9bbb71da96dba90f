"""A matrix product without bias, through oneDNN where torch carries it.

torch multiplies float32 matrices on the CPU with MKL, which uses half of the vector width on
processors of other makers than Intel's: on an AMD EPYC oneDNN takes 0.4 of the time.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear(
    x: Float[Tensor, "*axes inputs"], weight: Float[Tensor, "outputs inputs"]
) -> Float[Tensor, "*axes outputs"]:
    """`torch.nn.functional.linear(x, weight)`; differentiable once where oneDNN runs it."""
    plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    if plain and x.numel() and _product() and not _is_special():
        return _Linear.apply(x, weight)  # type: ignore[no-untyped-call]
    return F.linear(x, weight)


def _is_special() -> bool:
    """Whether somebody else decides how products are done: autocast, or a compiler."""
    return torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()


@functools.cache
def _product() -> Callable[[Tensor, Tensor], Tensor] | None:
    """The x @ weight.T of oneDNN, None if this torch has none that is right.

    The operator is not part of torch's public face, so it is looked for and tried out.
    """
    try:
        operator = torch.ops.mkldnn._linear_pointwise.default

        def product(x: Tensor, weight: Tensor) -> Tensor:
            return operator(x, weight, None, "none", [], "")

        x, weight = (torch.arange(12.0, device="cpu").view(size) for size in ((2, 6), (2, 6)))
        right = torch.allclose(product(x, weight), F.linear(x, weight))
        return product if right else None
    except (AttributeError, RuntimeError):
        return None


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        product = _product()
        assert product is not None
        return product(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        product = _product()
        assert product is not None
        dx = product(dy, weight.t().contiguous()) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return dx, None
        rows, columns = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
        return dx, product(rows.t(), columns.t())
