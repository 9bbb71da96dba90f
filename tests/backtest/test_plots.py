"""The equity plot shows what a reader needs, also after ruin."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from backtest.markets import make_panel, noise_forecast

from forecasting.backtest import backtest
from forecasting.market.panel import Panel


def test_curves_costs_timing_and_verdicts(prices: Panel) -> None:
    figure = backtest(noise_forecast(prices, seed=0), prices).plot()
    upper, lower = figure.axes
    assert upper.get_yscale() == "log"
    assert len(upper.get_lines()) == 4
    assert len(lower.get_lines()) == 3
    caption = figure.get_supxlabel()
    for words in ("bps commission", "bar t+1", "vs buy_and_hold", "vs cash"):
        assert words in caption
    plt.close(figure)


@pytest.mark.filterwarnings("error")
def test_a_ruined_account_is_drawn() -> None:
    closes = np.ones((12, 2)) * [1.0, 2.0]
    closes[6:] *= [[0.2, 1.0]]
    panel = make_panel(closes * np.exp(0.01 * np.arange(12))[:, None])
    book = backtest(
        noise_forecast(panel, seed=0),
        panel,
        strategy="volatility_target",
        parameters={"target_volatility": 9.0, "max_leverage": 5.0, "bars_per_year": 252.0},
    )
    assert any("ruined" in note for note in book.notes)
    figure = book.plot()
    figure.canvas.draw()
    plt.close(figure)
