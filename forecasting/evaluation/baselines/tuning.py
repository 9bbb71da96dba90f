"""What a baseline may choose on: the last slice of its own training rows, purged."""

import numpy as np
from jaxtyping import Bool, Float

from forecasting.errors import DataError
from forecasting.evaluation.baselines.baseline import Calibration
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import day
from forecasting.market.sequences import Sequences

Rows = Bool[np.ndarray, " row"]
RowLaws = Float[np.ndarray, "row horizon"]

SHARE = 0.2
LEAST_ROWS = 50


def tuning_slice(sequences: Sequences, rows: Rows) -> tuple[Rows, Rows]:
    """Split training rows into those to fit on and those, later, to choose on.

    Args:
        sequences: Features and targets.
        rows: Training rows.

    Returns:
        `fit_rows`, whose last label is known before the first origin of the others, and
        `choose_rows`, those of the last fifth of the dates of the training rows.

    Raises:
        DataError: Either has fewer than `LEAST_ROWS` rows.
    """
    dates = np.unique(sequences.origin[rows])
    cut = dates[int((1 - SHARE) * len(dates))] if len(dates) else 0
    choose_rows = rows & (sequences.origin >= cut)
    fit_rows = rows & (sequences.last_label < cut)
    fewest = int(min(fit_rows.sum(), choose_rows.sum()))
    if fewest < LEAST_ROWS:
        span = f" ({day(sequences.panel.times[dates[0]])} on)" if len(dates) else ""
        raise DataError(
            f"{len(dates)} dates{span} before the test are too few to tune a baseline on: expected "
            f"{LEAST_ROWS} rows to fit on and {LEAST_ROWS} to choose on, {max(sequences.horizons)} "
            f"bars apart, got {fewest}. Start the test later, or use more bars."
        )
    return fit_rows, choose_rows


def scale_losses(targets: RowLaws, scale: RowLaws, fit_rows: Rows, choose_rows: Rows) -> np.ndarray:
    """Mean loss at each horizon, on the rows to choose on, of a scale calibrated on those to fit.

    Args:
        targets: What happened, in the unit of `scale`.
        scale: A volatility forecast of each row and horizon, up to a constant.
        fit_rows: Rows on which the constant and the degrees of freedom are fitted.
        choose_rows: Rows that are scored; nats.
    """
    calibration = Calibration.of((targets / scale)[fit_rows])
    chosen = scale[choose_rows] * calibration.scale
    law = StudentT(np.zeros_like(chosen), chosen, np.broadcast_to(calibration.df, chosen.shape))
    return -law.log_density(targets[choose_rows]).mean(axis=0)
