"""Echoes: what happened round the same day of earlier years and quarters.

Companies announce their earnings by a calendar, so the bar after this one is likely to be eventful
if those a quarter or a year before it were. A quarter has 63 bars of a day and a year 251: on bars
of any other length there is nothing to hear.

    M_h(e) = max of u over the bars e-h .. e+h
    echo = mean over the lags L that are there of M_h(t+1-L) - mean_252 of the M_h known by then

with u the `log_surprise` of a variance. All of it is known at the close of t, since t+1-L+h <= t.
0 is as eventful as usual. By definition it is 0, too, where nothing is known of an echo: no lag is
there yet, in a young history, or none has a surprise, where prices stood still.
"""

from collections.abc import Callable

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.feature import OHLC, Feature
from forecasting.market.features.history import Derived, History, Quantity
from forecasting.market.features.surprises import MONTH

_LAGS = {"year": (251, 503), "quarter": (63, 126, 188)}
_USUAL = 252
_SOURCE = (
    "Beaver 1968, J. Accounting Research 6 (Supplement); Frazzini & Lamont 2007, NBER Working "
    "Paper 13090"
)


def _echoes(
    kind: str, variance: Quantity, formula: str, events: dict[int, Derived], needs: tuple[str, ...]
) -> tuple[Feature, ...]:
    """Echoes of the largest surprise of a variance within some bars of the day."""
    return tuple(
        Feature(
            name=f"echo_{kind}_{season}_{around}",
            unit="log ratio",
            look_back=2,
            memory=max(lags[-1] + around, _USUAL + 2 * around) + MONTH + 1,
            formula=(
                f"mean of M_{{t+1-L}} over L = {', '.join(map(str, lags))} less mean_{_USUAL} M; M "
                f"the largest log({formula} / mean_{MONTH} {formula}_{{t-1}} + 0.01) from {around} "
                f"before a bar to {around} after it; 0 where no L is there"
            ),
            compute=_louder_than_usual(variance, event, around, lags),
            needs=needs,
            source=_SOURCE,
        )
        for season, lags in _LAGS.items()
        for around, event in events.items()
    )


def _louder_than_usual(
    variance: Quantity, event: Derived, around: int, lags: tuple[int, ...]
) -> Callable[[History], Series]:
    def compute(bars: History) -> Series:
        # A window round a bar is known as many bars after it as it reaches beyond it.
        heard = [bars.trailing_mean(event, 1, skip=lag - 1 - around) for lag in lags]
        there = [np.isfinite(each) for each in heard]
        total = sum(np.where(known, each, 0.0) for known, each in zip(there, heard, strict=True))
        louder = total / sum(there) - bars.mean_of_known(event, _USUAL)
        today = bars.trailing_mean(variance, 1)
        return np.where(np.isnan(today), np.nan, np.nan_to_num(louder, nan=0.0))

    return compute


ECHO_SQUARE = _echoes(
    "square", "squared_return", "r^2", {1: "square_event_1", 3: "square_event_3"}, needs=()
)
ECHO_RANGE = _echoes(
    "range",
    "range_variance",
    "(Parkinson + o^2)",
    {1: "range_event_1", 3: "range_event_3"},
    needs=OHLC,
)
