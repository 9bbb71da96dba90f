"""A user's own strategy, from a Python file or from a notebook.

It is a function `weights(forecast, **parameters)` that returns an array (time, ticker) of target
weights, or `decide(forecast, positions, **parameters)` that returns those (ticker,) of one
decision. A file is run with all rights of this program, so only name one that you trust.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.backtest.strategies.strategy import Strategy
from forecasting.config.user_file import in_words, run_file
from forecasting.errors import ConfigError, ForecastingError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, day

_AUDIT_CUTS = (0.25, 0.5, 0.9)
_SIGNATURES = "weights(forecast, **parameters) or decide(forecast, positions, **parameters)"


class LooksAheadError(ConfigError):
    """A strategy whose past weights change with later forecasts."""


def load_strategy(path: Path) -> Strategy:
    """The strategy in a file, checked at each call as `of_function` says.

    Raises:
        ConfigError: No such file, one that does not run, or one without exactly one of `weights`
            and `decide`.
    """
    module = run_file(path, "strategy")
    functions = {name: getattr(module, name, None) for name in ("weights", "decide")}
    found = {name: each for name, each in functions.items() if each and _takes_a_forecast(each)}
    if not found:
        raise ConfigError(f"strategy file {path} has no function {_SIGNATURES}. Add it.")
    if len(found) > 1:
        raise ConfigError(
            f"strategy file {path} has both weights() and decide(): expected one. Rename the other."
        )
    [(name, function)] = found.items()
    if (name == "decide") != Strategy(function, "").sees_positions:
        raise ConfigError(f"strategy file {path}: expected {_SIGNATURES}. Correct {name}().")
    return of_function(function, f"strategy file {path}")


def of_function(function: Callable[..., Any], origin: str | None = None) -> Strategy:
    """A function as a strategy; one with an argument `positions` is a `decide`.

    What it returns is checked at each call. Weights have to be a finite (time, ticker) matrix and
    may not look ahead: those of a forecast, and of prices, that end earlier must equal the first
    rows of the full ones'. A `decide` never sees what is later.

    Args:
        function: As in a file.
        origin: What it is called in messages; the function's name by default.

    Raises:
        ConfigError: It takes no forecast; at a call, it fails or returns no weights.
        LooksAheadError: At a call.
    """
    named = origin or f"strategy {getattr(function, '__name__', 'function')}"
    if not _takes_a_forecast(function):
        raise ConfigError(f"{named} takes no forecast: expected {_SIGNATURES}. Correct it.")
    user = _UserFunction(function, named)
    strategy = Strategy(function, f"of {named}")
    call = user.decide if strategy.sees_positions else user.weights

    @functools.wraps(function)
    def checked(*arguments: Any, **parameters: Any) -> Any:
        return call(*arguments, **parameters)

    return Strategy(checked, strategy.description)


@dataclass(frozen=True)
class _UserFunction:
    """Calls a user's function and turns what goes wrong into one line."""

    function: Callable[..., Any]
    origin: str

    def weights(self, forecast: Forecast, **parameters: Any) -> np.ndarray:
        """The function's weights, if they look ahead nowhere."""
        weights = self._matrix(forecast, parameters)
        for share in _AUDIT_CUTS:
            shorter = forecast.between(end=forecast.times[int(share * len(forecast.times))])
            again = self._matrix(shorter, _shortened(parameters, shorter))
            if not np.allclose(again, weights[: len(again)], rtol=1e-9, atol=1e-12):
                raise LooksAheadError(
                    f"{self.origin} looks ahead: its weights up to {day(shorter.times[-1])} change "
                    "when later forecasts are taken away. Use only the rows up to each bar."
                )
        return weights

    def decide(self, forecast: Forecast, positions: np.ndarray, **parameters: Any) -> Any:
        """The function's answer, from nothing later than the forecast."""
        return self._call(forecast, positions, **_shortened(parameters, forecast))

    def _call(self, *arguments: Any, **parameters: Any) -> Any:
        try:
            return self.function(*arguments, **parameters)
        except ForecastingError:
            raise
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{self.origin} failed with {in_words(error)}. Correct {self._name}()."
            ) from error

    def _matrix(self, forecast: Forecast, parameters: dict[str, Any]) -> np.ndarray:
        answer = self._call(forecast, **parameters)
        try:
            weights = np.array(answer, dtype=float)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.origin} failed with {in_words(error)}. Correct {self._name}()."
            ) from error
        if weights.shape != forecast.mask.shape:
            raise ConfigError(
                f"{self.origin} returned weights of shape {weights.shape}: expected (time, ticker) "
                f"= {forecast.mask.shape}. Correct {self._name}()."
            )
        if bad := int((~np.isfinite(weights)).sum()):
            raise ConfigError(
                f"{self.origin} returned {bad} weights that are not finite: expected zero where "
                f"nothing is held. Correct {self._name}()."
            )
        return weights

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", "function")


def _takes_a_forecast(function: object) -> bool:
    try:
        return callable(function) and bool(inspect.signature(function).parameters)
    except ValueError:  # some functions of C have no signature
        return False


def _shortened(parameters: dict[str, Any], forecast: Forecast) -> dict[str, Any]:
    """Parameters derived from the data, without what is later than the forecast."""
    shorter = dict(parameters)
    if isinstance(prices := parameters.get("prices"), Panel):
        end = np.searchsorted(prices.times, forecast.times[-1], side="right")
        shorter["prices"] = prices.at(slice(int(end)))
    if isinstance(decides := parameters.get("decides"), np.ndarray):
        shorter["decides"] = decides[: len(forecast.times)]
    return shorter
