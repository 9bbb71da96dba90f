"""Berkowitz' test against statsmodels; size where tickers move together and labels overlap."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of
from scipy import stats
from statsmodels.regression.linear_model import OLS

from forecasting.evaluation.scores.calibration import (
    berkowitz,
    coverage_table,
    normal_scores,
    normality_table,
)
from forecasting.forecast.student_t import StudentT


def test_likelihood_ratio_equals_least_squares_of_statsmodels() -> None:
    z = np.random.default_rng(0).normal(0.1, 1.1, 300)
    fit = OLS(z[1:], np.column_stack([np.ones(299), z[:-1]])).fit()
    ratio = 2 * (fit.llf - stats.norm.logpdf(z[1:]).sum())
    test = berkowitz(z)
    assert test.statistic == pytest.approx(ratio)
    assert test.p == pytest.approx(stats.chi2.sf(ratio, 3))


def test_likelihood_ratio_has_its_size_and_finds_a_wrong_law() -> None:
    rng = np.random.default_rng(1)
    rejected = np.mean([berkowitz(rng.normal(size=250)).p < 0.05 for _ in range(600)])
    assert 0.03 < rejected < 0.08
    for wrong in (0.3 + rng.normal(size=500), 1.3 * rng.normal(size=500)):
        assert berkowitz(wrong).p < 0.001


@pytest.mark.parametrize("z", [np.zeros(0), np.zeros(19), np.zeros(50), np.full(50, np.inf)])
def test_likelihood_ratio_of_nothing_is_nan(z: np.ndarray) -> None:
    assert np.isnan([berkowitz(z).statistic, berkowitz(z).p]).all()


def test_normal_scores_are_exact_in_both_tails() -> None:
    z = np.array([[-30.0, -8.0, 0.0, 8.0, 30.0]])
    part = cells_of(z, law=StudentT(*(np.full(5, x) for x in (0.0, 1.0, 5.0))))
    found = normal_scores(part, "law")
    np.testing.assert_allclose(found, -found[::-1])
    assert np.isfinite(found).all()


@pytest.mark.parametrize("horizon", [1, 5])
def test_panel_test_keeps_its_size(horizon: int) -> None:
    rng, p, alone = np.random.default_rng(horizon), [], []
    for _ in range(150):
        part = cells_of(common_shocks(rng, 300, 5, horizon), horizon, law=law_of((300, 5)))
        p.append(normality_table([part], ["law"])["p"][0])
        alone.append(berkowitz(normal_scores(part, "law")).p)
    assert np.mean(np.array(p) < 0.05) < 0.09
    # What is wrong with the textbook's test on all cells, as if they were one series:
    assert np.mean(np.array(alone) < 0.05) > 0.5


@pytest.mark.parametrize(
    ("scale", "loc", "moment", "sign"),
    [(0.8, 0, "variance_t", 1), (1.25, 0, "variance_t", -1), (1, -0.3, "mean_t", 1)],
)
def test_panel_test_says_what_is_wrong(scale: float, loc: float, moment: str, sign: int) -> None:
    returns = common_shocks(np.random.default_rng(2), 600, 5)
    part = cells_of(returns, law=law_of(returns.shape, scale, loc))
    row = normality_table([part], ["law"]).iloc[0]
    assert sign * row[moment] > 3
    assert row["p"] < 0.01


def test_panel_test_finds_dependence() -> None:
    shocks = common_shocks(np.random.default_rng(3), 601, 5)
    returns = (shocks[1:] + 0.4 * shocks[:-1]) / np.sqrt(1.16)
    part = cells_of(returns, law=law_of(returns.shape))
    row = normality_table([part], ["law"]).iloc[0]
    assert row["dependence_t"] > 3
    assert row["dependence"] == pytest.approx(0.4 / 1.16, abs=0.1)


def test_an_outcome_without_probability_is_counted_and_not_averaged_away() -> None:
    returns = common_shocks(np.random.default_rng(4), 100, 2)
    returns[7, 1] = 1e5
    row = normality_table([cells_of(returns, law=law_of(returns.shape))], ["law"]).iloc[0]
    assert row["impossible"] == 1
    assert np.isnan(row[["mean", "variance", "p"]].astype(float)).all()


def test_coverage_of_the_true_law_and_of_one_too_narrow() -> None:
    returns = common_shocks(np.random.default_rng(5), 800, 10)
    laws = {"true": law_of(returns.shape), "narrow": law_of(returns.shape, scale=0.7)}
    table = coverage_table([cells_of(returns, **laws)], ["true", "narrow"])
    true, narrow = (table.query("forecaster == @name") for name in laws)
    assert table["level"].tolist() == [0.5, 0.8, 0.9, 0.95] * 2
    assert (true["t"].abs() < 3).all()
    np.testing.assert_allclose(
        narrow["coverage"], 2 * stats.norm.cdf(0.7 * stats.norm.ppf(0.5 + true["level"] / 2)) - 1,
        atol=0.03,
    )  # fmt: skip
    assert (narrow["p"] < 0.001).all()
    np.testing.assert_allclose(narrow["width"], 0.7 * true["width"].to_numpy())


def test_error_bars_do_not_shrink_with_copies_of_a_ticker() -> None:
    returns = common_shocks(np.random.default_rng(6), 200, 1)
    many = np.repeat(returns, 8, axis=1)
    one, eight = (
        coverage_table([cells_of(table, law=law_of(table.shape))], ["law"])
        for table in (returns, many)
    )
    np.testing.assert_allclose(one["standard_error"], eight["standard_error"])


def test_too_few_dates_give_no_test() -> None:
    returns = common_shocks(np.random.default_rng(7), 24, 3, 5)
    part = cells_of(returns, 5, law=law_of(returns.shape))
    coverage, normality = coverage_table([part], ["law"]), normality_table([part], ["law"])
    assert coverage[["standard_error", "t", "p"]].isna().all(axis=None)
    assert normality[["mean_t", "variance_t", "dependence_t", "p"]].isna().all(axis=None)
    assert coverage["coverage"].notna().all()
