"""The simulated markets by name."""

from collections.abc import Callable

from forecasting.market.simulation.cross_section import cross_section
from forecasting.market.simulation.laws import (
    random_walk,
    reversal_signal,
    stochastic_volatility,
)
from forecasting.market.simulation.leverage import leverage
from forecasting.market.simulation.truth import Truth

MARKETS: dict[str, Callable[..., Truth]] = {
    "volatility": stochastic_volatility,
    "random-walk": random_walk,
    "signal": reversal_signal,
    "leverage": leverage,
    "cross-section": cross_section,
}
"""Name of a market to its law: (generator, shocks, parameters) to a `Truth`."""
