"""Boosted-trees-t: planted interactions, nothing where nothing is, the same bits every time."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from forecasting.evaluation.baselines import BoostedTreesT, EwmaT, LinearT
from forecasting.evaluation.baselines.log_har import future_log_variance
from forecasting.evaluation.baselines.tuning import tuning_slice
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences


def known(sequences: Sequences) -> np.ndarray:
    return np.isfinite(sequences.targets).all(axis=1)


def test_nothing_is_found_in_a_random_walk_beyond_its_mean(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk)
    rows = known(sequences)
    spread = {}
    for kind in (BoostedTreesT, EwmaT):
        scale = kind.fit(sequences, rows).laws(sequences).scale[:, 2]
        spread[kind.name] = np.log(scale).std()
    # The true volatility is constant: the forecast that moves less is closer to it.
    assert spread["boosted-trees-t"] < 0.8 * spread["EWMA-t"]


def test_an_interaction_is_found_that_a_linear_model_cannot_see(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk)
    rows, response = known(sequences), future_log_variance(sequences, 0.94)[:, 2]
    one = np.random.default_rng(0).choice([-1, 1], len(rows))
    # Each of the two says nothing; their product says whether the next month is a wild one.
    sequences.features[:, 0] = one
    sequences.features[:, 1] = one * np.sign(np.nan_to_num(response - np.nanmedian(response)))
    moves = {}
    for kind in (BoostedTreesT, LinearT):
        laws = kind.fit(sequences, rows).laws(sequences)[rows, 2]
        ratio = laws.scale / sequences.return_scale()[rows, 2]
        moves[kind.name] = np.corrcoef(np.log(ratio), response[rows])[0, 1]
    assert moves["boosted-trees-t"] > moves["linear-t"] + 0.1


def test_stops_and_calibrates_on_rows_that_no_tree_has_seen(prices: Panel) -> None:
    sequences = make_sequences(prices)
    rows = sequences.last_label < 500
    fit_rows, choose_rows = tuning_slice(sequences, rows)
    baseline = BoostedTreesT.fit(sequences, rows)
    response = future_log_variance(sequences, 0.94)
    for j, tree in enumerate(baseline.trees):
        again = HistGradientBoostingRegressor(**tree.get_params() | {"early_stopping": False})
        again.set_params(max_iter=tree.n_iter_)
        again.fit(sequences.features[fit_rows], response[fit_rows, j])
        np.testing.assert_allclose(
            again.predict(sequences.features), tree.predict(sequences.features), rtol=1e-9
        )
    law = baseline.laws(sequences)
    ratio = sequences.targets * sequences.return_scale() / law.scale
    # Half of a Student-t lies within 0.72 scales at six degrees of freedom.
    inside = (np.abs(ratio[choose_rows]) < 0.72).mean()
    assert inside == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_rows_give_the_same_bits(prices: Panel, threads: int) -> None:
    sequences = make_sequences(prices)
    rows = sequences.last_label < 500
    expected = BoostedTreesT.fit(sequences, rows).laws(sequences)
    with threadpool_limits(threads, user_api="openmp"):
        again = BoostedTreesT.fit(sequences, rows).laws(sequences)
    np.testing.assert_array_equal(again.scale, expected.scale)
    np.testing.assert_array_equal(again.df, expected.df)
