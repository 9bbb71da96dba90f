"""Functions that look at what is held: what they see, and what they may answer."""

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk

from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.strategies.rules.decision_function import DecisionFunction, Together
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


@pytest.fixture
def forecast() -> Forecast:
    return noise_forecast(random_walk(6, 2, seed=0), seed=1)


def asked(function, forecast: Forecast) -> DecisionFunction:
    return DecisionFunction(function, forecast, np.array([0, -1, 2, -1]), "mine")


def test_it_sees_the_rows_up_to_now_and_what_is_held(forecast: Forecast) -> None:
    seen = []

    def decide(known: Forecast, positions: np.ndarray) -> np.ndarray:
        seen.append((len(known.times), known.mean.shape, positions.tolist()))
        return positions + np.array([0.1, 0.0])

    policy = asked(decide, forecast)
    answer = policy.decide(2, np.array([[0.2, 0.3]]))
    np.testing.assert_allclose(answer, [[0.3, np.nan]])
    assert policy.decide(1, np.zeros((1, 2))) is None
    assert seen == [(3, (3, 2, 2), [0.2, 0.3])]
    assert isinstance(policy, Policy)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "for None: expected 2 finite weights"),
        ([0.1], "expected 2 finite weights"),
        ([0.1, np.nan], "expected 2 finite weights"),
        ([0.1, np.inf], "expected 2 finite weights"),
        ("no", "for 'no': expected 2 finite weights"),
        (np.zeros((6, 2)), "expected 2 finite weights"),
        ([[0.1], [0.1, 0.2]], "expected 2 finite weights"),
    ],
)
def test_what_are_no_weights_is_one_line(forecast: Forecast, answer, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        asked(lambda known, positions: answer, forecast).decide(0, np.zeros((1, 2)))
    assert "\n" not in str(caught.value)
    assert "mine decided on 2020-01-01" in str(caught.value)


def test_policies_together_keep_their_configurations(forecast: Forecast) -> None:
    fixed = Targets(np.full((4, 2), 0.25), np.array([True, True, False, False]))
    both = Together((fixed, asked(lambda known, held: -held, forecast)))
    held = np.array([[0.0, 0.0], [0.5, 0.2]])
    np.testing.assert_array_equal(both.decide(0, held), [[0.25, 0.25], [-0.5, -0.2]])
    np.testing.assert_array_equal(both.decide(1, held), [[0.25, 0.25], [np.nan, np.nan]])
    np.testing.assert_array_equal(both.decide(2, held), [[np.nan, np.nan], [-0.5, -0.2]])
    assert both.decide(3, held) is None
