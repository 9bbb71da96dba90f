"""What a reader of a plan has to know: idle decisions, caps that were met, who was left out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from forecasting.backtest.strategies.strategy import Strategy
from forecasting.market.panel import day


def notes_on(
    name: str,
    strategy: Strategy,
    parameters: Mapping[str, Any],
    times: np.ndarray,
    decided: Float[np.ndarray, "decision ticker"],
) -> tuple[str, ...]:
    """Sentences on the weights of a plan's decisions.

    Args:
        name: Of the strategy.
        strategy: What made the weights.
        parameters: Its own.
        times: Of the decisions.
        decided: Their weights.
    """
    gross = np.abs(decided).sum(axis=1)
    notes = []
    idle = int((gross == 0).sum())
    early = int((gross != 0).argmax()) if idle < len(gross) else idle
    if "prices" in strategy.parameters and early:
        until = f"until {day(times[early])}" if early < len(gross) else "throughout"
        notes.append(f"{name} held nothing {until}: it had too little history to look back on.")
        idle -= early
    if idle:
        notes.append(f"{name} held nothing after {idle} of its {len(gross)} decisions.")
    if "max_leverage" in parameters:
        cap = parameters["max_leverage"]
        if capped := int((gross >= cap * (1 - 1e-12)).sum()):
            notes.append(
                f"{name} met its leverage cap of {cap:g} in {capped} of its {len(gross)} decisions."
            )
    bought, tickers = int((decided[:1] != 0).sum()), decided.shape[1]
    if strategy.buys_once and bought < tickers:
        notes.append(
            f"{name} holds {bought} of {tickers} tickers: the others had no forecast on its one "
            "day of purchase."
        )
    return tuple(notes)
