"""Grouped-query causal attention over a sliding window, with or without rotary positions.

Without, Mamba layers in front supply the order of bars (Jamba, arXiv 2403.19887, section 6.5). The
window bounds the state that a bar-by-bar forecast has to carry, and makes the cost of a whole
history proportional to length x window.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.attention_weights import weights_by_lag
from forecasting.nn.rotary import Rotary
from forecasting.nn.state import Gap, State

Heads = Float[Tensor, "batch head length size"]
KeyHeads = Float[Tensor, "batch key_head key_length size"]


class Attention(nn.Module):
    """Names as in Hugging Face's `JambaAttention`.

    Source: Ainslie et al. (2023), GQA, arXiv 2305.13245.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.key_heads = config.num_key_value_heads
        self.window = config.sliding_window
        rotary = config.position_embedding == "rotary"
        self.rotary = Rotary(self.head_size, config.rope_theta) if rotary else None
        key_size = self.key_heads * self.head_size
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, key_size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, key_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self, x: Float[Tensor, "batch length hidden"], gap: Gap | None = None
    ) -> Float[Tensor, "batch length hidden"]:
        """Each bar looks at itself and the `window` - 1 bars before it; `gap` is not looked at."""
        first = torch.zeros(1, dtype=torch.int64, device=x.device)
        return self._output(sliding_window_attention(*self._heads(x, first), self.window))

    @torch.no_grad()
    def weights(
        self, x: Float[Tensor, "batch length hidden"], gap: Gap | None = None
    ) -> Float[Tensor, "batch head length lag"]:
        """How much each bar of a whole sequence attends to the bar `lag` bars before it."""
        first = torch.zeros(1, dtype=torch.int64, device=x.device)
        q, k, _ = self._heads(x, first)
        seen = torch.arange(1, x.shape[1] + 1, device=x.device).clamp(max=self.window)
        return weights_by_lag(q, k, seen, self.window, self.head_size**-0.5)

    def initial_state(self, batch: int) -> State:
        """The `window` - 1 bars before the first, which nobody sees.

        `keys` and `values`, (batch, key_head, window - 1, size), oldest first, and `bars`,
        (batch,), how many were seen since the beginning.
        """
        weight = self.k_proj.weight
        shape = (batch, self.key_heads, self.window - 1, self.head_size)
        bars = torch.zeros(batch, dtype=torch.int64, device=weight.device)
        return {"keys": weight.new_zeros(shape), "values": weight.new_zeros(shape), "bars": bars}

    @torch.no_grad()
    def advance(
        self, x: Float[Tensor, "batch length hidden"], state: State, gap: Gap | None = None
    ) -> tuple[Float[Tensor, "batch length hidden"], State]:
        """Mix further bars, at most `window` at a time: cost is length x window here too."""
        answers = []
        for piece in torch.split(x, self.window, dim=1):
            answer, state = self._advance(piece, state)
            answers.append(answer)
        return torch.cat(answers, dim=1), state

    def _advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        length, bars = x.shape[1], state["bars"]
        q, k, v = self._heads(x, bars)
        k = torch.cat([state["keys"].to(k.dtype), k], dim=2)
        v = torch.cat([state["values"].to(v.dtype), v], dim=2)
        # Places of the state before a row's first bar hold no bar.
        place = torch.arange(k.shape[2], device=x.device)
        exists = place >= self.window - 1 - bars.unsqueeze(1)
        seen = _in_window(length, k.shape[2], self.window, x.device) & exists[:, None, None]
        mixed = _masked_attention(q, k, v, seen)
        # Copied: a slice would hold on to the whole piece.
        k, v = (heads[:, :, length:].clone() for heads in (k, v))
        return self._output(mixed), {"keys": k, "values": v, "bars": bars + length}

    def _heads(self, x: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, where the rows of `x` begin at the bars numbered `first`."""
        q, k, v = (
            projection(x).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.rotary is None:
            return q, k, v
        bar = first.unsqueeze(1) + torch.arange(x.shape[1], device=x.device)
        return *self.rotary(q, k, bar), v

    def _output(self, mixed: Tensor) -> Tensor:
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


def sliding_window_attention(q: Heads, k: KeyHeads, v: KeyHeads, window: int) -> Heads:
    """softmax(q k^T / sqrt(size)) v, where bar t sees bars t - window + 1 to t.

    Queries are cut into blocks of `window` bars; a block sees its own bars and the block before.

    Args:
        q: Queries.
        k: Keys; each head serves as many neighbouring heads of queries as there are to one.
        v: Values.
        window: Bars that are seen, the own one included.
    """
    length = q.shape[2]
    start_q, start_k, start_v = (x[:, :, :window] for x in (q, k, v))
    first = F.scaled_dot_product_attention(
        start_q, start_k, start_v, is_causal=True, enable_gqa=True
    )
    if length <= window:
        return first
    padding = -length % window
    q, k, v = (F.pad(x, (0, 0, 0, padding)) for x in (q, k, v))
    # (batch, head, block, size, bar) -> (batch * block, head, bar, size)
    q, k, v = (
        x.unfold(2, bars, window).permute(0, 2, 1, 4, 3).flatten(0, 1)
        for x, bars in ((q[:, :, window:], window), (k, 2 * window), (v, 2 * window))
    )
    seen = _in_window(window, 2 * window, window, q.device)
    rest = _masked_attention(q, k, v, seen)
    rest = rest.reshape(len(first), -1, *first.shape[1:]).transpose(1, 2).flatten(2, 3)
    return torch.cat([first, rest[:, :, : length - window]], dim=2)


def _in_window(
    queries: int, keys: int, window: int, device: torch.device
) -> Bool[Tensor, "queries keys"]:
    """Which of consecutive bars the last `queries` of them see."""
    own = torch.arange(keys - queries, keys, device=device)
    age = own.unsqueeze(1) - torch.arange(keys, device=device)
    return (age >= 0) & (age < window)


def _masked_attention(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    if repeated := q.is_cuda:  # the fused kernels there take a mask or grouped heads, not both
        k, v = (heads.repeat_interleave(q.shape[1] // heads.shape[1], dim=1) for heads in (k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=not repeated)
