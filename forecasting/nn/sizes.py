"""How large a network is: parameters, those that one bar meets, and what it remembers."""

from dataclasses import dataclass

from torch import nn

from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.network import ForecastNetwork


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network.

    Attributes:
        parameters: All trained numbers.
        active_parameters: Those that the forecast of one bar is computed from: of each mixture of
            experts only as many experts as a bar is sent to.
        state_bytes: Memory of all bars seen so far, a ticker, when forecasting bar by bar.
    """

    parameters: int
    active_parameters: int
    state_bytes: int


def sizes(network: ForecastNetwork) -> Sizes:
    """Count a network's parameters and the bytes of its state."""
    total = _count(network)
    idle = sum(_idle(part) for part in network.modules() if isinstance(part, MixtureOfExperts))
    state = network.initial_state(1).values()
    return Sizes(total, total - idle, sum(x.numel() * x.element_size() for x in state))


def _idle(mixture: MixtureOfExperts) -> int:
    """Parameters of the routed experts that a bar is not sent to."""
    n_experts = len(mixture.experts.down_proj)
    return _count(mixture.experts) * (n_experts - mixture.picks) // n_experts


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
