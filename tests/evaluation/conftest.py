"""Markets whose law is known, for forecasters that have to find it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from forecasting.market.panel import Panel


def panel_of(log_returns: np.ndarray) -> Panel:
    """Close-only panel of daily log returns (time, ticker)."""
    dates = pd.bdate_range("2000-01-03", periods=len(log_returns) + 1)
    paths = 50 * np.exp(np.vstack([np.zeros(log_returns.shape[1]), log_returns.cumsum(axis=0)]))
    frames = {
        f"T{k}": pd.DataFrame({"adj_close": path}, index=dates) for k, path in enumerate(paths.T)
    }
    return Panel.from_frames(frames, source="a planted market")


def gjr_returns(n: int, df: float, seed: int) -> np.ndarray:
    """Returns of one GJR-GARCH(1,1)-t: omega 2e-6, alpha .03, gamma .10, beta .90."""
    shocks = np.random.default_rng(seed).standard_t(df, n) * np.sqrt((df - 2) / df)
    returns, variance = np.empty(n), 1e-4
    for t, shock in enumerate(shocks):
        returns[t] = np.sqrt(variance) * shock
        variance = 2e-6 + (0.03 + 0.10 * (returns[t] < 0)) * returns[t] ** 2 + 0.90 * variance
    return returns


@pytest.fixture(scope="session")
def make_panel() -> Callable[[np.ndarray], Panel]:
    return panel_of


@pytest.fixture(scope="session")
def random_walk() -> Panel:
    """Three tickers with independent Student-t steps of constant volatility: nothing to find."""
    steps = 0.01 * np.random.default_rng(5).standard_t(5, (1_500, 3))
    return panel_of(steps)


@pytest.fixture(scope="session")
def gjr_market() -> Panel:
    """Two tickers that follow the same GJR-GARCH-t."""
    return panel_of(np.column_stack([gjr_returns(4_000, 6, seed) for seed in (1, 2)]))
