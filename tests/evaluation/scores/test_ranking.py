"""The ranking table: deciles against a loop, size on noise, and stated reasons for no number."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.evaluation.scores.deciles import decile_spread
from forecasting.evaluation.scores.ranking import ranking_table
from forecasting.forecast.law import Law
from forecasting.forecast.student_t import StudentT


def scored(score: np.ndarray) -> Law:
    return StudentT(score.ravel(), np.ones(score.size), np.full(score.size, 5.0))


@settings(max_examples=10)
@given(seed=st.integers(0, 1_000), horizon=st.integers(1, 3), wide=st.sampled_from([50, 57, 80]))
def test_deciles_equal_a_loop(seed: int, horizon: int, wide: int) -> None:
    rng = np.random.default_rng(seed)
    score, returns = rng.normal(size=(2, 8, wide))
    spread, turnover = decile_spread(cells_of(returns, horizon), score.ravel())
    tenth, held = round(wide / 10), []
    for t in range(8):
        order = np.argsort(score[t])
        low, high = order[:tenth], order[-tenth:]
        assert spread[t] == pytest.approx(returns[t, high].mean() - returns[t, low].mean())
        held.append((set(low), set(high)))
        if t < horizon:
            assert np.isnan(turnover[t])
        else:
            new = [
                len(now - was) / tenth for now, was in zip(held[t], held[t - horizon], strict=True)
            ]
            assert turnover[t] == pytest.approx(np.mean(new))


def test_a_planted_order_is_found_and_annualised() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(size=(400, 60))
    returns = 0.1 * score + common_shocks(rng, 400, 60)
    row = ranking_table([cells_of(returns, law=scored(score))], ["law"], 252).iloc[0]
    # The shared half of the shocks is the same for all tickers and disturbs no order.
    assert row["ic"] == pytest.approx(0.1 / np.sqrt(0.51), abs=0.02)
    assert row["rank_ic"] == pytest.approx(row["ic"], abs=0.02)
    assert min(row["ic_t"], row["rank_ic_t"], row["spread_t"]) > 5
    assert row["icir"] == pytest.approx(row["ic"] * np.sqrt(59), abs=0.2)
    assert row["icir_annual"] == pytest.approx(row["icir"] * np.sqrt(252))
    assert row["turnover"] == pytest.approx(0.9, abs=0.02)
    assert row["status"] == ""
    assert (row["tickers"], row["n_dates"]) == (60, 400)


def test_a_stable_score_has_no_turnover() -> None:
    rng = np.random.default_rng(1)
    score = np.repeat(rng.normal(size=(1, 60)), 100, axis=0)
    part = cells_of(common_shocks(rng, 100, 60), law=scored(score))
    assert ranking_table([part], ["law"], 252)["turnover"][0] == 0


def test_noise_is_rarely_claimed() -> None:
    rng, p = np.random.default_rng(2), []
    for _ in range(100):
        # A score that lasts, and labels that overlap.
        score = np.repeat(rng.normal(size=(20, 50)), 10, axis=0)
        part = cells_of(common_shocks(rng, 200, 50, 5), 5, law=scored(score))
        p.append(ranking_table([part], ["law"], 252)["rank_ic_p"][0])
    assert np.mean(np.array(p) < 0.05) < 0.12


@pytest.mark.parametrize(
    ("n", "wide", "constant", "status"),
    [
        (100, 49, False, "NOT ENOUGH DATA: at most 49 tickers a date, expected at least 50"),
        (19, 50, False, "NOT ENOUGH DATA: 19 dates with 50 tickers, expected at least 20"),
        (100, 50, True, "NO ORDER: the forecast differs on 0 dates only"),
    ],
)
def test_no_number_without_data_or_order(n: int, wide: int, constant: bool, status: str) -> None:
    returns = common_shocks(np.random.default_rng(3), n, wide)
    law = law_of(returns.shape, loc=0.1) if constant else scored(returns)
    row = ranking_table([cells_of(returns, law=law)], ["law"], 252).iloc[0]
    assert row["status"] == status
    numbers = row.drop(["forecaster", "horizon", "tickers", "n_dates", "status"]).astype(float)
    assert numbers.isna().all()
