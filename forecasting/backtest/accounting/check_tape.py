"""Is a tape sound enough to keep an account on?"""

import numpy as np

from forecasting.backtest.tape.tape import GRIDS, Tape
from forecasting.errors import DataError


def check_tape(tape: Tape) -> None:
    """Raise if an account could not be kept on this tape.

    Raises:
        DataError: There is no bar; times are unsorted or repeated; a ticker comes twice.
        ValueError: An array has another shape than its bars and tickers, or an impossible value.
    """
    if len(tape.times) == 0 or not tape.tickers:
        raise DataError("no bar or no ticker to trade: expected at least one of each.")
    back = np.flatnonzero(np.diff(tape.times) <= np.timedelta64(0))
    if len(back):
        raise DataError(
            f"bar {back[0] + 1} at {tape.times[back[0] + 1]} follows {tape.times[back[0]]}: "
            "expected ascending times, each once. Sort the prices and drop the repeated bars."
        )
    twice = {name for name in tape.tickers if tape.tickers.count(name) > 1}
    if twice:
        raise DataError(f"{', '.join(sorted(twice))}: expected each ticker once. Drop the other.")
    shape = (len(tape.times), len(tape.tickers))
    for name in (*GRIDS, "member"):
        values = getattr(tape, name)
        if values is not None and values.shape != shape:
            raise ValueError(f"tape.{name} has the shape {values.shape}: expected {shape}")
    _check_values(tape)


def _check_values(tape: Tape) -> None:
    possible = {
        "fill above 0 or NaN": not (tape.fill <= 0).any() and not np.isposinf(tape.fill).any(),
        "mark finite, 0 or above": _finite(tape.mark, least=0.0),
        "split finite and above 0": _finite(tape.split, least=np.nextafter(0, 1)),
        "dividend finite": bool(np.isfinite(tape.dividend).all()),
        "half_spread finite, 0 or above": _finite(tape.half_spread, least=0.0),
        "volatility 0 or above or NaN": not (tape.volatility < 0).any(),
        "volume 0 or above or NaN": not (tape.volume < 0).any(),
        "elapsed finite, 0 or above, one a bar": (
            tape.elapsed.shape == tape.times.shape and _finite(tape.elapsed, least=0.0)
        ),
    }
    for expectation, holds in possible.items():
        if not holds:
            raise ValueError(f"the tape breaks a rule: expected {expectation}")


def _finite(values: np.ndarray, least: float) -> bool:
    return bool(np.isfinite(values).all() and (values >= least).all())
