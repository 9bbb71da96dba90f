"""A user's own strategy: a Python file with a function `weights(forecast, **parameters)`.

It returns an array (time, ticker) of target weights. The file is run with all rights of this
program, so only name one that you trust.
"""

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import ConfigError, ForecastingError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import day

_AUDIT_CUTS = (0.25, 0.5, 0.9)


def load_strategy(path: Path) -> Callable[..., np.ndarray]:
    """The file's `weights`, with its signature, checked at each call.

    The returned function refuses weights that are no finite (time, ticker) matrix, and weights
    that look ahead: those of a shortened forecast must equal the first rows of the full one's.

    Raises:
        ConfigError: No such file, a file that does not run, or one without `weights`.
    """
    function = _read(path)

    @functools.wraps(function)
    def checked(forecast: Forecast, **parameters: Any) -> np.ndarray:
        weights = _call(path, function, forecast, parameters)
        for share in _AUDIT_CUTS:
            shorter = forecast.between(end=forecast.times[int(share * len(forecast.times))])
            again = _call(path, function, shorter, parameters)
            if not np.allclose(again, weights[: len(again)], rtol=1e-9, atol=1e-12):
                raise ConfigError(
                    f"strategy file {path} looks ahead: its weights up to "
                    f"{day(shorter.times[-1])} change when later forecasts are taken away. Use "
                    "only the rows up to each bar."
                )
        return weights

    return checked


def _read(path: Path) -> Callable[..., Any]:
    if not path.is_file():
        raise ConfigError(f"no strategy file {path}: expected a Python file. Check the path.")
    spec = importlib.util.spec_from_file_location(f"strategy_file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"strategy file {path} does not run: {_name(error)}. Correct it."
        ) from error
    finally:
        sys.dont_write_bytecode = writes_no_bytecode
    function = getattr(module, "weights", None)
    if not inspect.isfunction(function) or not inspect.signature(function).parameters:
        raise ConfigError(
            f"strategy file {path} has no function weights(forecast, **parameters). Add it."
        )
    return function


def _call(
    path: Path, function: Callable[..., Any], forecast: Forecast, parameters: dict[str, Any]
) -> np.ndarray:
    try:
        weights = np.array(function(forecast, **parameters), dtype=float)
    except ForecastingError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"strategy file {path} failed with {_name(error)}. Correct weights()."
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


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
