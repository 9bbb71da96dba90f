"""EGARCH-t: recursion and h-step variances against arch, planted parameters, wild prices."""

import math

import numpy as np
import pytest
from arch import arch_model

from forecasting.evaluation.baselines.egarch import EgarchParameters, EgarchT
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate
from forecasting.market.volatility import WARM_UP

OMEGA, ALPHA, GAMMA, BETA = -0.2, 0.15, -0.08, 0.97
PLANTED = EgarchParameters(OMEGA, ALPHA, GAMMA, BETA, np.zeros(20))


def planted_returns(n: int, seed: int = 0) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_t(8, n) * np.sqrt(6 / 8)
    log_variance, returns = OMEGA / (1 - BETA), np.empty(n)
    for t, shock in enumerate(shocks):
        returns[t] = math.exp(log_variance / 2) * shock
        size = abs(shock) - math.sqrt(2 / math.pi)
        log_variance = OMEGA + ALPHA * size + GAMMA * shock + BETA * log_variance
    return returns


def fixed(returns: np.ndarray):  # type: ignore[no-untyped-def]
    """The same recursion by arch, of returns in percent."""
    model = arch_model(
        100 * returns, mean="Zero", vol="EGARCH", p=1, o=1, q=1, dist="t", rescale=False
    )
    omega = OMEGA + (1 - BETA) * 2 * math.log(100)
    return model.fix([omega, ALPHA, GAMMA, BETA, 8.0])


def test_filter_equals_arch_once_the_start_is_forgotten() -> None:
    returns = planted_returns(1_500)
    theirs = (fixed(returns).conditional_volatility[800:] / 100) ** 2
    # arch's volatility is that of the bar itself, ours that of the bar after it.
    ours = PLANTED.filter_variance(np.append(np.nan, returns))[1:]
    np.testing.assert_allclose(ours[799:-1], theirs, rtol=1e-6)


def test_summed_variance_is_what_archs_bootstrap_approaches() -> None:
    returns = planted_returns(1_200)
    model = fixed(returns)
    simulated = model.forecast(
        horizon=21,
        start=len(returns) - 1,
        method="bootstrap",
        simulations=20_000,
        random_state=np.random.RandomState(0),
    )
    residuals = np.asarray(model.std_resid)[:-1]
    growth = PLANTED.growth_of(residuals, 20)
    ours = EgarchParameters(OMEGA, ALPHA, GAMMA, BETA, growth)
    variance = np.array([simulated.variance.to_numpy()[-1, 0] / 1e4])
    for horizon in (1, 5, 21):
        expected = simulated.variance.to_numpy()[-1, :horizon].sum() / 1e4
        assert ours.sum_variance(variance, horizon)[0] == pytest.approx(expected, rel=0.01)


def test_summed_variance_equals_a_loop_over_all_paths_of_two_shocks() -> None:
    shocks = np.array([-1.3, 0.9])
    ours = EgarchParameters(OMEGA, ALPHA, GAMMA, BETA, PLANTED.growth_of(shocks, 2))
    moves = ALPHA * (np.abs(shocks) - math.sqrt(2 / math.pi)) + GAMMA * shocks
    start = math.log(2e-4)
    second = [OMEGA + BETA * start + move for move in moves]
    third = [OMEGA + BETA * log + move for log in second for move in moves]
    expected = 2e-4 + np.exp(second).mean() + np.exp(third).mean()
    assert ours.sum_variance(np.array([2e-4]), 3)[0] == pytest.approx(expected, rel=1e-12)


def test_planted_parameters_are_recovered_in_any_unit() -> None:
    returns = planted_returns(8_000)
    one, many = (EgarchParameters.fit(unit * returns, 21) for unit in (1, 1_000))
    assert one is not None
    assert many is not None
    assert one.converged
    assert one.beta == pytest.approx(BETA, abs=0.01)
    assert one.alpha == pytest.approx(ALPHA, abs=0.03)
    assert one.gamma == pytest.approx(GAMMA, abs=0.02)
    level = [2 * math.log(unit) + OMEGA / (1 - BETA) for unit in (1, 1_000)]
    for found, expected in zip((one, many), level, strict=True):
        assert found.omega / (1 - found.beta) == pytest.approx(expected, abs=0.2)
    assert len(one.shock_growth) == 20


def test_a_start_without_movement_waits_for_the_first() -> None:
    returns = np.concatenate([[np.nan], np.zeros(30), planted_returns(100)])
    variance = PLANTED.filter_variance(returns)
    assert np.isnan(variance[:31]).all()
    assert (variance[31:] > 0).all()
    assert np.isnan(PLANTED.filter_variance(np.zeros(60))).all()
    assert np.isnan(PLANTED.filter_variance(returns[-WARM_UP:])).all()


def test_a_price_that_jumps_a_thousandfold_gives_a_finite_variance() -> None:
    returns = np.append(np.nan, planted_returns(200))
    returns[100:110] = math.log(1_000)
    variance = PLANTED.filter_variance(returns)
    assert np.isfinite(variance[WARM_UP:]).all()
    assert np.isfinite(PLANTED.sum_variance(variance[WARM_UP:], 21)).all()


def test_where_no_fit_is_sound_the_variance_is_held_constant() -> None:
    """Of this random walk the likeliest EGARCH multiplies the variance a thousandfold a shock."""
    prices = simulate("random-walk", n_tickers=6, n_bars=1200, seed=4)
    sequences = make_sequences(prices)
    rows = sequences.label_end.max(axis=1) < 600
    fitted = EgarchT.fit(sequences, rows)
    assert len(fitted.steady) == 4
    (note,) = fitted.notes(sequences)[:1]
    assert note.endswith(f"fit of {', '.join(fitted.steady)}: the variance is held constant.")
    forecast = fitted.forecast_rows(sequences)
    for ticker in fitted.steady:
        scale = forecast.select([ticker]).law.scale
        known = np.isfinite(scale).all(axis=2)
        # After the seed of the first bars every bar has the same variance.
        assert np.ptp(scale[known][50:], axis=0).max() < 1e-12


def test_a_variance_that_falls_without_end_is_no_fit() -> None:
    """Small shocks lower it and nothing holds it: on new bars the first large one explodes it."""
    market = simulate("random-walk", n_tickers=6, n_bars=1200, seed=101)
    returns = np.diff(np.log(market.column("adj_close")[:590]), axis=0)
    found = [EgarchParameters.fit(each, 21) for each in returns.T]
    assert None in found
    for fit, each in zip(found, returns.T, strict=True):
        if fit is not None:
            variance = fit.filter_variance(np.append(np.nan, each))
            assert np.nanmax(np.abs(np.log(variance / each.var()))) < math.log(1_000)
