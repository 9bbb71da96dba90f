"""EWMA-t is the EWMA volatility times a constant."""

import numpy as np
import pytest

from forecasting.evaluation.baselines import EwmaT
from forecasting.forecast.fit import fit_student_t
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.volatility import ewma_volatility


def test_scale_is_the_calibrated_volatility(close_only: Panel) -> None:
    sequences = make_sequences(close_only, decay=0.9)
    rows = sequences.label_end.max(axis=1) < 400
    forecast = EwmaT.fit(sequences, rows, decay=0.9).forecast(close_only)
    returns = np.diff(np.log(close_only.column("adj_close")[:, 0]), prepend=np.nan)
    volatility = ewma_volatility(returns, 0.9)
    for j, h in enumerate((1, 5, 21)):
        fit = fit_student_t(sequences.targets[rows, j])
        expected = fit.scale * volatility[300] * np.sqrt(h)
        assert forecast.law.scale[300, 0, j] == pytest.approx(expected)
        assert forecast.law.df[300, 0, j] == pytest.approx(fit.df)
    assert (forecast.law.loc[forecast.mask] == 0).all()


def test_planted_law_is_recovered(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk, decay=0.99)
    baseline = EwmaT.fit(sequences, np.isfinite(sequences.targets).all(axis=1), decay=0.99)
    volatility = baseline.forecast(random_walk).volatility[1_000]
    truth = 0.01 * np.sqrt(5 / 3)
    np.testing.assert_allclose(volatility[:, 0], truth, rtol=0.2)
    np.testing.assert_allclose(volatility[:, 1], truth * np.sqrt(5), rtol=0.2)
    assert baseline.calibration.df[0] == pytest.approx(5, rel=0.3)
