"""Rolling-volatility-t: the standard deviation of the last n bars with a Student-t around zero.

r_{t,h} ~ t(0, c_h v_t sqrt(h), df_h), v_t^2 = mean of the last n_h squared returns + 0.01 s_t^2.
The EWMA volatility s_t keeps the scale positive where no price moved for n bars. n_h is chosen for
each horizon on the last slice of the training rows; c_h and df_h are then fitted on all of them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecasting.evaluation.baselines.baseline import Baseline, Calibration, RowLaws
from forecasting.evaluation.baselines.tuning import scale_losses, tuning_slice
from forecasting.forecast.student_t import StudentT
from forecasting.market.features.history import ticker_bars
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.market.volatility import trailing_mean

LENGTHS = (5, 10, 22, 66, 132, 252)
# The same floor as in the features: a week in which no price moved has no volatility of its own.
_FLOOR = 0.01


@dataclass(eq=False, kw_only=True)
class RollingVolatilityT(Baseline):
    """Volatility over a window, calibrated: its length, scale and df for each horizon, pooled."""

    name: str = "rolling-volatility-t"
    lengths: tuple[int, ...]
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "RollingVolatilityT":
        """Choose the windows on the last slice of the rows, then calibrate on all of them."""
        targets = sequences.targets
        fit_rows, choose_rows = tuning_slice(sequences, rows)
        ratios = {n: window_ratio(sequences, n, decay)[:, None] for n in LENGTHS}
        losses = [
            scale_losses(targets, np.broadcast_to(ratio, targets.shape), fit_rows, choose_rows)
            for ratio in ratios.values()
        ]
        lengths = tuple(LENGTHS[best] for best in np.argmin(losses, axis=0))
        scale = np.column_stack([ratios[n] for n in lengths])
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            lengths=lengths,
            calibration=Calibration.of((targets / scale)[rows]),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location zero, scale c_h v_t sqrt(h), constant degrees of freedom."""
        ratios = {n: window_ratio(sequences, n, self.decay) for n in set(self.lengths)}
        scale: RowLaws = np.column_stack([ratios[n] for n in self.lengths])
        scale = sequences.return_scale() * scale * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.zeros_like(scale), scale, df)


def window_ratio(sequences: Sequences, length: int, decay: float) -> Float[np.ndarray, " row"]:
    """v_t / s_t of each row; of a younger ticker over all the returns that it has."""
    ratio = np.full(len(sequences.origin), np.nan)
    for k in range(len(sequences.panel.tickers)):
        own = sequences.rows(k)
        origins, bars = ticker_bars(sequences.panel, k, decay)
        at = np.searchsorted(origins, sequences.origin[own])
        squares = bars.log_return[1:] ** 2
        mean = np.append(np.nan, trailing_mean(squares, length))
        young = min(length, len(mean))
        mean[1:young] = np.cumsum(squares[: young - 1]) / np.arange(1, young)
        ratio[own] = np.sqrt(mean[at] / bars.volatility[at] ** 2 + _FLOOR)
    return ratio
