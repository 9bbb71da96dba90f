"""A market whose volatility doubles one day, and a model that never notices."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.simulation.laws import DAILY, FREEDOM

BREAK = 700


@dataclass(frozen=True)
class Stale:
    """The law of the random-walk market, whatever happens."""

    name: str = "stale"
    horizons: tuple[int, ...] = (1, 5)

    def forecast(self, prices: Panel) -> Forecast:
        scale = DAILY * np.sqrt((FREEDOM - 2) / FREEDOM) * np.sqrt(self.horizons)
        cells = np.where(prices.mask[:, :, None], scale, np.nan)
        law = StudentT(0 * cells, cells, np.full_like(cells, FREEDOM))
        close = prices.column("adj_close")
        return Forecast(self.name, prices.times, prices.tickers, self.horizons, close, law)


@pytest.fixture(scope="session")
def stale() -> Stale:
    return Stale()


@pytest.fixture(scope="session")
def broken_market(make_panel: Callable[[np.ndarray], Panel]) -> Panel:
    """Twelve tickers, 1,400 bars; from bar `BREAK` on all returns are twice as large."""
    calm = simulate("random-walk", n_tickers=12, n_bars=1_400, seed=3)
    log_returns = np.diff(np.log(calm.column("adj_close")), axis=0)
    log_returns[BREAK:] *= 2
    return make_panel(log_returns)
