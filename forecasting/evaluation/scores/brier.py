"""The Brier score of the chance of a rise: what it is made of, and the reliability curve.

1. Brier (1950), Verification of Forecasts Expressed in Terms of Probability, Monthly Weather
   Review 78(1).
2. Murphy (1973), A New Vector Partition of the Probability Score, Journal of Applied Meteorology
   12(4).
3. Stephenson, Coelho & Jolliffe (2008), Two Extra Components in the Brier Score Decomposition,
   Weather and Forecasting 23(4).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import cell_test, date_weights

BINS = 10

Values = Float[np.ndarray, " cell"]


@dataclass(frozen=True)
class BrierParts:
    """Murphy's decomposition [2]: score = reliability - resolution + uncertainty + within.

    Attributes:
        reliability: Squared distance of a bin's forecasts from its frequency of rises; 0 is best.
        resolution: Squared distance of the bins' frequencies from that of all; more is better.
        uncertainty: o (1 - o) of the frequency o of all: no forecaster's doing.
        within: What the forecasts vary inside a bin [3]; 0 if each bin holds one probability.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def score(self) -> float:
        """The Brier score of which these are the parts."""
        return self.reliability - self.resolution + self.uncertainty + self.within


def murphy(probability: Values, up: Values, weight: Values, bins: int = BINS) -> BrierParts:
    """Decompose the mean Brier score of weighted cells into [2] and [3].

    Bins hold equal numbers of cells, as far as equal probabilities allow.

    Args:
        probability: Forecast chance of a rise.
        up: 1 for a rise, else 0.
        weight: Of each cell, adding up to 1.
        bins: At most so many.
    """
    which = probability_bins(probability, bins)
    share = np.bincount(which, weight)
    forecast = np.bincount(which, weight * probability) / share
    frequency = np.bincount(which, weight * up) / share
    base = float(weight @ up)
    squared = float(weight @ (probability - up) ** 2)
    reliability = float(share @ (forecast - frequency) ** 2)
    resolution = float(share @ (frequency - base) ** 2)
    uncertainty = base * (1 - base)
    within = squared - reliability + resolution - uncertainty
    return BrierParts(reliability, resolution, uncertainty, within)


def probability_bins(probability: Values, bins: int = BINS) -> Int[np.ndarray, " cell"]:
    """The bin of each probability, from 0 without gaps; equal probabilities share theirs."""
    edges = np.unique(np.quantile(probability, np.arange(1, bins) / bins))
    return np.unique(np.searchsorted(edges, probability), return_inverse=True)[1]


def reliability_curve(part: Cells, forecaster: str, bins: int = BINS) -> pd.DataFrame:
    """Forecast chance of a rise against the frequency of rises, in bins of equal counts.

    Returns:
        One row a bin: forecast (mean chance), frequency (share of rises), standard_error (of the
        frequency, by date; NaN below `least_dates`) and count (cells). Cells of a date weigh
        together as much as those of any other.
    """
    probability, up = chance_of_rise(part, forecaster), rises(part)
    which, weight = probability_bins(probability, bins), date_weights(part.date)
    rows = []
    for k in range(int(which.max(initial=-1)) + 1):
        inside = which == k
        share = float(weight @ inside)
        frequency = float(weight @ (inside * up)) / share
        # The frequency is a ratio of two means; this is its influence function.
        influence = inside * (up - frequency) / share
        rows.append(
            {
                "forecast": float(weight @ (inside * probability)) / share,
                "frequency": frequency,
                "standard_error": cell_test(influence, part.date, part.horizon).standard_error,
                "count": int(inside.sum()),
            }
        )
    return pd.DataFrame(rows)


def chance_of_rise(part: Cells, forecaster: str) -> Values:
    """Probability of a return above zero, of every cell."""
    return part.laws[forecaster].exceedance(np.zeros(len(part.date)))


def rises(part: Cells) -> Values:
    """1 where the return was above zero, else 0."""
    return (part.returns > 0).astype(float)
