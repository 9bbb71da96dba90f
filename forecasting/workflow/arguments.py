"""What a user hands to the verbs that trade, checked once, by kind and before any work.

Python refuses nothing by itself, and an error from deep inside helps nobody: each mistake is one
line that says what came, what was expected and what to do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import ConfigError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.workflow.trading import Terms
from forecasting.workflow.walk_forward.outcome import WalkForward

MODEL = "a trained model, as fc.train and fc.load_model give it"
WALK_FORWARD = "a walk-forward, its folder, or its name under runs/"


def require_model(model: object) -> None:
    """Refuse what is no single trained model.

    Raises:
        ConfigError: Says what came.
    """
    if not isinstance(model, NetworkForecaster):
        raise ConfigError(f"model = {_short(model)}: expected {MODEL}. Pass one.")


def require_walk_forward(walk: object) -> None:
    """Refuse what cannot be a walk-forward.

    Raises:
        ConfigError: Says what came.
    """
    if isinstance(walk, NetworkForecaster):
        raise ConfigError(
            f"{walk.name} is one model: expected {WALK_FORWARD}, for each of its folds makes a "
            "choice. Make one with fc.walk_forward."
        )
    if not isinstance(walk, WalkForward | str | Path):
        raise ConfigError(f"walk = {_short(walk)}: expected {WALK_FORWARD}. Pass one.")


def require_maker(model: object) -> None:
    """Refuse what is neither a trained model nor can be a walk-forward.

    Raises:
        ConfigError: Says what came.
    """
    if not isinstance(model, NetworkForecaster | WalkForward | str | Path):
        raise ConfigError(
            f"model = {_short(model)}: expected {MODEL}; or {WALK_FORWARD}. Pass one."
        )


def require_bars(prices: object, tickers: object, start: object, end: object = None) -> None:
    """Refuse prices, tickers and days that are none.

    Raises:
        ConfigError: Says what came.
    """
    if not isinstance(prices, Panel):
        raise ConfigError(f"prices = {_short(prices)}: expected a Panel. Get one with fc.load.")
    if isinstance(tickers, str):
        raise ConfigError(
            f"tickers = {_short(tickers)}: expected a list of names. Write [{_short(tickers)}]."
        )
    if tickers is not None and not (
        isinstance(tickers, Sequence) and all(isinstance(each, str) for each in tickers)
    ):
        raise ConfigError(
            f"tickers = {_short(tickers)}: expected a list of names, such as ['AAPL', 'MSFT']. "
            "Correct it."
        )
    if tickers is not None and not tickers:
        raise ConfigError(
            "tickers is empty: expected at least one name. Name some, or leave it out to trade all."
        )
    for name, date in (("start", start), ("end", end)):
        if date is not None and not isinstance(date, str):
            raise ConfigError(
                f"{name} = {_short(date)}: expected a day as text, such as '2015-01-31'. "
                "Correct it."
            )


def terms_of(strategy: object, settings: Mapping[str, Any]) -> Terms:
    """A strategy and the terms on which it trades, from the settings of a verb.

    Args:
        strategy: A name, the path of a Python file, or a function.
        settings: Costs, account, execution and parameters of the strategy, under the names that a
            grid gives them; numbers of NumPy count as Python's own.

    Raises:
        ConfigError: The strategy is none of these, or a setting is not of its kind or outside its
            range.
    """
    if not (isinstance(strategy, str | Path) or callable(strategy)):
        raise ConfigError(
            f"strategy = {_short(strategy)}: expected a name such as long_short, the path of a "
            "Python file, or a function. Correct it."
        )
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in settings.items()
    }
    return Terms(strategy).changed(plain)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
