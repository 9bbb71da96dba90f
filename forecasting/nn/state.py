"""What a layer remembers of the bars it has seen: the streaming contract of every mixer.

A mixer M maps a whole sequence by `M(x, gap)`. Bar by bar, or chunk by chunk, the same is

    state = M.initial_state(batch)
    y, state = M.advance(x, state, gap)

where x holds any number of further bars. Both agree to float noise, whatever the cut into chunks.
A state is a flat dictionary of tensors whose first axis is the batch, so that rows can be picked,
joined and saved; its size does not depend on the number of bars seen.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

State = dict[str, Tensor]
Hidden = Float[Tensor, "batch length hidden"]
Gap = Float[Tensor, "batch length"]
"""Time since the row's bar before, in usual bars: 1 for the next day, 3 over a weekend."""


@runtime_checkable
class Mixer(Protocol):
    """A layer's mixing over time: causal, each row of the batch by itself."""

    def __call__(self, x: Hidden, gap: Gap | None = None) -> Hidden:
        """Mix a whole sequence from the beginning. Without `gap` every bar is a usual one."""

    def initial_state(self, batch: int) -> State:
        """The state before the first bar."""

    def advance(self, x: Hidden, state: State, gap: Gap | None = None) -> tuple[Hidden, State]:
        """Mix further bars; without gradients. The state given may be overwritten."""


def nested(state: State, prefix: str) -> State:
    """The entries below `prefix.`, without it."""
    start = f"{prefix}."
    return {name[len(start) :]: x for name, x in state.items() if name.startswith(start)}


def flat(states: dict[str, State]) -> State:
    """Several states as one, each name behind its prefix."""
    return {f"{prefix}.{k}": x for prefix, state in states.items() for k, x in state.items()}
