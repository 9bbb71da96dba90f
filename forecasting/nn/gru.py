"""The gated recurrent unit as a mixer: the plain recurrent twin of the Mamba layers."""

from jaxtyping import Float
from torch import Tensor, nn


class GRUMixer(nn.Module):
    """One GRU over the sequence, state of the size of its input, started at zero.

    Source: Cho et al. (2014), Learning Phrase Representations, arXiv 1406.1078, equations 5 to 8,
    in the variant of `torch.nn.GRU`.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length hidden"]:
        """The state after every bar."""
        states: Tensor = self.gru(x)[0]
        return states
