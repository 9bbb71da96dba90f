"""EWMA-t: the causal EWMA volatility with a Student-t around zero.

r_{t,h} ~ t(0, c_h s_t sqrt(h), df_h), s_t the EWMA volatility: the law where the network starts.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from forecasting.evaluation.baselines.baseline import Baseline, Calibration
from forecasting.forecast.student_t import StudentT
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences


@dataclass(eq=False, kw_only=True)
class EwmaT(Baseline):
    """EWMA volatility, calibrated: two numbers a horizon, pooled over tickers."""

    name: str = "EWMA-t"
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "EwmaT":
        """Fit (c_h, df_h) by maximum likelihood on the scaled targets of the training rows."""
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            calibration=Calibration.of(sequences.targets[rows]),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location zero, scale c_h s_t sqrt(h), constant degrees of freedom."""
        scale = sequences.return_scale() * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.zeros_like(scale), scale, df)
