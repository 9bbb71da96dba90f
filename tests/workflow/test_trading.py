"""Terms: what the trial ledger knows a strategy by."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.workflow.trading import Terms


def rising(forecast: Forecast, *, gross: float = 1.0) -> np.ndarray:
    """A strategy in a notebook."""
    up = forecast.mask & (forecast.prob_up()[..., 0] > 0.5)
    return gross * up / np.maximum(up.sum(axis=1, keepdims=True), 1)


def test_a_configuration_is_plain_and_complete() -> None:
    plain = Terms("long_short", Costs(1.0), AccountTerms(capital=5.0), parameters={"top_k": 2})
    made = plain.configuration()
    assert made["costs"]["commission_bps"] == 1.0
    assert made["account"]["capital"] == 5.0
    assert made["parameters"] == {"top_k": 2}
    assert "sha256" not in made
    assert plain.notes() == ()


def test_a_file_counts_by_what_stands_in_it(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("a = 1")
    one = Terms(str(file)).configuration()
    assert one == Terms(file).configuration()
    file.write_text("a = 2")
    other = Terms(str(file)).configuration()
    assert one["sha256"] != other["sha256"]


def test_a_function_counts_by_its_source_where_it_can_be_read() -> None:
    own = Terms(rising)
    assert own.name == "rising"
    assert len(own.configuration()["sha256"]) == 64
    assert own.notes() == ()
    scope: dict = {}
    exec("def hidden(forecast): return 0", scope)
    hidden = Terms(scope["hidden"])
    assert "sha256" not in hidden.configuration()
    assert "knows hidden by its name alone" in hidden.notes()[0]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms("lng_short"), "did you mean 'long_short'"),
        (Terms("long_short", parameters={"topk": 1}), "did you mean 'top_k'"),
        (Terms("long_short", parameters={"prices": 1}), "prices is taken from the data"),
        (Terms("kelly", parameters={"rebalance_every": 0}), "rebalance_every = 0"),
        (Terms(rising, parameters={"net": 1}), "strategy rising has no parameter 'net'"),
        (Terms(Path("nosuch.py")), "no strategy file nosuch.py"),
        (Terms("kelly", delay=1), "delay = 1: expected 0 for a single backtest"),
    ],
)
def test_what_no_forecast_can_save_is_refused_without_one(terms: Terms, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        terms.require_known()
    Terms(rising, parameters={"gross": 0.5, "stop_quantile": 0.1}).require_known()
