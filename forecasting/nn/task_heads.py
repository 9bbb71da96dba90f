"""Heads of the tasks that are learnt beside the return, from the same hidden state.

What they teach the layers below may help the forecast of the return: Caruana (1997), Multitask
Learning, Machine Learning 28. Like the head of the return each is a linear map that is zero at the
start, when it answers with the mean of its targets.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear


class TaskHead(nn.Module, ABC):
    """Hidden state to one answer a horizon."""

    def __init__(self, hidden_size: int, n_horizons: int) -> None:
        super().__init__()
        # No `nn.Linear`: it draws random numbers, which would change the dropout of the network.
        self.weight = nn.Parameter(torch.zeros(n_horizons, hidden_size))
        self.bias = nn.Parameter(torch.zeros(n_horizons))

    def project(
        self, hidden: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length horizon"]:
        """The linear map."""
        return linear(hidden, self.weight, self.bias)

    @abstractmethod
    def forward(
        self, hidden: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length horizon"]:
        """The answer at every bar."""

    @abstractmethod
    def loss(
        self,
        answer: Float[Tensor, "batch length horizon"],
        target: Float[Tensor, "batch length horizon"],
    ) -> Float[Tensor, "batch length horizon"]:
        """How wrong each answer is, dimensionless."""


class RangeVarianceHead(TaskHead):
    """Forecasts the log of the range variance over the variance of today, as mean + std * x.

    The loss is the negative log density of a normal law with that std, up to a constant: log
    realised variances are nearly normal. Until `set_baseline` the mean is 0 (as volatile as today)
    and the std 1.

    Source: Andersen, Bollerslev, Diebold & Labys (2003), Modeling and Forecasting Realized
    Volatility, Econometrica 71(2), section 3.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, hidden_size: int, n_horizons: int) -> None:
        super().__init__(hidden_size, n_horizons)
        self.register_buffer("mean", torch.zeros(n_horizons))
        self.register_buffer("std", torch.ones(n_horizons))

    def set_baseline(self, targets: Float[Tensor, "row horizon"]) -> None:
        """Fix mean and std of each horizon from training targets, NaN left out.

        A horizon without two different targets stays as it is.

        Raises:
            ValueError: Another number of horizons.
        """
        if targets.shape[1] != len(self.mean):
            raise ValueError(f"targets have {targets.shape[1]} horizons, expected {len(self.mean)}")
        for j, column in enumerate(targets.T):
            known = column[column.isfinite()]
            if len(known) > 1 and known.min() < known.max():
                self.mean[j] = known.mean()
                self.std[j] = known.std(correction=0)

    def forward(
        self, hidden: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length horizon"]:
        """The log ratio at every bar."""
        return self.mean + self.std * self.project(hidden)

    def loss(
        self,
        answer: Float[Tensor, "batch length horizon"],
        target: Float[Tensor, "batch length horizon"],
    ) -> Float[Tensor, "batch length horizon"]:
        """Half the squared error in units of the std."""
        return 0.5 * ((target - answer) / self.std) ** 2


class RankHead(TaskHead):
    """Scores each ticker in (-1, 1) by its expected centred rank; starts at 0, the mean rank."""

    def forward(
        self, hidden: Float[Tensor, "batch length hidden"]
    ) -> Float[Tensor, "batch length horizon"]:
        """The score at every bar."""
        return torch.tanh(self.project(hidden))

    def loss(
        self,
        answer: Float[Tensor, "batch length horizon"],
        target: Float[Tensor, "batch length horizon"],
    ) -> Float[Tensor, "batch length horizon"]:
        """The squared error."""
        return (target - answer) ** 2


TASK_HEADS: dict[str, type[TaskHead]] = {"range_variance": RangeVarianceHead, "rank": RankHead}
