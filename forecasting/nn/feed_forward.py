"""The dense feed-forward of a layer."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)), without biases.

    Source: Shazeer (2020), GLU Variants Improve Transformer, arXiv 2002.05202, equation 6.
    """

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.down_proj = nn.Linear(intermediate_size, hidden_size, bias=False)

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length hidden"]:
        """Each bar by itself."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
