"""Kelly: the maximum of expected log growth, its small limit, and its caps."""

import numpy as np
import pytest
from backtest.markets import make_forecast, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from forecasting.backtest.strategies.kelly import (
    _PROBABILITIES,
    _WEIGHTS,
    TAIL,
    best_fraction,
    growth_optimal,
    kelly,
)
from forecasting.forecast.student_t import StudentT


def growth(fraction: float, simple: np.ndarray) -> float:
    return float(_WEIGHTS @ np.log1p(fraction * simple))


def nodes(loc: float, scale: float, df: float) -> np.ndarray:
    return np.expm1(quantiles(StudentT(*np.array([[loc], [scale], [df]]))))


def quantiles(law: StudentT) -> np.ndarray:
    return np.concatenate([law.quantile(float(p)) for p in _PROBABILITIES])


@settings(deadline=None, max_examples=40)
@given(
    loc=st.floats(-0.05, 0.05),
    scale=st.floats(0.002, 0.2),
    df=st.floats(2.5, 30),
    short=st.booleans(),
)
def test_no_other_fraction_grows_faster(loc: float, scale: float, df: float, short: bool) -> None:
    simple = nodes(loc, scale, df)
    [found] = best_fraction(simple[:, None], short)
    low = -min(1.0, 0.999 / max(simple.max(), 0.999)) if short else 0.0
    best = minimize_scalar(
        lambda f: -growth(f, simple), bounds=(low, 1.0), method="bounded", options={"xatol": 1e-9}
    )
    assert low <= found <= 1
    assert growth(found, simple) >= -best.fun - 1e-12


@pytest.mark.parametrize("mean", [-2e-6, -1e-6, 2e-6])
def test_small_returns_give_mean_over_variance(mean: float) -> None:
    simple = nodes(mean, 0.004, 6.0)
    first, second = _WEIGHTS @ simple, _WEIGHTS @ simple**2
    [found] = best_fraction(simple[:, None], True)
    assert found == pytest.approx(first / second, rel=1e-3)


def test_a_log_return_of_mean_zero_asks_for_half() -> None:
    [found] = best_fraction(nodes(0.0, 0.01, 8.0)[:, None], False)
    assert found == pytest.approx(0.5, abs=1e-3)


def test_the_nodes_know_the_law() -> None:
    law = StudentT(*np.array([[0.01], [0.02], [5.0]]))
    draws = np.random.default_rng(0).standard_t(5, 400_000) * 0.02 + 0.01
    cut = np.clip(draws, law.quantile(TAIL), law.quantile(1 - TAIL))
    assert _WEIGHTS.sum() == pytest.approx(1, rel=1e-12)
    assert _WEIGHTS @ quantiles(law) == pytest.approx(0.01, rel=1e-9)
    assert _WEIGHTS @ (quantiles(law) - 0.01) ** 2 == pytest.approx(cut.var(), rel=0.01)


def test_fraction_and_caps() -> None:
    loc = np.array([[0.002, 0.0, -0.002, np.nan]])
    forecast = make_forecast(random_walk(1, 4, seed=0), loc)
    optimal = growth_optimal(forecast, 5, True)
    assert (np.sign(optimal) == [[1, 1, -1, 0]]).all()
    alone = kelly(forecast, fraction=0.1, max_weight=1.0, max_leverage=10.0, short=True)
    np.testing.assert_allclose(alone, 0.1 * optimal)
    capped = kelly(forecast, fraction=0.5, max_weight=0.2, max_leverage=10.0, short=True)
    np.testing.assert_allclose(capped, [[0.2, 0.2, -0.2, 0]])
    scaled = kelly(forecast, fraction=0.5, max_weight=0.2, max_leverage=0.3, short=True)
    np.testing.assert_allclose(scaled, [[0.1, 0.1, -0.1, 0]])
    assert kelly(forecast)[0, 2] == 0
