"""The timing contract: which price, and what is refused."""

import numpy as np
import pytest
from backtest.markets import make_panel

from forecasting.backtest.execution import Execution
from forecasting.errors import ConfigError, DataError
from forecasting.market.panel import Panel


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


def test_the_sentence_says_when() -> None:
    assert "at the open of bar t+1" in Execution.NEXT_OPEN.describe()
    assert "at the close of bar t+1" in Execution.NEXT_CLOSE.describe()
