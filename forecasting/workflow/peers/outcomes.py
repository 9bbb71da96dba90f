"""What a model of one series may see: each ticker's outcomes, at the bar where they become known.

y_i = h-bar log return that ends at row i / (s_{i-h} sqrt(h)), s the EWMA volatility. A forecast of
y_{i+h} made at row i is one of the scaled target of row i: no path of single bars has to be summed.
"""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float

from forecasting.errors import ConfigError
from forecasting.market.sequences import Sequences


def known_outcomes(sequences: Sequences) -> Float[np.ndarray, "row horizon"]:
    """Y of each row: the target of h rows before of the same ticker; NaN for its first h rows.

    Rows are bars of a ticker in their order, so h rows span at least h bars: y_i is known at row i.
    """
    targets = sequences.targets
    outcomes = np.full(targets.shape, np.nan)
    for k in range(len(sequences.panel.tickers)):
        own = sequences.rows(k)
        for j, h in enumerate(sequences.horizons):
            outcomes[own.start + h : own.stop, j] = targets[
                own.start : max(own.start, own.stop - h), j
            ]
    return outcomes


def require_package(name: str, distribution: str) -> Any:
    """Import a package of the extra `peers`.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        with others_warnings():
            return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{name} cannot be imported ({error}): expected the package {distribution}. Install "
            "the extra with `pip install 'forecasting[peers]'`."
        ) from error


@contextmanager
def others_warnings() -> Iterator[None]:
    """Leave out the warnings of code that is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
