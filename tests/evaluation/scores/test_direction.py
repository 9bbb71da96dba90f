"""Calls up or down: Pesaran and Timmermann's formula, its panel twin's size, and the base rate."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.conftest import panel_of
from evaluation.scores.panels import cells_of, common_shocks, law_of
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.scores.direction import (
    call_test,
    direction_table,
    pesaran_timmermann,
    up_rates,
)
from forecasting.forecast.student_t import StudentT


@given(seed=st.integers(0, 1_000), n=st.integers(10, 200))
def test_pesaran_timmermann_equals_the_paper_term_by_term(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    calls, up = rng.random(n) < 0.6, rng.random(n) < 0.55
    p, x, y = np.mean(calls == up), calls.mean(), up.mean()
    star = y * x + (1 - y) * (1 - x)
    of_p = star * (1 - star) / n
    of_star = (2 * y - 1) ** 2 * x * (1 - x) / n + (2 * x - 1) ** 2 * y * (1 - y) / n
    of_star += 4 * y * x * (1 - y) * (1 - x) / n**2
    if 0 < x < 1 and 0 < y < 1:
        assert pesaran_timmermann(calls, up) == pytest.approx((p - star) / np.sqrt(of_p - of_star))


def test_calls_that_are_all_alike_have_no_statistic() -> None:
    up = np.random.default_rng(0).random(50) < 0.5
    assert np.isnan(pesaran_timmermann(np.ones(50, bool), up))
    assert np.isnan(pesaran_timmermann(up, np.zeros(50, bool)))
    assert np.isnan(pesaran_timmermann(up[:1], up[:1]))


def market_calls(rng: np.random.Generator, n: int, wide: int) -> np.ndarray:
    """Calls that are the same for all tickers of a date, as a market view is."""
    return np.repeat(rng.normal(size=(n, 1)), wide, axis=1)


def test_panel_test_keeps_its_size_where_calls_and_tickers_move_together() -> None:
    rng, p, naive = np.random.default_rng(1), [], []
    for _ in range(300):
        returns, calls = common_shocks(rng, 250, 8), market_calls(rng, 250, 8) > 0.3
        part, up = cells_of(returns + 0.3, law=law_of(returns.shape)), (returns + 0.3 > 0).ravel()
        p.append(call_test(calls.ravel().astype(float), up.astype(float), part).p)
        naive.append(abs(pesaran_timmermann(calls.ravel(), up)) > 1.96)
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09
    assert np.mean(naive) > 0.2


def test_a_seer_is_found_and_always_up_has_no_skill() -> None:
    returns = 0.2 + common_shocks(np.random.default_rng(2), 600, 5)
    known = StudentT(0.3 * returns.ravel(), np.ones(returns.size), np.full(returns.size, 200.0))
    part = cells_of(returns, seer=known, bull=law_of(returns.shape, loc=0.2))
    table = direction_table([part], ["seer", "bull"], {1: 0.55}).set_index("forecaster")
    seer, bull = table.loc["seer"], table.loc["bull"]
    assert seer["skill"] > 0.1
    assert min(seer["skill_t"], seer["accuracy_t"], seer["timing_t"]) > 5
    assert seer["accuracy"] == pytest.approx(1)
    assert bull["accuracy"] == pytest.approx(bull["always_up"])
    assert np.isnan(bull[["accuracy_t", "timing_t"]].astype(float)).all()
    assert bull["resolution"] == pytest.approx(0)
    assert seer["brier"] == pytest.approx(
        seer["reliability"] - seer["resolution"] + seer["uncertainty"] + seer["within"]
    )


def test_a_law_without_location_calls_nothing() -> None:
    returns = common_shocks(np.random.default_rng(3), 100, 3)
    row = direction_table([cells_of(returns, law=law_of(returns.shape))], ["law"]).iloc[0]
    assert row["called"] == 0
    assert np.isnan(row[["accuracy", "always_up", "accuracy_t", "timing_t"]].astype(float)).all()
    assert row["brier"] == pytest.approx(0.25)


def test_base_rate_says_where_it_comes_from() -> None:
    returns = 0.2 + common_shocks(np.random.default_rng(4), 100, 3)
    part = cells_of(returns, law=law_of(returns.shape, loc=0.1))
    own, given_ = (direction_table([part], ["law"], rate).iloc[0] for rate in (None, {1: 0.5}))
    assert own["base_rate"] == pytest.approx((returns > 0).mean())
    assert (own["base_rate_of"], given_["base_rate_of"]) == ("test span", "training span")
    assert given_["skill"] > own["skill"]


def test_up_rates_use_only_labels_that_end_in_the_span() -> None:
    steps = np.random.default_rng(5).normal(0.001, 0.01, (300, 3))
    panel = panel_of(steps)
    rates = up_rates(panel, (1, 5, 400))
    assert rates[1] == pytest.approx((steps > 0).mean())
    sums = np.lib.stride_tricks.sliding_window_view(steps, 5, axis=0).sum(axis=-1)
    assert rates[5] == pytest.approx((sums > 0).mean())
    assert np.isnan(rates[400])


def test_up_rates_leave_out_what_a_ticker_did_before_it_was_a_member() -> None:
    steps = np.full((200, 2), -0.01)
    steps[:100, 1] = 0.01
    member = np.ones((201, 2), dtype=bool)
    member[:100, 1] = False
    panel = panel_of(steps)
    assert up_rates(panel, (1,))[1] == pytest.approx(0.25)
    assert up_rates(replace(panel, member=member), (1,))[1] == 0.0
