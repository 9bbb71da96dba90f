"""Trading costs: the rate, what is said of them, and values that are refused."""

import math

import pytest

from forecasting.backtest.costs import Costs, SpreadModel
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


@pytest.mark.parametrize("bad", [-0.1, 10.5, math.nan, math.inf])
def test_refuses_an_impossible_impact(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"impact of .*: expected 0 to 10"):
        Costs(impact=bad)


@pytest.mark.parametrize("model", list(SpreadModel))
def test_spread_models_have_names(model: SpreadModel) -> None:
    assert SpreadModel.choose(str(model)) is model


@pytest.mark.parametrize(
    ("name", "hint"),
    [("estimate", "did you mean estimated"), ("quoted!", "expected one of fixed, bucket, est")],
)
def test_refuses_an_unknown_spread(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"spread '{name}': {hint}"):
        SpreadModel.choose(name)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        (Costs(5, 2.5), "5 bps commission and 2.5 bps slippage"),
        (Costs(5, 2.5), "plus a market impact of 0.7 *"),
        (Costs(impact=0), "without market impact"),
        (Costs(spread=SpreadModel.BUCKET), "1, 3 or 10 bps half-spread"),
        (Costs(spread=SpreadModel.ESTIMATED), "estimated from a month"),
    ],
)
def test_the_sentence_names_all_that_is_paid(costs: Costs, words: str) -> None:
    assert words in costs.describe()
