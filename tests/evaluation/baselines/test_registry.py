"""The registry: who stands beside every model, in which order, and how they are forecast."""

import numpy as np

from forecasting.evaluation.baselines import BASELINES, EwmaT, LogHarT, forecast_baselines, registry
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


def test_names_are_distinct_and_explained_and_the_reference_is_first() -> None:
    names = [kind.name for kind in BASELINES]
    assert len(set(names)) == len(names) == 9
    assert names[0] == "EWMA-t"
    assert all(f"| {name} " in str(registry.__doc__) for name in names)


def test_the_kinds_that_are_asked_for_are_fitted_forecast_and_told(prices: Panel) -> None:
    sequences = make_sequences(prices)
    rows, told = sequences.last_label < 450, []
    start = prices.times[450]
    made = forecast_baselines(
        sequences, rows, start, decay=0.94, progress=told.append, kinds=(LogHarT, EwmaT)
    )
    assert told == ["baseline log-HAR-t", "baseline EWMA-t"]
    assert [forecast.name for forecast in made] == ["log-HAR-t", "EWMA-t"]
    expected = EwmaT.fit(sequences, rows).forecast(prices).between(start)
    np.testing.assert_array_equal(made[1].law.scale, expected.law.scale)
    assert made[1].times[0] == start
