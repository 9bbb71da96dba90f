"""Attention across the tickers of one bar: what the rest of the market does at the same close.

The rows of a batch are tickers whose own bars close ranks, so the same column is another day in
each row. The rows are therefore spread over a (bar, ticker) grid of the bars that occur, each bar
attends over the tickers that trade at it, and the answers go back to their rows.

No bar sees another one, so the layer has no state and no way to look ahead; the tickers have no
order, so permuted rows give permuted answers.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.norm import RMSNorm
from forecasting.nn.state import Hidden

Bars = Int[Tensor, "batch length"]
"""Index of each row's bar on a time axis that all rows share, no index twice in a row; -1 where
the bar is padding or unknown."""


class CrossAssetAttention(nn.Module):
    """x + o_proj(attention(norm(x))) over the tickers of each bar; untrained, x itself.

    Source: Vaswani et al. (2017), Attention Is All You Need, arXiv 1706.03762, section 3.2.2; the
    last matrix starts at zero as in Zhang et al. (2019), Fixup Initialization, arXiv 1901.09321.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.head_size = hidden // config.num_attention_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps)
        self.q_proj = nn.Linear(hidden, hidden, bias=False)
        self.k_proj = nn.Linear(hidden, hidden, bias=False)
        self.v_proj = nn.Linear(hidden, hidden, bias=False)
        self.o_proj = nn.Linear(hidden, hidden, bias=False)
        nn.init.zeros_(self.o_proj.weight)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Hidden, bar: Bars | None = None) -> Hidden:
        """Each ticker looks at all that trade at its bar, itself included.

        Args:
            x: A row a ticker.
            bar: When each bar is; where it is -1, and everywhere without it, a ticker is alone.
        """
        normed = self.input_layernorm(x)
        # Who is alone gives all attention to itself.
        mixed = self.v_proj(normed)
        if bar is not None:
            row, column = (bar >= 0).nonzero(as_tuple=True)
            bars, moment = torch.unique(bar[row, column], return_inverse=True)
            market = normed.new_zeros(len(bars), len(x), x.shape[2])
            market[moment, row] = normed[row, column]
            present = torch.zeros(market.shape[:2], dtype=torch.bool, device=x.device)
            present[moment, row] = True
            seen = self._attend(market, present)[moment, row]
            mixed = mixed.index_put((row, column), seen)
        return x + self.dropout(self.o_proj(mixed))

    def _attend(
        self, market: Float[Tensor, "bar ticker hidden"], present: Bool[Tensor, "bar ticker"]
    ) -> Float[Tensor, "bar ticker hidden"]:
        """Every ticker's mean of the present ones; that of an absent one has no meaning."""
        q, k, v = (
            projection(market).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=present[:, None, None])
        return mixed.transpose(1, 2).flatten(2)
