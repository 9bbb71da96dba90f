"""What a user hands to the verbs that trade: each mistake is one line, whatever the verb."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forecasting as fc
from forecasting.errors import ConfigError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.workflow.arguments import require_bars, terms_of

VERBS = ("backtest", "sweep", "chosen_in_folds", "paper_orders")


@pytest.fixture(scope="module")
def model(model_folder: Path) -> NetworkForecaster:
    return fc.load_model(model_folder)


def plain(verb: str) -> Callable[..., Any]:
    """A verb as users have it: without the checks of types that only the tests have."""
    return inspect.unwrap(getattr(fc, verb))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cost_bps": "5"}, "cost_bps = '5': expected a number. Correct it."),
        ({"cost_bps": True}, "cost_bps = True: expected a number. Correct it."),
        ({"capital": None}, "capital = None: expected a number. Correct it."),
        ({"spread": None}, "spread = None: expected one of fixed, bucket, estimated."),
        ({"strategy": 3}, "strategy = 3: expected a name such as long_short, the path of a"),
        ({"start": 2020}, "start = 2020: expected a day as text, such as '2015-01-31'. Correct"),
        ({"tickers": "AAA"}, "tickers = 'AAA': expected a list of names. Write ['AAA']."),
        ({"tickers": []}, "tickers is empty: expected at least one name. Name some, or leave"),
        ({"tickers": [1]}, "tickers = [1]: expected a list of names, such as"),
        ({"prices": None}, "prices = None: expected a Panel. Get one with fc.load."),
    ],
)
def test_each_mistake_is_a_line(
    asked: dict[str, Any], said: str, verb: str, model: NetworkForecaster, prices: Panel
) -> None:
    maker: Any = "walk" if verb == "chosen_in_folds" else model
    grid = {"grid": ["top_k=1,2"]} if verb in ("sweep", "chosen_in_folds") else {}
    with pytest.raises(ConfigError) as refused:
        plain(verb)(maker, **{"prices": prices} | grid | asked)
    assert str(refused.value).startswith(said)
    assert trials().looks == 0


@pytest.mark.parametrize("verb", VERBS)
def test_whose_forecasts_are_traded(verb: str, prices: Panel) -> None:
    grid = (["top_k=1,2"],) if verb in ("sweep", "chosen_in_folds") else ()
    with pytest.raises(ConfigError, match=r"= 7: expected a .*\. Pass one\.$"):
        plain(verb)(7, prices, *grid)


def test_one_model_has_no_folds(model: NetworkForecaster, prices: Panel) -> None:
    with pytest.raises(ConfigError, match=r"jamba-tiny is one model: expected a walk-forward"):
        plain("chosen_in_folds")(model, prices, ["top_k=1,2"])


@pytest.mark.parametrize("verb", ["sweep", "chosen_in_folds"])
@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (None, "grid = None: expected names and their values, such as"),
        ([3], r"grid = \[3\]: expected names and their values"),
        (["start=2015-01-01"], "grid axis start: it is an option of the verb"),
        ({"tickers": ["AAA"]}, "grid axis tickers: it is an option of the verb"),
    ],
)
def test_what_is_no_grid(
    grid: Any, said: str, verb: str, model: NetworkForecaster, prices: Panel
) -> None:
    with pytest.raises(ConfigError, match=said):
        plain(verb)("walk" if verb == "chosen_in_folds" else model, prices, grid)


def test_terms_by_the_names_of_the_verb(prices: Panel) -> None:
    asked = {"cost_bps": np.int64(1), "spread": "bucket", "capital": np.float64(10), "top_k": 2}
    made = terms_of("kelly", asked)
    assert (made.costs.commission_bps, made.costs.spread, made.account.capital) == (1, "bucket", 10)
    assert made.parameters == {"top_k": 2}
    with pytest.raises(ConfigError, match="did you mean bucket"):
        terms_of("kelly", asked | {"spread": "buckt"})
    with pytest.raises(ConfigError, match="borrow_fee = -1"):
        terms_of("kelly", {"borrow_fee": -1})
    require_bars(prices, ("AAA",), None)
