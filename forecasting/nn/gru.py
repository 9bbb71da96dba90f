"""The gated recurrent unit as a mixer: the plain recurrent twin of the Mamba layers."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.nn.state import Gap, State


class GRUMixer(nn.Module):
    """One GRU over the sequence, state of the size of its input, started at zero.

    Source: Cho et al. (2014), Learning Phrase Representations, arXiv 1406.1078, equations 5 to 8,
    in the variant of `torch.nn.GRU`.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)

    def forward(
        self, x: Float[Tensor, "batch length hidden"], gap: Gap | None = None
    ) -> Float[Tensor, "batch length hidden"]:
        """The state after every bar, counted in bars: `gap` is not looked at."""
        states: Tensor = self.gru(x)[0]
        return states

    def initial_state(self, batch: int) -> State:
        """Zeros: `h`, (batch, hidden)."""
        return {"h": self.gru.all_weights[0][0].new_zeros(batch, self.gru.hidden_size)}

    @torch.no_grad()
    def advance(
        self, x: Float[Tensor, "batch length hidden"], state: State, gap: Gap | None = None
    ) -> tuple[Float[Tensor, "batch length hidden"], State]:
        """The state after every further bar."""
        states, last = self.gru(x, state["h"].unsqueeze(0))
        return states, {"h": last.squeeze(0)}
