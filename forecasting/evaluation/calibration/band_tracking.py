"""Adaptive conformal bands: each band's threshold follows the outcomes, date after date.

The score of an outcome is its log-odds a under the forecast (see `forecasting.forecast.band_warp`);
it misses the band of level b if a > A_s(b), the threshold in force at the forecast's origin s. One
number k(b) is tracked per horizon, group of tickers and band. At the close of each bar t at which
outcomes become known,

    k(b)  <-  k(b) + rate * (share of these outcomes that missed - (1 - b)),

and the threshold is A_t(b) = N(b) exp(k(b)): a multiplicative scale stays positive, whatever comes.
Two things bound what is in force, never what is tracked: a band reaches at least a quarter and at
most four times as far as nominal (`REACH`, in log-odds: the model's 95 % band becomes that of 43 %
or of 1 - 9e-7), and wider bands stay outside narrower ones, by a quarter of the nominal distance.

As k only moves by feedback, after n feedbacks, whatever the outcomes and the delays,

    mean share of misses - (1 - b)  =  k / (rate * n).

While k is above log 4 an outcome within reach is no miss, so k <= log 4 + rate * b * (1 + d), d the
feedbacks that arrive between a forecast and its own outcome: for any outcomes within reach the
share of misses exceeds 1 - b by no more than (log 4 / rate + b (1 + d)) / n. From below the same
holds, with 1 - b for b, of the innermost band, and of the others as long as the order need not be
kept for them: outcomes could for ever miss one band and none of the next only in the sliver that
is left between the two. An outcome at the median itself can be counted as a miss by no band.

Sources: Gibbs & Candes (2021), Adaptive Conformal Inference Under Distribution Shift, NeurIPS;
Angelopoulos, Candes & Tibshirani (2023), Conformal PID Control for Time Series Prediction, NeurIPS
(its quantile tracking, here in the log of the score); Ding, Gibbs & Tibshirani (2025), Calibrated
Multi-Level Quantile Forecasting, arXiv:2512.23671 (levels are tracked one by one, and put in order
only where they are used).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecasting.forecast.band_warp import BAND_LEVELS, NOMINAL

REACH = 4.0
"""How many times farther or nearer than nominal a band may end, in log-odds."""

_MISS = 1 - np.array(BAND_LEVELS)


@dataclass(frozen=True, eq=False)
class BandTrack:
    """The thresholds of every bar, and where they stand after the last one.

    Attributes:
        threshold: In force for forecasts made at each bar: known at its close.
        log_scale: k after the last bar.
        feedback: Dates on which outcomes became known.
    """

    threshold: Float[np.ndarray, "time horizon group level"]
    log_scale: Float[np.ndarray, "horizon group level"]
    feedback: Int[np.ndarray, "horizon group"]


def track_bands(
    score: Float[np.ndarray, "time ticker horizon"],
    label_end: Int[np.ndarray, "time ticker horizon"],
    group: Int[np.ndarray, " ticker"],
    rate: Float[np.ndarray, " horizon"],
    n_groups: int = 1,
) -> BandTrack:
    """Run the bands through a history.

    Args:
        score: Log-odds of each outcome under the forecast made at the bar; NaN where there is no
            forecast or no outcome that counts.
        label_end: Index of the bar at whose close the outcome becomes known; the number of bars or
            more where it is later than the last one.
        group: Index of each ticker's group, from 0.
        rate: Learning rate of each horizon.
        n_groups: Groups, those without a ticker among them.
    """
    n_bars, _, n_horizons = score.shape
    log_scale = np.zeros((n_horizons, n_groups, len(BAND_LEVELS)))
    feedback = np.zeros((n_horizons, n_groups), dtype=np.int64)
    threshold = np.empty((n_bars, *log_scale.shape))
    arrivals = [_arrivals(score[:, :, j], label_end[:, :, j]) for j in range(n_horizons)]
    for t in range(n_bars):
        for j, (bar, ticker, ends) in enumerate(arrivals):
            new = slice(ends[t], ends[t + 1])
            if new.start == new.stop:
                continue
            s, k = bar[new], ticker[new]
            missed = score[s, k, j, None] > threshold[s, j, group[k]]
            count = np.bincount(group[k], minlength=n_groups)
            misses = np.zeros(log_scale.shape[1:])
            np.add.at(misses, group[k], missed)
            known = count > 0
            share = misses[known] / count[known, None]
            log_scale[j, known] += rate[j] * (share - _MISS)
            feedback[j] += known
        threshold[t] = thresholds(log_scale)
    return BandTrack(threshold, log_scale, feedback)


def thresholds(log_scale: Float[np.ndarray, "*state level"]) -> Float[np.ndarray, "*state level"]:
    """The thresholds in force: within reach and in order."""
    reached = NOMINAL * np.exp(np.clip(log_scale, -np.log(REACH), np.log(REACH)))
    least = NOMINAL / REACH
    return np.maximum.accumulate(reached - least, axis=-1) + least


def _arrivals(
    score: Float[np.ndarray, "time ticker"], label_end: Int[np.ndarray, "time ticker"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells in the order in which they become known, and how many are before each bar."""
    n_bars = len(score)
    bar, ticker = np.nonzero(~np.isnan(score) & (label_end < n_bars))
    end = label_end[bar, ticker]
    order = np.argsort(end, kind="stable")
    return bar[order], ticker[order], np.searchsorted(end[order], np.arange(n_bars + 1))
