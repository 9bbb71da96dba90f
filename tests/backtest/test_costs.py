"""Trading costs: the rate, and values that are refused."""

import math

import pytest

from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError


def test_rate_adds_commission_and_slippage() -> None:
    assert Costs(5, 3).rate == pytest.approx(0.0008)
    assert Costs(0, 0).rate == 0


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, 1001])
def test_refuses_impossible_costs(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"commission of .* bps: expected 0 to 1000"):
        Costs(bad, 0)
    with pytest.raises(ConfigError, match="slippage of"):
        Costs(0, bad)


def test_the_sentence_names_both() -> None:
    assert "5 bps commission and 2.5 bps slippage" in Costs(5, 2.5).describe()
