"""Rolling-volatility-t: windows by hand, the choice of their length, prices that stand still."""

from collections.abc import Callable

import numpy as np
import pytest

from forecasting.evaluation.baselines import RollingVolatilityT
from forecasting.evaluation.baselines.rolling_volatility import LENGTHS, window_ratio
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences

MakePanel = Callable[[np.ndarray], Panel]


def known(sequences: Sequences) -> np.ndarray:
    return np.isfinite(sequences.targets).all(axis=1)


@pytest.mark.parametrize("length", LENGTHS)
def test_ratio_is_the_mean_square_over_that_of_the_ewma(prices: Panel, length: int) -> None:
    sequences = make_sequences(prices)
    ratio = window_ratio(sequences, length, 0.94)
    for row in (0, 10, 300, len(ratio) - 1):
        price = prices.column("adj_close")[: sequences.origin[row] + 1, sequences.ticker[row]]
        returns = np.diff(np.log(price[np.isfinite(price)]))[-length:]
        variance = np.mean(returns**2) + 0.01 * sequences.volatility[row] ** 2
        assert ratio[row] == pytest.approx(np.sqrt(variance) / sequences.volatility[row])


def test_constant_volatility_wants_the_longest_window(make_panel: MakePanel) -> None:
    steps = 0.01 * np.random.default_rng(5).standard_t(5, (3_000, 3))
    sequences = make_sequences(make_panel(steps))
    baseline = RollingVolatilityT.fit(sequences, known(sequences))
    assert baseline.lengths[0] == 252
    law = baseline.laws(sequences)
    assert np.median(law.scale[:, 0]) == pytest.approx(0.01, rel=0.05)
    assert baseline.calibration.df[0] == pytest.approx(5, rel=0.15)


def test_volatility_that_jumps_wants_a_short_window(make_panel: MakePanel) -> None:
    rng = np.random.default_rng(6)
    level = np.repeat(np.exp(rng.normal(-4.5, 1, 150)), 20)[:, None]
    sequences = make_sequences(make_panel(level * rng.standard_normal((3_000, 3))))
    assert RollingVolatilityT.fit(sequences, known(sequences)).lengths[0] <= 10


def test_scale_is_positive_where_no_price_moved(make_panel: MakePanel) -> None:
    steps = 0.01 * np.random.default_rng(7).standard_t(5, (800, 2))
    steps[600:630, 0] = 0
    sequences = make_sequences(make_panel(steps))
    baseline = RollingVolatilityT.fit(sequences, known(sequences))
    baseline.lengths = (5, 5, 5)
    laws = baseline.laws(sequences)
    assert (laws.scale > 0).all()
    assert np.isfinite(laws.scale).all()
