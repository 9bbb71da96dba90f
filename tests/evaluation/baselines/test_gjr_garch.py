"""GJR-GARCH-t: recursion against a loop and arch, planted parameters, tickers without a fit."""

from typing import Any

import numpy as np
import pytest
from arch import arch_model

from forecasting.errors import DataError
from forecasting.evaluation.baselines import EgarchT, GarchT, GjrGarchT, garch_family
from forecasting.evaluation.baselines.garch_family import GarchBaseline
from forecasting.evaluation.baselines.gjr_garch import GjrParameters
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.volatility import WARM_UP

FAMILY = pytest.mark.parametrize("kind", [GarchT, GjrGarchT, EgarchT], ids=lambda kind: kind.name)
PLANTED = GjrParameters(omega=2e-6, alpha=0.03, gamma=0.10, beta=0.90)


def returns_of(panel: Panel, ticker: int) -> np.ndarray:
    return np.diff(np.log(panel.column("adj_close")[:, ticker]), prepend=np.nan)


def test_filter_equals_a_loop(gjr_market: Panel) -> None:
    returns = returns_of(gjr_market, 0)[:400]
    variance = np.full(len(returns), np.nan)
    variance[WARM_UP] = np.mean(returns[1 : WARM_UP + 1] ** 2)
    for t in range(WARM_UP + 1, len(returns)):
        impact = PLANTED.alpha + (PLANTED.gamma if returns[t] < 0 else 0)
        variance[t] = PLANTED.omega + impact * returns[t] ** 2 + PLANTED.beta * variance[t - 1]
    np.testing.assert_allclose(PLANTED.filter_variance(returns), variance, rtol=1e-12)
    assert np.isnan(PLANTED.filter_variance(returns[:WARM_UP])).all()


def test_filter_equals_arch_once_the_start_is_forgotten(gjr_market: Panel) -> None:
    returns = returns_of(gjr_market, 0)
    model = arch_model(
        100 * returns[1:], mean="Zero", vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False
    )
    fixed = model.fix([PLANTED.omega * 1e4, PLANTED.alpha, PLANTED.gamma, PLANTED.beta, 6.0])
    # arch's volatility is that of the bar itself, ours that of the bar after it.
    theirs = (fixed.conditional_volatility[500:] / 100) ** 2
    np.testing.assert_allclose(PLANTED.filter_variance(returns)[500:-1], theirs, rtol=1e-6)


@pytest.mark.parametrize("persistence", [0.5, 0.98, 1.0])
def test_summed_variance_is_the_sum_of_the_expected_ones(persistence: float) -> None:
    parameters = GjrParameters(1e-6, 0.02, 0.06, persistence - 0.05)
    expected, v = 0.0, 3e-4
    for _ in range(21):
        expected += v
        v = 1e-6 + persistence * v
    assert parameters.sum_variance(np.array([3e-4]), 21)[0] == pytest.approx(expected)
    assert parameters.sum_variance(np.array([3e-4]), 1)[0] == pytest.approx(3e-4)


def test_planted_parameters_and_law_are_recovered(gjr_market: Panel) -> None:
    sequences = make_sequences(gjr_market)
    baseline = GjrGarchT.fit(sequences, np.isfinite(sequences.targets).all(axis=1))
    for found in baseline.parameters.values():
        assert found.converged
        assert found.persistence == pytest.approx(PLANTED.persistence, abs=0.015)
        assert found.gamma == pytest.approx(PLANTED.gamma, abs=0.04)
    truth = np.sqrt(PLANTED.filter_variance(returns_of(gjr_market, 1)))
    ratio = baseline.forecast(gjr_market).volatility[200:, 1, 0] / truth[200:]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert ratio.std() < 0.05
    assert baseline.calibration.df[0] == pytest.approx(6, rel=0.25)


def test_fit_follows_the_unit(gjr_market: Panel) -> None:
    returns = returns_of(gjr_market, 0)[1:1_500]
    one, many = (GjrParameters.fit(unit * returns, 21) for unit in (1, 1_000))
    assert one is not None
    assert many is not None
    assert many.omega == pytest.approx(1e6 * one.omega, rel=1e-3)
    assert many.beta == pytest.approx(one.beta, rel=1e-3)


@FAMILY
def test_ticker_with_a_short_history_has_no_forecast_and_a_note(
    kind: type[GarchBaseline], prices: Panel
) -> None:
    sequences = make_sequences(prices)
    baseline = kind.fit(sequences, sequences.label_end.max(axis=1) < 400)
    forecast = baseline.forecast(prices)
    assert "DDD" not in baseline.parameters
    assert not forecast.mask[:, 3].any()
    assert forecast.mask[:, :3].any(axis=0).all()
    assert forecast.notes[0].startswith(f"No {kind.name} for DDD")


@FAMILY
def test_no_ticker_with_enough_bars_is_an_error_with_a_way_out(
    kind: type[GarchBaseline], prices: Panel
) -> None:
    sequences = make_sequences(prices)
    name = kind.name.removesuffix("-t")
    with pytest.raises(DataError, match=f"no ticker has 250 bars .* {name} .* Start the test"):
        kind.fit(sequences, sequences.label_end.max(axis=1) < 200)


def test_a_search_that_stops_early_is_noted(prices: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurried(model: Any, start: np.ndarray | None) -> Any:
        return model.fit(
            disp="off", show_warning=False, starting_values=start, options={"maxiter": 1}
        )

    monkeypatch.setattr(garch_family, "_search", hurried)
    sequences = make_sequences(prices)
    baseline = GjrGarchT.fit(sequences, sequences.label_end.max(axis=1) < 500)
    notes = baseline.forecast(prices.select(["AAA", "BBB"])).notes
    assert notes == (
        "The GJR-GARCH-t fit of AAA, BBB did not converge; its last parameters are used.",
    )


def rounded_returns(n: int) -> np.ndarray:
    """Returns of a price of three dollars in ticks of an eighth: most bars do not move."""
    path = 3 * np.exp(np.cumsum(0.02 * np.random.default_rng(3).standard_t(4, n)))
    return np.diff(np.log(np.maximum(np.round(path * 8) / 8, 0.125)))


@FAMILY
def test_an_optimum_without_a_variance_is_none(
    kind: type[GarchBaseline], monkeypatch: pytest.MonkeyPatch
) -> None:
    searches = []
    search = garch_family._search

    def counted(model: Any, start: np.ndarray | None) -> Any:
        searches.append(search(model, start))
        searches[-1].params.iloc[-1] = 2.05
        return searches[-1]

    monkeypatch.setattr(garch_family, "_search", counted)
    assert kind.recursion.fit(rounded_returns(600), 21) is None
    assert len(searches) == 3
