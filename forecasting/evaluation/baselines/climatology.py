"""Climatology-t: what the returns of a ticker were like so far, whatever it did of late.

r_{t,h} ~ t(m h, c_h v_t sqrt(h), df_h) with v_t^2 = (n0 v0 + sum of all squared returns up to t) /
(n0 + their number). The variance expands with the history, as a reader's knowledge would; v0, the
mean over all training rows, speaks for a ticker that is new, n0 bars' worth. Chosen on the last
slice of the training rows: n0, and whether m is their mean return of one bar (pooled: that of a
single ticker is noise) or zero.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecasting.evaluation.baselines.baseline import Baseline, Calibration, RowLaws
from forecasting.evaluation.baselines.tuning import tuning_slice
from forecasting.forecast.student_t import StudentT
from forecasting.market.features.history import ticker_bars
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences

PRIOR_BARS = (22, 66, 252, 1008)
"""What the mean of all tickers may be worth."""

Rows = Bool[np.ndarray, " row"]


@dataclass(frozen=True)
class Sums:
    """Squared returns of a row's ticker up to its bar: their sum, decimal squared, and number."""

    total: Float[np.ndarray, " row"]
    count: Float[np.ndarray, " row"]

    def variance(self, prior: float, prior_bars: int) -> Float[np.ndarray, " row"]:
        """Variance of one bar, with a prior that is worth so many bars."""
        return (prior_bars * prior + self.total) / (prior_bars + self.count)


@dataclass(eq=False, kw_only=True)
class ClimatologyT(Baseline):
    """Unconditional Student-t, expanding, shrunk towards all tickers of the training."""

    name: str = "climatology-t"
    prior: float
    prior_bars: int
    mean: float
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Rows,
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "ClimatologyT":
        """Choose the prior's worth and the location, then calibrate on all training rows."""
        returns = sequences.targets * sequences.return_scale()
        sums = squared_sums(sequences, decay)
        bars = np.array(sequences.horizons, dtype=float)

        def calibrated(known: Rows, prior_bars: int, drifts: bool) -> "ClimatologyT":
            shortest = returns[known, 0]
            prior, mean = np.mean(shortest**2) / bars[0], drifts * np.mean(shortest) / bars[0]
            scale = np.sqrt(sums.variance(prior, prior_bars)[known, None] * bars)
            return cls(
                variant=sequences.variant,
                horizons=sequences.horizons,
                decay=decay,
                prior=float(prior),
                prior_bars=prior_bars,
                mean=float(mean),
                calibration=Calibration.of((returns[known] - mean * bars) / scale),
            )

        fit_rows, choose_rows = tuning_slice(sequences, rows)
        candidates = [(worth, drifts) for worth in PRIOR_BARS for drifts in (False, True)]
        losses = []
        for candidate in candidates:
            law = calibrated(fit_rows, *candidate).law_of(sums)[choose_rows]
            losses.append(-law.log_density(returns[choose_rows]).mean())
        return calibrated(rows, *candidates[int(np.argmin(losses))])

    def laws(self, sequences: Sequences) -> StudentT:
        """Location m h, scale c_h v_t sqrt(h), constant degrees of freedom."""
        return self.law_of(squared_sums(sequences, self.decay))

    def law_of(self, sums: Sums) -> StudentT:
        """The laws of rows of which these sums are known."""
        bars = np.array(self.horizons, dtype=float)
        variance = sums.variance(self.prior, self.prior_bars)
        scale: RowLaws = np.sqrt(variance[:, None] * bars) * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.broadcast_to(self.mean * bars, scale.shape), scale, df)


def squared_sums(sequences: Sequences, decay: float) -> Sums:
    """Sum and number of the squared returns of each row's ticker up to and with its bar."""
    total, count = np.empty(len(sequences.origin)), np.empty(len(sequences.origin))
    for k in range(len(sequences.panel.tickers)):
        own = sequences.rows(k)
        origins, bars = ticker_bars(sequences.panel, k, decay)
        at = np.searchsorted(origins, sequences.origin[own])
        total[own] = np.cumsum(np.append(0.0, bars.log_return[1:] ** 2))[at]
        count[own] = at
    return Sums(total, count)
