"""The timing contract: which price, and what is refused."""

import numpy as np
import pytest
from backtest.markets import make_panel

from forecasting.backtest.execution import Execution
from forecasting.errors import ConfigError, DataError
from forecasting.market.panel import COLUMNS, Panel


def test_auto_takes_the_open_where_every_ticker_has_opens(prices: Panel, close_only: Panel) -> None:
    assert Execution.choose(prices) is Execution.NEXT_OPEN
    assert Execution.choose(close_only) is Execution.NEXT_CLOSE
    assert Execution.choose(prices, "next_close") is Execution.NEXT_CLOSE


def test_one_ticker_without_opens_moves_all_to_the_close() -> None:
    opens = np.array([[1.0, np.nan], [1.0, np.nan]])
    assert Execution.choose(make_panel(np.ones((2, 2)), opens)) is Execution.NEXT_CLOSE


def test_refuses_opens_that_are_not_there(close_only: Panel) -> None:
    with pytest.raises(DataError, match="has no opens"):
        Execution.choose(close_only, "next_open")


def test_refuses_an_unknown_execution(prices: Panel) -> None:
    with pytest.raises(ConfigError, match="expected auto, next_open or next_close"):
        Execution.choose(prices, "same_close")


def test_the_open_is_adjusted_as_its_close_is() -> None:
    panel = make_panel(np.array([[10.0], [20.0]]), np.array([[8.0], [21.0]]))
    values = panel.values.copy()
    values[0, 0, COLUMNS.index("adj_close")] = 5.0
    panel = Panel(panel.times, panel.tickers, values)
    assert Execution.NEXT_OPEN.fill_prices(panel).ravel().tolist() == [4.0, 21.0]
    assert Execution.NEXT_CLOSE.fill_prices(panel).ravel().tolist() == [5.0, 20.0]


def test_the_sentence_says_when() -> None:
    assert "at the open of bar t+1" in Execution.NEXT_OPEN.describe()
    assert "at the close of bar t+1" in Execution.NEXT_CLOSE.describe()
