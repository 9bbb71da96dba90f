"""CSCV against its definition, on noise, and where one configuration is good."""

import math
import time
from itertools import combinations

import numpy as np
import pytest
from backtest.statistics.noise import noise_returns
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.overfitting import overfitting


def by_definition(
    returns: np.ndarray, blocks: int
) -> tuple[list[float], list[tuple[float, float]]]:
    """Logits and Sharpe ratios of the best of every split, from the bars themselves."""
    pieces, n = np.array_split(np.arange(len(returns)), blocks), returns.shape[1]
    logits, sharpes = [], []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([pieces[k] for k in half])
        outside = np.concatenate([pieces[k] for k in range(blocks) if k not in half])
        chosen, judged = (performance.sharpe(returns[rows], 1) for rows in (inside, outside))
        best = int(np.argmax(chosen))
        relative = (judged <= judged[best]).sum() / (n + 1)
        logits.append(math.log(relative / (1 - relative)))
        sharpes.append((float(chosen[best]), float(judged[best])))
    return logits, sharpes


@given(seed=st.integers(0, 999), n_bars=st.integers(24, 60), n=st.integers(2, 6), blocks=st.just(6))
@settings(max_examples=15, deadline=None)
def test_against_the_definition(seed: int, n_bars: int, n: int, blocks: int) -> None:
    returns = noise_returns(n_bars, n, seed) + 0.05  # far from zero: sums of squares are large
    found = overfitting(returns, blocks)
    logits, sharpes = by_definition(returns, blocks)
    np.testing.assert_allclose(sorted(found.logits), sorted(logits), atol=1e-12)
    pairs = sorted(zip(found.in_sample, found.out_of_sample, strict=True))
    np.testing.assert_allclose(pairs, sorted(sharpes), rtol=1e-9)
    assert found.probability == np.mean(np.array(logits) <= 1e-12)
    assert found.slope == pytest.approx(np.polyfit(*np.array(sharpes).T, 1)[0], abs=1e-6)


def test_noise_is_as_likely_below_the_median_as_above() -> None:
    found = [overfitting(noise_returns(400, 20, seed)) for seed in range(60)]
    assert np.mean([each.probability for each in found]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([each.loss_probability for each in found]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([each.slope for each in found]) < 0


def test_a_good_configuration_survives() -> None:
    returns = noise_returns(1_000, 50, 0)
    returns[:, 7] += 0.002
    found = overfitting(returns)
    assert found.probability < 0.01
    assert found.loss_probability < 0.01
    assert (found.blocks, found.configurations, len(found.logits)) == (16, 50, 12_870)


def test_idle_configurations_have_a_sharpe_of_zero_and_ties_share_a_rank() -> None:
    losing = noise_returns(400, 5, 0) - 0.01
    idle = np.zeros((400, 3))
    found = overfitting(np.column_stack([losing, idle]))
    assert set(found.out_of_sample) == {0.0}
    assert set(np.round(found.logits, 12)) == {round(math.log((7 / 9) / (2 / 9)), 12)}
    assert found.probability == 0
    constant = overfitting(np.column_stack([losing, np.full((400, 1), 0.001)]))
    assert np.isfinite(constant.in_sample).all()


@pytest.mark.parametrize(("n_bars", "blocks"), [(320, 16), (319, 10), (200, 10), (199, 0)])
def test_blocks_have_enough_bars(n_bars: int, blocks: int) -> None:
    found = overfitting(noise_returns(n_bars, 3, 0))
    assert found.blocks == blocks
    assert math.isnan(found.probability) == (blocks == 0)


def test_one_configuration_cannot_be_overfitted() -> None:
    assert math.isnan(overfitting(noise_returns(400, 1, 0)).probability)


@pytest.mark.parametrize("blocks", [0, 3, 500])
def test_blocks_that_cannot_be_halved(blocks: int) -> None:
    with pytest.raises(ValueError, match=f"{blocks} blocks of 400 bars"):
        overfitting(noise_returns(400, 3, 0), blocks)


def test_a_thousand_configurations_take_seconds() -> None:
    returns = noise_returns(2_500, 1_000, 0)
    began = time.process_time()
    overfitting(returns)
    assert time.process_time() - began < 4  # 0.4 s alone
