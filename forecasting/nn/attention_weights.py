"""Whom a bar attends to, by how many bars ago: the weights that the fused attention never shows."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def weights_by_lag(
    q: Float[Tensor, "batch head length size"],
    k: Float[Tensor, "batch key_head length size"],
    seen: Int[Tensor, " length"],
    window: int,
    scale: float,
) -> Float[Tensor, "batch head length lag"]:
    """softmax(scale q k^T) of every bar, its own bar at lag 0 and `window` - 1 the oldest.

    Queries are cut into blocks of `window` bars, which see their own block and the one before.

    Args:
        q: Queries.
        k: Keys; each head serves as many neighbouring heads of queries as there are to one.
        seen: Bars that each bar sees, itself included: 1 to `window`. Older ones have weight 0.
        window: Lags.
        scale: Of the scores.
    """
    length = q.shape[2]
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    padding = -length % window
    q = torch.unflatten(F.pad(q, (0, 0, 0, padding)), 2, (-1, window))
    k = F.pad(k, (0, 0, window, padding)).unfold(2, 2 * window, window)  # (..., size, key)
    scores = scale * (q @ k)  # (batch, head, block, query, key)
    place = torch.arange(window, device=q.device)
    key = window + place.unsqueeze(1) - place  # of query i and lag a: window + i - a
    by_lag = scores.gather(-1, key.expand(*scores.shape[:-1], window)).flatten(2, 3)[:, :, :length]
    unseen = place >= seen.unsqueeze(1)
    return by_lag.masked_fill(unseen, -torch.inf).softmax(dim=-1)
