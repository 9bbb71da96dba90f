"""What a simulated market was drawn from: the values that no real market ever shows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecasting.market.simulation.event import Event

Grid = Float[np.ndarray, "time ticker"]


@dataclass(frozen=True, eq=False)
class Truth:
    """What the log returns of each day were drawn from; one row a day, whatever the bar length.

    The log return of day t is

        location + own_volatility e + market_volatility z + night_jump + session_jump

    with standard Gaussian shocks e of the ticker and z of the market, fresh every day. What a
    market does not have is None. Volatilities are standard deviations, decimal, of one day. Where
    a return is not one day's draw, location and volatilities are NaN: no bar, the first one of a
    late listing or after a halt, and the last one of a delisted ticker (with events only).

    Attributes:
        location: Mean log return of the day, decimal, known at the close of the day before.
        own_volatility: Of the ticker's own shock on the day itself: only its law is known at the
            close of the day before.
        expected_volatility: Of the log return about `location`, as it is known at the close of
            the day before to who sees the market's whole state then: the best forecast there is.
        market_volatility: Of the shared shock on the day itself; `beta` times the market's own.
        jump_variance: Variance of the day's jumps together, decimal squared, known always.
        night_jump: The day's jump before the open, log; zero on most days.
        session_jump: The day's jump within the session, log; zero on most days.
        jump_step: Step of the session, 1 to 16, at whose beginning the latter falls.
        regime: 1 on the days of the market's crisis regime, else 0.
        beta: Exposure of each ticker to the market's shock.
        signal: Standard Gaussian cue, known at the close of its day, of the day after it.
        events: Corporate actions, halts and ends, in the order of their days.
    """

    location: Grid
    own_volatility: Grid
    expected_volatility: Grid
    market_volatility: Grid | None = None
    jump_variance: float = 0.0
    night_jump: Grid | None = None
    session_jump: Grid | None = None
    jump_step: Int[np.ndarray, "time ticker"] | None = None
    regime: Int[np.ndarray, " time"] | None = None
    beta: Float[np.ndarray, " ticker"] | None = None
    signal: Grid | None = None
    events: tuple[Event, ...] = ()

    @property
    def volatility(self) -> Grid:
        """Standard deviation of the day's log return about `location` on the day itself."""
        if self.market_volatility is None:
            return self.own_volatility
        shared = self.market_volatility**2 + self.jump_variance
        return np.sqrt(self.own_volatility**2 + shared)
