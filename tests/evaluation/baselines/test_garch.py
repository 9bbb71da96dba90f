"""GARCH-t: the h-step variances of arch, planted parameters, and the special case of GJR."""

import numpy as np
import pytest
from arch import arch_model

from forecasting.evaluation.baselines import GarchT
from forecasting.evaluation.baselines.garch import GarchParameters
from forecasting.evaluation.baselines.gjr_garch import GjrParameters
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


def planted_returns(n: int, seed: int = 0) -> np.ndarray:
    """Returns of one GARCH(1,1)-t: omega 2e-6, alpha .08, beta .90, df 6."""
    shocks = np.random.default_rng(seed).standard_t(6, n) * np.sqrt(4 / 6)
    returns, variance = np.empty(n), 1e-4
    for t, shock in enumerate(shocks):
        returns[t] = np.sqrt(variance) * shock
        variance = 2e-6 + 0.08 * returns[t] ** 2 + 0.90 * variance
    return returns


@pytest.mark.parametrize("gamma", [0.0, 0.05])
def test_summed_variance_is_that_of_arch(gamma: float) -> None:
    returns = planted_returns(1_000)
    order = int(gamma > 0)
    model = arch_model(
        100 * returns, mean="Zero", vol="GARCH", p=1, o=order, q=1, dist="t", rescale=False
    )
    values = [0.02, 0.06, *([gamma] * order), 0.90, 6.0]
    theirs = model.fix(values).forecast(horizon=21, start=600).variance.to_numpy() / 1e4
    ours = GarchParameters(0.02e-4, 0.06, gamma, 0.90)
    variance = ours.filter_variance(np.append(np.nan, returns))[1:][600:]
    for horizon in (1, 5, 21):
        expected = theirs[:, :horizon].sum(axis=1)
        np.testing.assert_allclose(ours.sum_variance(variance, horizon), expected, rtol=1e-6)


def test_planted_parameters_are_recovered() -> None:
    found = GarchParameters.fit(planted_returns(8_000), 21)
    assert found is not None
    assert found.converged
    assert found.gamma == 0
    assert found.alpha == pytest.approx(0.08, abs=0.02)
    assert found.persistence == pytest.approx(0.98, abs=0.01)


def test_it_is_the_symmetric_case_of_gjr() -> None:
    returns = planted_returns(3_000)
    symmetric, other = GarchParameters.fit(returns, 21), GjrParameters.fit(returns, 21)
    assert symmetric is not None
    assert other is not None
    assert abs(other.gamma) < 0.06
    assert other.persistence == pytest.approx(symmetric.persistence, abs=0.02)


def test_law_is_the_filtered_variance_times_the_calibration(prices: Panel) -> None:
    sequences = make_sequences(prices)
    baseline = GarchT.fit(sequences, sequences.label_end.max(axis=1) < 500)
    returns = np.diff(np.log(prices.column("adj_close")[:, 0]), prepend=np.nan)
    mine = baseline.parameters["AAA"]
    summed = mine.sum_variance(mine.filter_variance(returns), 5)
    expected = np.sqrt(summed[300]) * baseline.calibration.scale[1]
    assert baseline.forecast(prices).law.scale[300, 0, 1] == pytest.approx(expected)
