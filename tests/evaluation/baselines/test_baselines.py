"""What holds for every baseline: the protocol, causality to the last bit, sane laws."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from forecasting.evaluation.baselines import BASELINES, Baseline
from forecasting.evaluation.baselines.baseline import Calibration, weighted_sum
from forecasting.evaluation.baselines.garch_family import GarchBaseline
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.panel import COLUMNS, PRICE_COLUMNS, Panel
from forecasting.market.sequences import Sequences, make_sequences

TEST_START, NOW = 450, 520


def training_rows(sequences: Sequences) -> np.ndarray:
    return sequences.label_end.max(axis=1) < TEST_START


def fitted(kind: type[Baseline], prices: Panel) -> Baseline:
    sequences = make_sequences(prices)
    return kind.fit(sequences, training_rows(sequences))


@pytest.fixture(scope="module", params=["ohlcv", "close"])
def market(request: pytest.FixtureRequest, prices: Panel, close_only: Panel) -> Panel:
    return prices if request.param == "ohlcv" else close_only


@pytest.fixture(scope="module", params=BASELINES, ids=lambda kind: kind.name)
def baseline(request: pytest.FixtureRequest, market: Panel) -> Baseline:
    return fitted(request.param, market)


def noise(values: np.ndarray) -> np.ndarray:
    """Other prices, still with the high above and the low below the rest."""
    factor = np.exp(np.random.default_rng(9).normal(0, 0.2, values.shape[:2]))
    changed = values.copy()
    for name in PRICE_COLUMNS:
        changed[:, :, COLUMNS.index(name)] *= factor
    return changed


FUTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "noise": noise,
    "x1000": lambda values: values * 1_000,
    "missing": lambda values: np.full_like(values, np.nan),
    "removed": lambda values: values[:0],
}


@pytest.mark.parametrize("future", FUTURES)
def test_the_past_is_the_same_to_the_last_bit_whatever_comes(
    baseline: Baseline, market: Panel, future: str
) -> None:
    after = FUTURES[future](market.values[NOW + 1 :])
    changed = replace(
        market,
        times=market.times[: NOW + 1 + len(after)],
        values=np.concatenate([market.values[: NOW + 1], after]),
    )
    before, now = baseline.forecast(market), baseline.forecast(changed)
    for name in ("loc", "scale", "df"):
        past = getattr(before.law, name)[: NOW + 1]
        np.testing.assert_array_equal(getattr(now.law, name)[: NOW + 1], past)
    assert before.mask[NOW].sum() >= 3


@pytest.mark.parametrize("kind", BASELINES, ids=lambda kind: kind.name)
def test_fit_ignores_what_is_not_known_when_the_test_starts(
    kind: type[Baseline], market: Panel
) -> None:
    values = np.concatenate([market.values[:TEST_START], noise(market.values[TEST_START:])])
    one = fitted(kind, market).forecast(market)
    other = fitted(kind, replace(market, values=values)).forecast(market)
    for name in ("loc", "scale", "df"):
        np.testing.assert_allclose(getattr(other.law, name), getattr(one.law, name), rtol=1e-12)


def test_is_a_forecaster_of_every_complete_bar(baseline: Baseline, market: Panel) -> None:
    forecast = baseline.forecast(market)
    sequences = make_sequences(market)
    rows = np.zeros(market.mask.shape, dtype=bool)
    rows[sequences.origin, sequences.ticker] = True
    assert isinstance(baseline, Forecaster)
    assert forecast.name == baseline.name
    assert forecast.horizons == (1, 5, 21)
    if not isinstance(baseline, GarchBaseline):
        np.testing.assert_array_equal(forecast.mask, rows)
    assert (forecast.law.scale[forecast.mask] > 0).all()
    assert (forecast.law.df[forecast.mask] > 2).all()
    assert (np.diff(forecast.volatility[forecast.mask], axis=-1) > 0).mean() > 0.99


def test_rows_and_panel_give_the_same_forecast(baseline: Baseline, market: Panel) -> None:
    rows = baseline.forecast_rows(make_sequences(market))
    np.testing.assert_array_equal(rows.law.scale, baseline.forecast(market).law.scale)


def test_calibration_fits_each_horizon_by_itself() -> None:
    rng = np.random.default_rng(0)
    residuals = rng.standard_t([4, 8], (50_000, 2)) * [0.5, 2.0]
    calibration = Calibration.of(residuals)
    np.testing.assert_allclose(calibration.scale, [0.5, 2.0], rtol=0.03)
    np.testing.assert_allclose(calibration.df, [4, 8], rtol=0.1)


def test_weighted_sum_is_the_matrix_product() -> None:
    rng = np.random.default_rng(1)
    columns, weights = rng.normal(size=(100, 7)), rng.normal(size=7)
    np.testing.assert_allclose(weighted_sum(columns, weights), columns @ weights, rtol=1e-12)
