"""Value at risk and expected shortfall: scores that the truth minimises, tests of true laws."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of
from scipy import stats

from forecasting.evaluation.scores.tails import fissler_ziegel, shortfall_gap, tail_table
from forecasting.forecast.student_t import StudentT

COUNTED = ["kupiec", "independence", "conditional", "dynamic"]


def expected_score(v: float, e: float, level: float) -> float:
    """FZ0 of a standard normal outcome in closed form: E 1{y <= v}(v - y) = v F(v) + f(v)."""
    beyond = v * stats.norm.cdf(v) + stats.norm.pdf(v)
    return -beyond / (level * e) + v / e + np.log(-e) - 1


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_score_equals_its_expectation_and_the_truth_minimises_it(level: float) -> None:
    v = float(stats.norm.ppf(level))
    e = -float(stats.norm.pdf(v)) / level
    y = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    mean = fissler_ziegel(y, np.full_like(y, v), np.full_like(y, e), level).mean()
    assert mean == pytest.approx(expected_score(v, e, level), abs=1e-3)
    best = expected_score(v, e, level)
    for a in (0.8, 0.95, 1.05, 1.25):
        assert expected_score(a * v, e, level) > best
        assert expected_score(v, a * e, level) > best
    gap = shortfall_gap(y, np.full_like(y, v), np.full_like(y, e), level)
    assert gap.mean() == pytest.approx(0, abs=1e-3)


def test_differences_do_not_depend_on_the_unit() -> None:
    rng = np.random.default_rng(0)
    y, v, e = rng.normal(size=50), -rng.uniform(1, 2, 50), -rng.uniform(2, 3, 50)
    other = fissler_ziegel(y, v, 1.1 * e, 0.05) - fissler_ziegel(y, v, e, 0.05)
    scaled = fissler_ziegel(9 * y, 9 * v, 9.9 * e, 0.05) - fissler_ziegel(9 * y, 9 * v, 9 * e, 0.05)
    np.testing.assert_allclose(scaled, other)


def varied(shape: tuple[int, int], factor: float = 1.0) -> tuple[np.ndarray, StudentT]:
    """Returns of changing volatility, and their law times a factor."""
    rng = np.random.default_rng(1)
    scale = np.exp(0.3 * rng.normal(size=shape))
    law = StudentT(np.zeros(scale.size), factor * scale.ravel(), np.full(scale.size, 200.0))
    return scale * common_shocks(rng, *shape), law


def test_a_true_law_passes_and_a_narrow_one_fails() -> None:
    returns, true = varied((1_500, 12))
    part = cells_of(returns, true=true, narrow=varied((1_500, 12), 0.7)[1])
    table = tail_table([part], ["true", "narrow"])
    good, bad = (table.query("forecaster == @name") for name in ("true", "narrow"))
    assert (good["p"] > 0.01).all()
    assert (good["z2_p"] > 0.01).all()
    assert (good[COUNTED] <= 4).all(axis=None)
    assert (bad["t"] > 5).all()
    assert (bad["z2_t"] < -4).all()
    assert (bad["kupiec"] >= 10).all()
    assert (good["fz0"].to_numpy() < bad["fz0"].to_numpy()).all()
    assert (table[[f"{name}_tested" for name in COUNTED]] == 12).all(axis=None)
    np.testing.assert_allclose(table["kupiec_expected"], 0.6)
    np.testing.assert_allclose(
        bad["hit_rate"], stats.norm.cdf(0.7 * stats.norm.ppf([0.01, 0.05])), atol=0.02
    )


def test_hit_rate_keeps_its_size_where_tickers_and_labels_overlap() -> None:
    rng, p = np.random.default_rng(2), []
    for _ in range(150):
        part = cells_of(common_shocks(rng, 400, 5, 5), 5, law=law_of((400, 5)))
        p.append(tail_table([part], ["law"], (0.05,))["p"][0])
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_long_horizons_have_too_few_separate_labels_for_the_tests() -> None:
    returns = common_shocks(np.random.default_rng(3), 1_000, 3, 21)
    table = tail_table([cells_of(returns, 21, law=law_of(returns.shape))], ["law"])
    assert table[COUNTED].isna().all(axis=None)
    assert (table[[f"{name}_tested" for name in COUNTED]] == 0).all(axis=None)
    assert table[["t", "p", "z2_t", "z2_p"]].isna().all(axis=None)
    assert np.isfinite(table[["hit_rate", "standard_error", "z2", "fz0_error"]]).all(axis=None)


def test_a_shortfall_that_is_no_loss_is_counted_and_left_out() -> None:
    returns = common_shocks(np.random.default_rng(4), 100, 2)
    loc = np.zeros(returns.size)
    loc[5] = 50.0
    law = StudentT(loc, np.ones(returns.size), np.full(returns.size, 200.0))
    table = tail_table([cells_of(returns, law=law)], ["law"])
    assert (table["fz0_undefined"] == 1).all()
    assert np.isfinite(table["fz0"]).all()
