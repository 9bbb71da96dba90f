"""Climatology-t: an expanding mean by hand, planted laws, tickers that are new."""

from collections.abc import Callable

import numpy as np
import pytest

from forecasting.evaluation.baselines import ClimatologyT
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences

MakePanel = Callable[[np.ndarray], Panel]


def fitted(panel: Panel) -> ClimatologyT:
    sequences = make_sequences(panel)
    return ClimatologyT.fit(sequences, np.isfinite(sequences.targets).all(axis=1))


def test_scale_is_the_shrunk_expanding_mean(prices: Panel) -> None:
    sequences = make_sequences(prices)
    rows = sequences.last_label < 450
    baseline = ClimatologyT.fit(sequences, rows)
    forecast = baseline.forecast(prices)
    one_bar = (sequences.targets * sequences.return_scale())[rows, 0]
    assert baseline.prior == pytest.approx(np.mean(one_bar**2))
    price = prices.column("adj_close")[:501, 2]
    returns = np.diff(np.log(price[np.isfinite(price)]))
    weight = baseline.prior_bars
    variance = (weight * baseline.prior + np.sum(returns**2)) / (weight + len(returns))
    for j, h in enumerate((1, 5, 21)):
        expected = np.sqrt(h * variance) * baseline.calibration.scale[j]
        assert forecast.law.scale[500, 2, j] == pytest.approx(expected)
        assert forecast.law.loc[500, 2, j] == pytest.approx(h * baseline.mean)


def test_planted_law_is_recovered(make_panel: MakePanel) -> None:
    wide = np.array([0.01, 0.02, 0.03])
    steps = wide * np.random.default_rng(5).standard_t(5, (3_000, 3))
    panel = make_panel(steps)
    last = fitted(panel).forecast(panel).law.scale[-1]
    np.testing.assert_allclose(last[:, 0], wide, rtol=0.1)
    assert fitted(panel).calibration.df[0] == pytest.approx(5, rel=0.15)


@pytest.mark.parametrize("drift", [0.0, 0.003])
def test_a_drift_is_taken_where_there_is_one(make_panel: MakePanel, drift: float) -> None:
    steps = drift + 0.01 * np.random.default_rng(1).standard_t(6, (2_000, 4))
    baseline = fitted(make_panel(steps))
    assert baseline.mean == pytest.approx(drift, abs=5e-4)


def test_the_prior_weighs_more_where_tickers_are_alike(make_panel: MakePanel) -> None:
    shocks = np.random.default_rng(2).standard_t(6, (700, 12))
    alike = fitted(make_panel(0.01 * shocks))
    different = fitted(make_panel(np.geomspace(0.002, 0.05, 12) * shocks))
    assert alike.prior_bars > different.prior_bars


def test_a_ticker_that_was_not_trained_on_has_a_forecast(prices: Panel) -> None:
    sequences = make_sequences(prices.select(["AAA", "BBB"]))
    baseline = ClimatologyT.fit(sequences, sequences.last_label < 450)
    assert baseline.forecast(prices).mask[:, 3].any()
