"""A market with most of what makes real ones hard: see `leverage`."""

import numpy as np
from jaxtyping import Int

from forecasting.market.simulation.laws import autoregression
from forecasting.market.simulation.shocks import STEPS, Shocks
from forecasting.market.simulation.truth import Grid, Truth

MARKET_DAILY = 0.009
"""Typical volatility of the market's shock in the calm regime, decimal a day."""
OWN_DAILY = 0.012
"""Typical volatility of a ticker's own shock in the calm regime, decimal a day."""
LEVERAGE = -0.7
"""Correlation of today's shock with the shock of tomorrow's log volatility."""
PERSISTENCE = 0.97
"""Coefficient of the log volatilities' AR(1)."""
SPREAD = 0.35
"""Stationary standard deviation of the log volatilities within a regime."""
CRISIS = 2.5
"""All volatilities in the crisis regime, in multiples of the calm one's."""
STAY = np.array([0.995, 0.98])
"""Chance that the next day has the same regime: calm, crisis."""
SESSION_JUMPS, SESSION_JUMP_SIZE = 0.02, 0.03
"""Jumps a session, and the standard deviation of one (Gaussian, log)."""
NIGHT_JUMPS, NIGHT_JUMP_SCALE = 0.02, 0.03
"""Jumps a night, and the scale of one (Laplace, log)."""


def leverage(rng: np.random.Generator, shocks: Shocks) -> Truth:
    """Stochastic volatility with leverage, regimes, jumps, overnight gaps and a market factor.

        r_it = k_t (beta_i v_t z_t + v_it e_it) + J_it + G_it
        log v_t = log 0.009 + h_t,  h_{t+1} = 0.97 h_t + 0.35 sqrt(1 - 0.97^2) u_{t+1}
        u_{t+1} = -0.7 z_t + sqrt(1 - 0.49) w_{t+1}

    and the same for each ticker's own v_it (typically 0.012) with its own shock e_it. A fall today
    means a higher volatility tomorrow, never a return that could be foreseen. beta_i is uniform
    between 0.5 and 1.5. k_t is 1 in calm and 2.5 in a crisis: a Markov chain that stays with chance
    0.995 and 0.98, so that a fifth of all days are crisis. Session jumps J are compound Poisson,
    0.02 a day, Gaussian with standard deviation 0.03; overnight jumps G 0.02 a night, Laplace of
    scale 0.03. No mean: the log prices are martingales.

    `expected_volatility` knows h_t, h_it and the regime of the day before, not the day's.

    Sources: Harvey & Shephard (1996), JBES 14(4), and Yu (2005), J. Econometrics 127 (timing of the
    leverage); Hamilton & Susmel (1994), J. Econometrics 64 (regimes); Merton (1976), J. Financial
    Economics 3, and Kou (2002), Management Science 48(8) (jumps).
    """
    shape = shocks.own.shape
    regime = _regimes(rng, shape[0])
    beta = rng.uniform(0.5, 1.5, shape[1:])
    market = MARKET_DAILY * beta * np.exp(_log_volatility(rng, shocks.market))
    own = OWN_DAILY * np.exp(_log_volatility(rng, shocks.own))
    jump_variance = SESSION_JUMPS * SESSION_JUMP_SIZE**2 + NIGHT_JUMPS * 2 * NIGHT_JUMP_SCALE**2
    multiple = np.where(regime == 1, CRISIS, 1.0)[:, None]
    ahead = np.sqrt(_expected_square(regime)[:, None] * (market**2 + own**2) + jump_variance)
    return Truth(
        np.zeros(shape),
        multiple * own,
        ahead,
        multiple * market,
        jump_variance,
        night_jump=_laplace_jumps(rng, shape),
        session_jump=_gaussian_jumps(rng, shape),
        jump_step=rng.integers(1, STEPS + 1, shape, dtype=np.int8),
        regime=regime,
        beta=beta,
    )


def _log_volatility(rng: np.random.Generator, shock: Grid) -> Grid:
    """AR(1) whose shock is correlated with the return's shock of the day before."""
    noise = rng.normal(size=shock.shape)
    noise[1:] = LEVERAGE * shock[:-1] + np.sqrt(1 - LEVERAGE**2) * noise[1:]
    return autoregression(noise, PERSISTENCE, SPREAD)


def _regimes(rng: np.random.Generator, n_bars: int) -> Int[np.ndarray, " time"]:
    regime = np.empty(n_bars, dtype=np.int8)
    chance = rng.random(n_bars)
    regime[0] = chance[0] < _crisis_share()
    for t in range(1, n_bars):
        stays = chance[t] < STAY[regime[t - 1]]
        regime[t] = regime[t - 1] if stays else 1 - regime[t - 1]
    return regime


def _crisis_share() -> float:
    """Stationary share of crisis days: (1 - p) / (2 - p - q)."""
    return float((1 - STAY[0]) / (2 - STAY.sum()))


def _expected_square(regime: Int[np.ndarray, " time"]) -> np.ndarray:
    """E[k_t^2] given the regime of the day before; on the first day, the stationary one."""
    crisis = np.full(len(regime), _crisis_share())
    crisis[1:] = np.where(regime[:-1] == 1, STAY[1], 1 - STAY[0])
    return 1 + crisis * (CRISIS**2 - 1)


def _gaussian_jumps(rng: np.random.Generator, shape: tuple[int, ...]) -> Grid:
    count = rng.poisson(SESSION_JUMPS, shape)
    return SESSION_JUMP_SIZE * np.sqrt(count) * rng.normal(size=shape)


def _laplace_jumps(rng: np.random.Generator, shape: tuple[int, ...]) -> Grid:
    """Sum of Laplace jumps: a Laplace is the difference of two exponentials."""
    count = rng.poisson(NIGHT_JUMPS, shape)
    jump = np.zeros(shape)
    some = count > 0
    jump[some] = rng.gamma(count[some]) - rng.gamma(count[some])
    return NIGHT_JUMP_SCALE * jump
