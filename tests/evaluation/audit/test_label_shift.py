from dataclasses import replace

import numpy as np
import pytest
from evaluation.forecasters import Volatility

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.label_shift import label_shift, selection_shift, shifted_labels
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.market.targets import volatility_grid

MARKET = simulate("leverage", 6, 700, 0)


def said(mean: np.ndarray, volatility: np.ndarray | None = None, horizon: int = 1) -> Forecast:
    scale = np.full_like(mean, 0.02) if volatility is None else volatility
    law = StudentT(mean[:, :, None], scale[:, :, None], np.full((*mean.shape, 1), 5.0))
    price = MARKET.column("adj_close")
    return Forecast("made up", MARKET.times, MARKET.tickers, (horizon,), price, law)


def noise(size: float = 0.02) -> np.ndarray:
    return np.random.default_rng(0).normal(0, size, MARKET.mask.shape)


def leaks(finding: Finding, kind: str) -> bool:
    return finding.outcome is Outcome.FAILED and finding.measured.startswith(kind)


@pytest.mark.parametrize("horizon", [1, 3])
def test_labels_are_shifted_along_the_bars_of_each_ticker(prices: Panel, horizon: int) -> None:
    """Against a loop over the bars of a panel with halts and a late listing."""
    labels = shifted_labels(prices, horizon)
    for k in range(len(prices.tickers)):
        rows = np.flatnonzero(prices.mask[:, k])
        log_price = np.log(prices.column("adj_close")[rows, k])
        for i, row in enumerate(rows):
            for label, begin in zip(labels, (i - horizon, i, i + horizon), strict=True):
                end = begin + horizon
                there = begin >= 0 and end < len(rows)
                expected = log_price[end] - log_price[begin] if there else np.nan
                assert label[row, k] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("horizon", [1, 5])
def test_who_knows_a_later_label_has_misaligned_ones(horizon: int) -> None:
    later = shifted_labels(MARKET, horizon)[2]
    assert leaks(label_shift(said(later + noise(), horizon=horizon), MARKET), "later label")


def test_who_knows_two_labels_alike_knows_the_level() -> None:
    _, own, later = shifted_labels(MARKET, 1)
    assert leaks(label_shift(said(own + later + noise(0.01)), MARKET), "no collapse")


def test_volatility_that_knows_its_own_bar_is_a_spike() -> None:
    causal = volatility_grid(MARKET, 0.94)
    honest = label_shift(said(noise(), causal), MARKET)
    assert honest.outcome is Outcome.PASSED, honest
    range_ahead = np.abs(shifted_labels(MARKET, 1)[1])
    assert leaks(label_shift(said(noise(), causal + range_ahead), MARKET), "spike of volatility")


def test_today_in_the_volatility_is_no_spike() -> None:
    """What was known at the bar may go with it as closely as it likes."""
    known = np.abs(shifted_labels(MARKET, 1)[0])
    finding = label_shift(said(noise(), volatility_grid(MARKET, 0.94) + known), MARKET)
    assert finding.outcome is Outcome.PASSED


def test_an_honest_reversal_passes() -> None:
    market = simulate("signal", 6, 700, 0)
    known = shifted_labels(market, 1)[0]
    forecast = replace(said(-0.05 * known), price=market.column("adj_close"))
    assert label_shift(forecast, market).outcome is Outcome.PASSED


def test_too_few_dates() -> None:
    panel = MARKET.at(slice(600, 620))
    finding = label_shift(
        Volatility("EWMA", horizons=(21,)).forecast(MARKET)._rows(slice(600, 620)), panel
    )
    assert finding.outcome is Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("large", lambda label: np.abs(label) < 0.04),
        ("low", lambda label: label > -0.03),
        ("high", lambda label: label < 0.03),
    ],
)
def test_cells_chosen_by_their_outcome_are_found(kind: str, chosen) -> None:
    before, own, _ = shifted_labels(MARKET, 1)
    by_outcome = selection_shift(chosen(own), MARKET)
    assert leaks(by_outcome, "spike of"), by_outcome
    assert f"{kind} labels" in by_outcome.measured or kind == "large"
    assert selection_shift(chosen(before), MARKET).outcome is Outcome.PASSED
    assert by_outcome.stage == "test filter"


def test_nothing_left_out() -> None:
    finding = selection_shift(np.isfinite(shifted_labels(MARKET, 1)[1]), MARKET)
    assert (finding.outcome, finding.measured) == (
        Outcome.PASSED,
        "no bar with a known outcome is left out",
    )
