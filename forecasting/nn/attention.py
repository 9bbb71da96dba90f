"""Grouped-query causal attention over a sliding window, without positional encoding.

Mamba layers in front supply the order of bars (Jamba, arXiv 2403.19887, section 6.5). The window
bounds the state that a bar-by-bar forecast has to carry, and makes the cost of a whole history
proportional to length x window.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig

Heads = Float[Tensor, "batch head length size"]


class Attention(nn.Module):
    """Names as in Hugging Face's `JambaAttention`.

    Source: Ainslie et al. (2023), GQA, arXiv 2305.13245.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.queries_per_key = config.num_attention_heads // config.num_key_value_heads
        self.window = config.sliding_window
        key_size = config.num_key_value_heads * self.head_size
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, key_size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, key_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length hidden"]:
        """Each bar looks at itself and the `window` - 1 bars before it."""
        q, k, v = (
            projection(x).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        k, v = (heads.repeat_interleave(self.queries_per_key, dim=1) for heads in (k, v))
        mixed = sliding_window_attention(q, k, v, self.window)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


def sliding_window_attention(q: Heads, k: Heads, v: Heads, window: int) -> Heads:
    """softmax(q k^T / sqrt(size)) v, where bar t sees bars t - window + 1 to t.

    Queries are cut into blocks of `window` bars; a block sees its own bars and the block before.

    Args:
        q: Queries.
        k: Keys, as many heads as queries.
        v: Values.
        window: Bars that are seen, the own one included.
    """
    length = q.shape[2]
    start_q, start_k, start_v = (x[:, :, :window] for x in (q, k, v))
    first = F.scaled_dot_product_attention(start_q, start_k, start_v, is_causal=True)
    if length <= window:
        return first
    padding = -length % window
    q, k, v = (F.pad(x, (0, 0, 0, padding)) for x in (q, k, v))
    # (batch, head, block, size, bar) -> (batch * block, head, bar, size)
    q, k, v = (
        x.unfold(2, bars, window).permute(0, 2, 1, 4, 3).flatten(0, 1)
        for x, bars in ((q[:, :, window:], window), (k, 2 * window), (v, 2 * window))
    )
    row = torch.arange(window, device=q.device)[:, None]
    age = window + row - torch.arange(2 * window, device=q.device)
    rest = F.scaled_dot_product_attention(q, k, v, attn_mask=(age >= 0) & (age < window))
    rest = rest.reshape(len(first), -1, *first.shape[1:]).transpose(1, 2).flatten(2, 3)
    return torch.cat([first, rest[:, :, : length - window]], dim=2)
