"""Rotary position embedding: attention that sees how far apart two bars are.

Each pair of a head's numbers is a point in the plane, turned by an angle that grows with the number
of the bar. The product of a turned query and a turned key depends on the difference of their
numbers alone.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Rotary:
    """The turn of every bar, for heads of one size.

    Pair i is made of the numbers i and i + size / 2, and turns by theta^(-2 i / size) a bar.

    Source: Su et al. (2021), RoFormer, arXiv 2104.09864, equations 15 and 34, with the pairs of
    GPT-NeoX and Hugging Face.
    """

    def __init__(self, size: int, theta: float | int) -> None:
        """Of heads with `size` numbers.

        Raises:
            ValueError: The size is odd.
        """
        if size % 2:
            raise ValueError(
                f"rotary position embedding turns pairs: the head size is {size}, expected an even "
                "one (hidden_size / num_attention_heads)"
            )
        self.size, self.theta = size, theta

    def __call__(
        self,
        q: Float[Tensor, "batch head length size"],
        k: Float[Tensor, "batch key_head length size"],
        bar: Int[Tensor, "#batch length"],
    ) -> tuple[
        Float[Tensor, "batch head length size"], Float[Tensor, "batch key_head length size"]
    ]:
        """Turn the queries and keys of the bars with these numbers."""
        # In float64: after ten thousand bars a float32 angle is off by a thousandth.
        pair = torch.arange(0, self.size, 2, device=q.device, dtype=torch.float64)
        angle = bar[:, None, :, None] * self.theta ** (-pair / self.size)
        cosine, sine = angle.cos().to(q.dtype), angle.sin().to(q.dtype)
        return _turn(q, cosine, sine), _turn(k, cosine, sine)


def _turn(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
