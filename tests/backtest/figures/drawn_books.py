"""Real backtests to draw: an ordinary one, a short one, one that is ruined, one that never buys."""

from collections.abc import Callable

import numpy as np
from backtest.markets import make_forecast, make_panel, noise_forecast, random_walk

from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest

Books = Callable[[str], Backtest]


def _ordinary() -> Backtest:
    panel = random_walk(600, 24, seed=1)
    return backtest(noise_forecast(panel, seed=0), panel, n_random=40)


def _short() -> Backtest:
    panel = random_walk(6, 4, seed=1)
    return backtest(noise_forecast(panel, seed=0), panel, n_random=5)


def _ruined() -> Backtest:
    closes = np.ones((40, 2)) * [1.0, 2.0]
    closes[6:] *= [[0.2, 1.0]]
    panel = make_panel(closes * np.exp(0.01 * np.arange(40))[:, None])
    parameters = {"target_volatility": 9.0, "max_leverage": 2.0, "bars_per_year": 252.0}
    forecast = noise_forecast(panel, seed=0)
    return backtest(forecast, panel, strategy="volatility_target", parameters=parameters)


def _idle() -> Backtest:
    panel = random_walk(40, 4, seed=1)
    forecast = make_forecast(panel, np.full(panel.mask.shape, -0.01))
    return backtest(forecast, panel, strategy="long_only", n_random=5)


MAKERS = {"ordinary": _ordinary, "short": _short, "ruined": _ruined, "idle": _idle}
