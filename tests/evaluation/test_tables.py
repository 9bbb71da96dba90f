"""Standard errors of the PIT histogram: dates are the unit, so correlated tickers do not help."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from evaluation.forecasters import Volatility

from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.evaluation.tables import location_table, pit_table
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel


def cells_of(pit: np.ndarray) -> Cells:
    """Cells of a (date, ticker) table of PIT values."""
    n, wide = pit.shape
    return Cells(
        horizon=1,
        date=np.repeat(np.arange(n), wide),
        ticker=np.tile(np.arange(wide), n),
        returns=np.ones(pit.size),
        scores={"model": pd.DataFrame({"pit": pit.ravel()})},
        laws={"model": StudentT(*(np.full(pit.size, x) for x in (0.1, 0.01, 5.0)))},
    )


def test_independent_cells_have_the_binomial_error() -> None:
    table = pit_table([cells_of(np.random.default_rng(0).random((2_000, 10)))], "model")
    binomial = np.sqrt(0.05 * 0.95 / 20_000)
    assert abs(table["standard_error"].mean() / binomial - 1) < 0.15
    inside = (table["share"] - 0.05).abs() < 1.96 * table["standard_error"]
    assert inside.mean() >= 0.85


def test_tickers_that_move_together_count_once() -> None:
    pit = np.random.default_rng(1).random((2_000, 1))
    alone = pit_table([cells_of(pit)], "model")
    crowd = pit_table([cells_of(np.repeat(pit, 10, axis=1))], "model")
    np.testing.assert_allclose(crowd["standard_error"], alone["standard_error"])
    assert (crowd["count"] == 10 * alone["count"]).all()


def test_extreme_probabilities_fall_into_the_outer_bins() -> None:
    table = pit_table([cells_of(np.array([[0.0], [1.0], [0.999]]))], "model")
    assert table["count"].tolist() == [1] + [0] * 18 + [2]


def test_r2_is_against_zero() -> None:
    table = location_table([cells_of(np.random.default_rng(2).random((100, 2)))], "model")
    # Every return is 1 and every location 0.1: 1 - 0.9^2.
    np.testing.assert_allclose(table["r2"], 1 - 0.81)


def test_a_drift_is_rarely_claimed_on_a_random_walk(
    make_panel: Callable[[np.ndarray], Panel],
) -> None:
    model, claims = Volatility("trend", shift=0.02, horizons=(1, 5)), []
    for seed in range(100):
        prices = make_panel(0.01 * np.random.default_rng(seed).standard_t(5, (900, 2)))
        span = prices.between("2002-01-01")
        cells, _ = common_cells(span, [model.forecast(prices).between("2002-01-01")])
        claims += list(location_table(cells, "trend")["verdict"] == "BEATS")
    assert np.mean(claims) <= 0.06
