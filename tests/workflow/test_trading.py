"""Terms: what the trial ledger knows a strategy by."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.workflow.trading import Terms, make_terms


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


def test_terms_by_the_names_of_the_verb() -> None:
    asked = {"cost_bps": 1.0, "slippage_bps": 2, "spread": "bucket", "impact": 0}
    made = make_terms("kelly", **asked, execution="auto", parameters={}, capital=10, borrow_fee=0)
    assert (made.costs.commission_bps, made.costs.spread, made.account.capital) == (1, "bucket", 10)
    with pytest.raises(ConfigError, match="did you mean bucket"):
        make_terms("kelly", **asked | {"spread": "buckt"}, execution="auto", parameters={})
    with pytest.raises(ConfigError, match="borrow_fee = -1"):
        make_terms("kelly", **asked, execution="auto", parameters={}, borrow_fee=-1)
