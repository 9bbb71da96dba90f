"""What models of one series may see: outcomes at the bar where they are known, and no later one."""

import numpy as np
import pytest

from forecasting.errors import ConfigError
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.workflow.peers.outcomes import known_outcomes, require_package


def test_an_outcome_stands_where_its_last_bar_ends(prices: Panel) -> None:
    sequences = make_sequences(prices)
    outcomes, targets = known_outcomes(sequences), sequences.targets
    for k in range(len(prices.tickers)):
        own = sequences.rows(k)
        for j, h in enumerate(sequences.horizons):
            for i in range(own.start, own.stop):
                if i - h < own.start:
                    assert np.isnan(outcomes[i, j])
                else:
                    assert outcomes[i, j] == targets[i - h, j]
                    assert sequences.label_end[i - h, j] <= sequences.origin[i]


def test_a_ticker_with_fewer_rows_than_the_horizon_has_none(prices: Panel) -> None:
    sequences = make_sequences(prices.at(slice(0, 230)))
    short = sequences.rows(3)
    assert 0 < short.stop - short.start < 21
    assert np.isnan(known_outcomes(sequences)[short, 2]).all()


def test_a_package_that_is_missing_is_named_with_the_extra() -> None:
    with pytest.raises(ConfigError, match=r"no_such_package cannot be imported .*\[peers\]"):
        require_package("no_such_package", "no-such-package")
