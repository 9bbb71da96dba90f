"""What of a pre-trained network learns on: everything, the head, or low-rank adapters.

Source: Hu et al. (2021), LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685,
section 4.1: a frozen matrix W becomes W + B A, where A is random and B is zero at the start. The
paper's factor alpha / r is 1, as the learning rate decides the same.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from forecasting.nn.network import ForecastNetwork

Tune = Literal["all", "head", "adapters"]
"""`head`: the heads and every norm; `adapters`: these and the adapters; `all`: every weight."""


class LowRank(nn.Module):
    """Parametrisation W -> W + up down of one matrix; W itself until `up` has learnt.

    A rank above what the matrix can have is cut to it.
    """

    def __init__(self, outputs: int, inputs: int, rank: int) -> None:
        super().__init__()
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Float[Tensor, "outputs inputs"]) -> Float[Tensor, "outputs inputs"]:
        """The adapted matrix."""
        return weight + self.up @ self.down


def prepare_tuning(network: ForecastNetwork, tune: Tune, rank: int) -> None:
    """Freeze what shall not learn, and add the adapters where they are asked for.

    The forecasts stay the same to the last bit. Adapters go on every matrix of the mixers and of
    the dense feed-forwards; routers, routed experts, convolutions, the state-space parameters and
    the projection of the features stay as they are.

    Args:
        network: Changed in place; `finish_tuning` makes it plain again.
        tune: What learns.
        rank: Rank of the adapters.
    """
    if tune == "all":
        return
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(("head.", "task_heads.")) or "norm" in name)
    if tune == "adapters":
        for module, name in _matrices(network.backbone):
            outputs, inputs = module.get_parameter(name).shape
            parametrize.register_parametrization(module, name, LowRank(outputs, inputs, rank))


def finish_tuning(network: ForecastNetwork) -> None:
    """Merge the adapters into their matrices, and let everything learn again."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name)
    network.requires_grad_(True)


def _matrices(backbone: nn.Module) -> list[tuple[nn.Module, str]]:
    """Modules and the names of their matrices that get an adapter."""
    found: list[tuple[nn.Module, str]] = []
    for path, module in backbone.named_modules():
        if isinstance(module, nn.Linear) and not path.endswith("router"):
            found.append((module, "weight"))
        elif isinstance(module, nn.GRU):
            found += [(module, name) for name, _ in module.named_parameters() if "weight" in name]
    return found
