"""What every baseline does with thin, still or leaving tickers: positive scales, or none at all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.evaluation.baselines import BASELINES, Baseline
from forecasting.evaluation.baselines.garch_family import GarchBaseline
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences

MakePanel = Callable[[np.ndarray], Panel]
ALL = pytest.mark.parametrize("kind", BASELINES, ids=lambda kind: kind.name)


def forecast(kind: type[Baseline], panel: Panel, end: int) -> Forecast:
    sequences = make_sequences(panel)
    return kind.fit(sequences, sequences.last_label < end).forecast_rows(sequences)


def require_sane(made: Forecast) -> None:
    for name in ("loc", "scale", "df"):
        assert np.isfinite(made.law.parameters()[name][made.mask]).all()
    assert (made.law.scale[made.mask] > 0).all()
    assert (made.law.df[made.mask] > 2).all()


@ALL
def test_one_ticker(kind: type[Baseline], prices: Panel) -> None:
    made = forecast(kind, prices.select(["AAA"]), 500)
    require_sane(made)
    assert made.mask[500:].all()


@ALL
def test_a_ticker_that_stands_still_for_a_while(
    kind: type[Baseline], make_panel: MakePanel
) -> None:
    steps = 0.01 * np.random.default_rng(7).standard_t(5, (900, 3))
    for first in (0, 300, 800):
        steps[first : first + 40, 0] = 0
    made = forecast(kind, make_panel(steps), 700)
    require_sane(made)
    assert made.mask[801:830, 0].all()


@ALL
def test_a_ticker_that_came_just_before_the_test(kind: type[Baseline], prices: Panel) -> None:
    values = prices.values.copy()
    values[:400, 3] = np.nan
    panel = replace(prices, values=values)
    made = forecast(kind, panel, 500)
    require_sane(made)
    assert made.mask[500:, 3].any() != issubclass(kind, GarchBaseline)
    assert bool(made.notes) == issubclass(kind, GarchBaseline)


@ALL
def test_members_that_leave(kind: type[Baseline], prices: Panel) -> None:
    member = np.ones(prices.mask.shape, dtype=bool)
    member[350:, 1] = False
    member[:, 3] = False
    made = forecast(kind, replace(prices, member=member), 500)
    require_sane(made)
    assert made.mask[200:350, 1].all()
    assert not made.mask[350:, 1].any()
    assert not made.mask[:, 3].any()


@ALL
def test_no_training_rows_are_an_error_with_a_way_out(kind: type[Baseline], prices: Panel) -> None:
    sequences = make_sequences(prices)
    with pytest.raises((DataError, ValueError)):
        kind.fit(sequences, np.zeros(len(sequences.origin), dtype=bool))
