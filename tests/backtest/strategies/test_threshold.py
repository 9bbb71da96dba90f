"""Probability threshold: its memory against a loop over the bars."""

import numpy as np
from backtest.markets import make_forecast, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.strategies.threshold import probability_threshold

LOCATIONS = arrays(
    float, (12, 3), elements=st.sampled_from([-0.01, -0.001, 0.0, 0.001, 0.01, np.nan])
)


def slow_sides(up: list[float], enter: float, leave: float, short: bool) -> list[int]:
    side, sides = 0, []
    for chance in up:
        if np.isnan(chance) or (side > 0 and chance < leave) or (side < 0 and chance > 1 - leave):
            side = 0
        if chance > enter:
            side = 1
        if short and chance < 1 - enter:
            side = -1
        sides.append(side)
    return sides


@settings(deadline=None, max_examples=60)
@given(loc=LOCATIONS, short=st.booleans(), leave=st.sampled_from([0.5, 0.53]))
def test_positions_last_from_enter_to_exit(loc: np.ndarray, short: bool, leave: float) -> None:
    forecast = make_forecast(random_walk(12, 3, seed=0), loc)
    weights = probability_threshold(forecast, horizon=1, enter=0.55, exit=leave, short=short)
    up = np.where(forecast.mask, forecast.prob_up()[:, :, 0], np.nan)
    sides = np.array([slow_sides(column, 0.55, leave, short) for column in up.T.tolist()]).T
    count = np.maximum(forecast.mask.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(weights, sides / count)
