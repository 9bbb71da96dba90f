"""What every head of the return does: hidden state to a law, which until training is a baseline."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

Law = TypeVar("Law", bound=tuple[Tensor, ...])
"""Parameters of the law of each bar and horizon, a named tuple."""


class LawHead(nn.Module, ABC, Generic[Law]):
    """Hidden state to the law of every horizon, by bounded departures from a Student-t around zero.

    A linear map, zero at the start, gives `width` numbers a horizon; where they are zero the law is
    the baseline: `set_baseline`'s, until then scale 1 with 8 degrees of freedom.
    """

    base_scale: Tensor
    base_df: Tensor

    def __init__(self, hidden_size: int, n_horizons: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(hidden_size, width * n_horizons)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)
        self.register_buffer("base_scale", torch.ones(n_horizons))
        self.register_buffer("base_df", torch.full((n_horizons,), 8.0))

    def set_baseline(self, scale: Float[Tensor, "..."], df: Float[Tensor, "..."]) -> None:
        """Fix the law that the untrained head answers with, one scale and df a horizon.

        Raises:
            ValueError: A wrong shape, a scale that is not positive, or a df of 2 or less.
        """
        for name, value, low in (("scale", scale, 0.0), ("df", df, 2.0)):
            if value.shape != self.base_scale.shape:
                expected = tuple(self.base_scale.shape)
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {expected}")
            if not (value.isfinite() & (value > low)).all():
                raise ValueError(f"{name} is {value.tolist()}, expected finite and above {low}")
        self.base_scale.copy_(scale)
        self.base_df.copy_(df)

    @abstractmethod
    def forward(self, hidden: Float[Tensor, "batch length hidden"]) -> Law:
        """The law at every bar."""

    @abstractmethod
    def nll(
        self, law: Law, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """Negative log density of each target, in nats: the score of every head alike.

        A NaN target gives NaN, for the caller to leave out (`nll[target.isfinite()].mean()`), and
        then adds nothing to any gradient.
        """

    @abstractmethod
    def loss(
        self, law: Law, target: Float[Tensor, "batch length horizon"]
    ) -> Float[Tensor, "batch length horizon"]:
        """What training makes small, dimensionless; NaN targets as in `nll`."""


def bounded(x: Tensor, limit: float) -> Tensor:
    """Within (-limit, limit), with slope 1 at zero."""
    return limit * torch.tanh(x / limit)
