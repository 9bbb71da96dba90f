"""A user's own strategy: a Python file with a function `weights(forecast, **parameters)`.

It returns an array (time, ticker) of target weights. The file is run with all rights of this
program, so only name one that you trust.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.config.user_file import in_words, load_function
from forecasting.errors import ConfigError, ForecastingError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import day

_AUDIT_CUTS = (0.25, 0.5, 0.9)


class LooksAheadError(ConfigError):
    """A strategy whose past weights change with later forecasts."""


def load_strategy(path: Path) -> Callable[..., np.ndarray]:
    """The file's `weights`, with its signature, checked at each call.

    The returned function refuses weights that are no finite (time, ticker) matrix, and weights
    that look ahead: those of a shortened forecast must equal the first rows of the full one's.

    Raises:
        ConfigError: No such file, a file that does not run, or one without `weights`.
        LooksAheadError: At a call.
    """
    function = load_function(path, "strategy", "weights(forecast, **parameters)")

    @functools.wraps(function)
    def checked(forecast: Forecast, **parameters: Any) -> np.ndarray:
        weights = _call(path, function, forecast, parameters)
        for share in _AUDIT_CUTS:
            shorter = forecast.between(end=forecast.times[int(share * len(forecast.times))])
            again = _call(path, function, shorter, parameters)
            if not np.allclose(again, weights[: len(again)], rtol=1e-9, atol=1e-12):
                raise LooksAheadError(
                    f"strategy file {path} looks ahead: its weights up to "
                    f"{day(shorter.times[-1])} change when later forecasts are taken away. Use "
                    "only the rows up to each bar."
                )
        return weights

    return checked


def _call(
    path: Path, function: Callable[..., Any], forecast: Forecast, parameters: dict[str, Any]
) -> np.ndarray:
    try:
        weights = np.array(function(forecast, **parameters), dtype=float)
    except ForecastingError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"strategy file {path} failed with {in_words(error)}. Correct weights()."
        ) from error
    if weights.shape != forecast.mask.shape:
        raise ConfigError(
            f"strategy file {path} returned weights of shape {weights.shape}: expected (time, "
            f"ticker) = {forecast.mask.shape}. Correct weights()."
        )
    if bad := int((~np.isfinite(weights)).sum()):
        raise ConfigError(
            f"strategy file {path} returned {bad} weights that are not finite: expected zero "
            "where nothing is held. Correct weights()."
        )
    return weights
