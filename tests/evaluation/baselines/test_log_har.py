"""Log-HAR-t: its response against a loop, its regression against planted weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from forecasting.evaluation.baselines import EwmaT, LogHarT
from forecasting.evaluation.baselines.log_har import future_log_variance, har_predictors
from forecasting.market.features.history import ticker_bars
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@pytest.mark.parametrize("variant", ["close", "ohlcv"])
def test_response_is_the_log_variance_of_the_next_bars(prices: Panel, variant: str) -> None:
    sequences = make_sequences(prices, variant=variant)
    response = future_log_variance(sequences, 0.94)
    np.testing.assert_array_equal(np.isfinite(response), np.isfinite(sequences.targets))
    for row in (0, 700, 1_200, len(response) - 30):
        k = sequences.ticker[row]
        origins, bars = ticker_bars(prices, int(k), 0.94)
        at = int(np.flatnonzero(origins == sequences.origin[row])[0])
        variance = bars.log_return**2 if variant == "close" else bars.range_variance
        for j, h in enumerate(sequences.horizons):
            ahead = np.mean([variance[at + i] for i in range(1, h + 1)])
            expected = np.log(ahead / bars.volatility[at] ** 2 + 0.01)
            assert response[row, j] == pytest.approx(expected, rel=1e-12)


def test_predictors_are_ranges_where_there_are_ranges(prices: Panel, close_only: Panel) -> None:
    with_ranges, without = make_sequences(prices), make_sequences(close_only)
    ranges, squares = har_predictors(with_ranges), har_predictors(without)
    np.testing.assert_array_equal(ranges[:, 2], with_ranges.feature("log_range_22"))
    np.testing.assert_array_equal(squares[:, 3], without.feature("log_square_66"))
    np.testing.assert_array_equal(squares[:, 4], without.feature("log_volatility"))


@dataclass(eq=False, kw_only=True)
class SquareHarT(LogHarT):
    name: str = "log-HAR-t on squares"
    measure: ClassVar[str | None] = "log_square"


def test_a_kind_can_name_its_own_predictors(prices: Panel) -> None:
    sequences = make_sequences(prices)
    rows = sequences.label_end.max(axis=1) < 400
    squares = har_predictors(sequences, "log_square")
    np.testing.assert_array_equal(squares[:, 1], sequences.feature("log_square_5"))
    kind = SquareHarT.fit(sequences, rows)
    x, y = squares[rows], future_log_variance(sequences, 0.94)[rows]
    np.testing.assert_allclose(kind.weights, LinearRegression().fit(x, y).coef_)
    assert not np.array_equal(
        kind.laws(sequences).scale, LogHarT.fit(sequences, rows).laws(sequences).scale
    )


def test_scale_is_the_exponential_of_the_fitted_regression(prices: Panel) -> None:
    sequences = make_sequences(prices)
    rows = sequences.label_end.max(axis=1) < 400
    baseline = LogHarT.fit(sequences, rows)
    x, y = har_predictors(sequences), future_log_variance(sequences, 0.94)
    fitted = LinearRegression().fit(x[rows], y[rows]).predict(x)
    expected = np.exp(fitted / 2) * sequences.return_scale() * baseline.calibration.scale
    np.testing.assert_allclose(baseline.laws(sequences).scale, expected, rtol=1e-9)


def test_beats_ewma_where_volatility_reverts_to_its_mean(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk)
    rows = np.isfinite(sequences.targets).all(axis=1)
    har, ewma = LogHarT.fit(sequences, rows), EwmaT.fit(sequences, rows)
    spread = {
        baseline.name: np.log(baseline.laws(sequences).scale[:, 2]).std()
        for baseline in (har, ewma)
    }
    # The true volatility is constant: the forecast that moves less is closer to it.
    assert spread["log-HAR-t"] < 0.7 * spread["EWMA-t"]
