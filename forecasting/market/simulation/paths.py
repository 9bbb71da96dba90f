"""Log prices along the steps of each day, block after block; all bars are read off them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.market.simulation.shocks import OVERNIGHT, STEPS, StepStream
from forecasting.market.simulation.truth import Grid, Truth


@dataclass(frozen=True, eq=False)
class DayPaths:
    """The days of one block.

    Attributes:
        days: Which days of the market.
        log_price: At the open and after each of the `STEPS` steps of the session.
        volatility: Standard deviation of the session's diffusion, decimal.
        jumped: What the session's jump has added at each point; None in a market without jumps.
    """

    days: slice
    log_price: Float[np.ndarray, "time ticker point"]
    volatility: Grid
    jumped: Float[np.ndarray, "time ticker point"] | None


def day_paths(
    truth: Truth,
    stream: StepStream,
    first: Float[np.ndarray, " ticker"],
    block_days: int | None = None,
) -> Iterator[DayPaths]:
    """Walk through all days of a market.

    The mean return and the night's jump fall before the open, the session's jump at the beginning
    of its step.

    Args:
        truth: Law of every day.
        stream: The shocks that the law was drawn for.
        first: Log prices before the first day.
        block_days: Days in a block; the prices do not depend on it.
    """
    total = np.zeros_like(first)
    for days, own, market in stream.blocks(block_days):
        path = truth.location[days, :, None] + truth.own_volatility[days, :, None] * own
        variance = truth.own_volatility[days] ** 2
        if truth.market_volatility is not None:
            path += truth.market_volatility[days, :, None] * market
            variance = variance + truth.market_volatility[days] ** 2
        if truth.night_jump is not None:
            path += truth.night_jump[days, :, None]
        jumped = None
        if truth.session_jump is not None and truth.jump_step is not None:
            behind = np.arange(STEPS + 1) >= truth.jump_step[days, :, None]
            jumped = truth.session_jump[days, :, None] * behind
            path += jumped
        before = np.cumsum(np.vstack([total, path[:, :, -1]]), axis=0)
        total = before[-1]
        log_price = (first + before[:-1])[:, :, None] + path
        yield DayPaths(days, log_price, np.sqrt((1 - OVERNIGHT) * variance), jumped)
