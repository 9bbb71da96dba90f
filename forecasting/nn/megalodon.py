"""Megalodon's layer: a moving average that feeds gated attention inside fixed chunks of bars.

Source: Ma et al. (2024), Megalodon, arXiv 2404.08801, sections 3.1 to 3.5, in the order of
operations of the authors' code. Its sizes follow those of the other layers:

- `num_attention_heads` heads of queries and keys, hidden_size / heads wide, rounded up to an even
  number for the rotary positions;
- values and their gate `mamba_expand` * hidden_size wide, cut into the same heads;
- one group of the timestep norm a head.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.attention_weights import weights_by_lag
from forecasting.nn.cema import CEMA
from forecasting.nn.moe import run_feed_forward
from forecasting.nn.norm import RMSNorm
from forecasting.nn.rotary import Rotary
from forecasting.nn.routing import Routing
from forecasting.nn.state import Gap, Hidden, State, flat, nested
from forecasting.nn.timestep_norm import TimestepNorm

Heads = Float[Tensor, "batch head length size"]
ValueHeads = Float[Tensor, "batch head length value_size"]


class MegalodonLayer(nn.Module):
    """x + feed_forward(norm(x + attention(x))): both branches join at the layer's own input.

    The bars of a chunk see each other's past by attention, and what lies before the chunk by the
    moving average and the statistics of the timestep norm alone: the state stays bounded.
    """

    def __init__(self, config: NetworkConfig, feed_forward: nn.Module | None) -> None:
        super().__init__()
        self.attention = GatedAttention(config)
        self.feed_forward = feed_forward
        if feed_forward is not None:
            self.pre_ff_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Hidden, gap: Gap | None = None) -> tuple[Hidden, Routing | None]:
        """The next hidden sequence, and what the router did where there is one."""
        return self._join(x, self.attention(x, gap))

    def initial_state(self, batch: int) -> State:
        """The attention's state before the first bar; all else has none."""
        return self.attention.initial_state(batch)

    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """The next hidden sequence of further bars; without gradients."""
        mixed, state = self.attention.advance(x, state, gap)
        return self._join(x, mixed)[0], state

    def _join(self, x: Hidden, mixed: Hidden) -> tuple[Hidden, Routing | None]:
        attended = x + self.dropout(mixed)
        if self.feed_forward is None:
            return attended, None
        branch, routing = run_feed_forward(self.feed_forward, self.pre_ff_layernorm(attended))
        return x + self.dropout(branch), routing


class GatedAttention(nn.Module):
    """Timestep norm -> moving average -> normalised, gated attention inside chunks."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden, self.heads = config.hidden_size, config.num_attention_heads
        self.chunk = config.sliding_window
        self.head_size = hidden // self.heads + hidden // self.heads % 2
        inner, width = config.mamba_expand * hidden, self.heads * self.head_size
        self.timestep_norm = TimestepNorm(hidden, self.heads, config.rms_norm_eps)
        self.cema = CEMA(hidden, config.cema_size)
        self.cema_layernorm = RMSNorm(hidden, config.rms_norm_eps)
        self.z_proj = nn.Linear(hidden, width)
        self.v_proj = nn.Linear(hidden, inner)
        self.gate_proj = nn.Linear(hidden, inner)
        self.q_scale, self.k_scale = (nn.Parameter(torch.ones(width)) for _ in range(2))
        self.q_bias, self.k_bias = (nn.Parameter(torch.zeros(width)) for _ in range(2))
        self.rotary = Rotary(self.head_size, config.rope_theta)
        self.out_proj = nn.Linear(hidden + inner, hidden)

    def forward(self, x: Hidden, gap: Gap | None = None) -> Hidden:
        """Mix a whole sequence."""
        averaged, q, k, v = self._mix(x, gap)
        return self._output(averaged, chunk_attention(q, k, v, self.chunk))

    @torch.no_grad()
    def weights(self, x: Hidden, gap: Gap | None = None) -> Float[Tensor, "batch head length lag"]:
        """How much each bar of a whole sequence attends to the bar `lag` bars before it."""
        _, q, k, _ = self._mix(x, gap)
        seen = torch.arange(x.shape[1], device=x.device) % self.chunk + 1
        return weights_by_lag(q, k, seen, self.chunk, 1.0)

    def initial_state(self, batch: int) -> State:
        """Nothing seen.

        `timestep_norm.*` and `cema.*`; the `keys` and `values` of the chunk that a row is in,
        (batch, head, chunk, size), each at its place; and `bars`, (batch,), how many were seen.
        """
        weight = self.z_proj.weight
        rooms = (batch, self.heads, self.chunk)
        value_size = self.v_proj.out_features // self.heads
        parts = {
            "timestep_norm": self.timestep_norm.initial_state(batch),
            "cema": self.cema.initial_state(batch),
        }
        return {
            **flat(parts),
            "keys": weight.new_zeros(*rooms, self.head_size),
            "values": weight.new_zeros(*rooms, value_size),
            "bars": torch.zeros(batch, dtype=torch.int64, device=weight.device),
        }

    @torch.no_grad()
    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """Mix further bars, at most a chunk at a time: cost is length x chunk here too."""
        normed, norm_state = self.timestep_norm.advance(x, nested(state, "timestep_norm"))
        averaged, cema_state = self.cema.advance(normed, nested(state, "cema"), gap)
        averaged = self.cema_layernorm(averaged)
        attended = []
        pieces = (sequence.split(self.chunk, dim=1) for sequence in (normed, averaged))
        for normed_piece, averaged_piece in zip(*pieces, strict=True):
            answer, state = self._attend(normed_piece, averaged_piece, state)
            attended.append(answer)
        parts = flat({"timestep_norm": norm_state, "cema": cema_state})
        return self._output(averaged, torch.cat(attended, dim=2)), {**state, **parts}

    def _mix(self, x: Tensor, gap: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The moving average of a whole sequence, and its queries, keys and values."""
        normed = self.timestep_norm(x)
        averaged = self.cema_layernorm(self.cema(normed, gap))
        place = torch.arange(x.shape[1], device=x.device).unsqueeze(0) % self.chunk
        return averaged, *self._heads(normed, averaged, place)

    def _attend(self, normed: Tensor, averaged: Tensor, state: State) -> tuple[Tensor, State]:
        """What further bars, no more than a chunk of them, see; rows may differ in `bars`."""
        first = state["bars"].unsqueeze(1)
        bars = first + torch.arange(normed.shape[1], device=normed.device)
        chunk, place = bars // self.chunk, bars % self.chunk
        q, k, v = self._heads(normed, averaged, place)

        rooms = torch.arange(self.chunk, device=normed.device)
        kept = (chunk == first // self.chunk).unsqueeze(2) & (rooms < first % self.chunk)[:, None]
        new = (chunk.unsqueeze(2) == chunk.unsqueeze(1)) & (bars.unsqueeze(2) >= bars.unsqueeze(1))
        seen = torch.cat([kept, new], dim=2).unsqueeze(1)
        keys, values = state["keys"], state["values"]
        mixed = F.scaled_dot_product_attention(
            q,
            torch.cat([keys.to(k.dtype), k], dim=2),
            torch.cat([values.to(v.dtype), v], dim=2),
            attn_mask=seen,
            scale=1.0,
        )
        return mixed, {
            **state,
            "keys": _put(keys, k, place),
            "values": _put(values, v, place),
            "bars": state["bars"] + normed.shape[1],
        }

    def _heads(
        self, normed: Tensor, averaged: Tensor, place: Tensor
    ) -> tuple[Heads, Heads, ValueHeads]:
        """Queries, keys and values of bars at these places in their chunk."""
        # To unit length; the authors' code divides by the root mean square and the root of the
        # size, which is the same.
        z = F.normalize(self._split(self.z_proj(averaged)), dim=-1).flatten(2)
        q = self._split(z * self.q_scale + self.q_bias).transpose(1, 2)
        k = self._split(z * self.k_scale + self.k_bias).transpose(1, 2)
        v = self._split(F.silu(self.v_proj(normed))).transpose(1, 2)
        return *self.rotary(q, k, place), v

    def _split(self, x: Tensor) -> Tensor:
        """(batch, length, width) in (batch, length, head, size)."""
        return torch.unflatten(x, -1, (self.heads, -1))

    def _output(self, averaged: Tensor, mixed: Tensor) -> Tensor:
        gate = F.silu(self.gate_proj(averaged))
        return self.out_proj(torch.cat([averaged, mixed.transpose(1, 2).flatten(2) * gate], dim=-1))


def chunk_attention(q: Heads, k: Heads, v: ValueHeads, chunk: int) -> ValueHeads:
    """softmax(q k^T) v, where a bar sees itself and the bars before it in its chunk.

    Args:
        q: Queries.
        k: Keys, as many heads as queries.
        v: Values, as many heads again, of any size.
        chunk: Bars of a chunk; the first begins at the first bar.
    """
    batch, _, length, _ = q.shape
    chunk = min(chunk, length)
    padding = -length % chunk
    # (batch, head, bar, size) -> (batch * chunk, head, bar of the chunk, size)
    q, k, v = (
        torch.unflatten(F.pad(x, (0, 0, 0, padding)), 2, (-1, chunk)).transpose(1, 2).flatten(0, 1)
        for x in (q, k, v)
    )
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
    mixed = torch.unflatten(mixed, 0, (batch, -1)).transpose(1, 2).flatten(2, 3)
    return mixed[:, :, :length]


def _put(rooms: Tensor, new: Tensor, place: Tensor) -> Tensor:
    """The chunk's rooms, (batch, head, place, size), with those of the new bars filled."""
    index = place[:, None, :, None].expand_as(new)
    return rooms.scatter(2, index, new.to(rooms.dtype))
