"""What an account refuses, in one line each."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from backtest.markets import make_raw_tape

from forecasting.backtest.accounting.check_tape import check_tape
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.tape.tape import Tape
from forecasting.errors import DataError

ALWAYS = np.ones(4, dtype=bool)


@pytest.fixture
def tape() -> Tape:
    return make_raw_tape(np.full((4, 2), 10.0))


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_an_infinite_weight(tape: Tape, infinite: float) -> None:
    weights = np.zeros((4, 2))
    weights[2, 1] = infinite
    with pytest.raises(ValueError, match="the weight of B at bar 2 is infinite: expected a finite"):
        simulate(tape, Targets(weights, ALWAYS), Costs(), AccountTerms())


@dataclass
class Oblong:
    """Decides for too many tickers."""

    def decide(self, bar: int, held: np.ndarray) -> np.ndarray:
        return np.zeros(3)


def test_weights_of_another_shape(tape: Tape) -> None:
    with pytest.raises(ValueError, match=r"weights of shape \(3,\) at bar 0: expected \(2,\)"):
        simulate(tape, Oblong(), Costs(), AccountTerms())


def test_a_single_row_for_one_of_two_configurations(tape: Tape) -> None:
    policy = Targets(np.zeros((1, 4, 2)), ALWAYS)
    with pytest.raises(ValueError, match=r"weights of shape \(1, 2\)"):
        simulate_batch(tape, policy, [Costs()] * 2, [AccountTerms()] * 2)


def test_costs_and_accounts_that_do_not_pair_up(tape: Tape) -> None:
    policy = Targets(np.zeros((4, 2)), ALWAYS)
    with pytest.raises(ValueError, match="2 costs and 1 accounts"):
        simulate_batch(tape, policy, [Costs()] * 2, [AccountTerms()])
    with pytest.raises(ValueError, match="0 costs and 0 accounts"):
        simulate_batch(tape, policy, [], [])


def test_two_spread_models_on_one_tape(tape: Tape) -> None:
    costs = [Costs(spread=SpreadModel.BUCKET), Costs(spread=SpreadModel.ESTIMATED)]
    with pytest.raises(ValueError, match="spread models bucket, estimated in one batch"):
        simulate_batch(
            tape, Targets(np.zeros((4, 2)), ALWAYS), costs, [AccountTerms(), AccountTerms()]
        )


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2]], ids=["unsorted", "repeated"])
def test_times_that_do_not_ascend(tape: Tape, order: list[int]) -> None:
    with pytest.raises(DataError, match="expected ascending times, each once"):
        check_tape(replace(tape, times=tape.times[order]))


def test_a_ticker_that_comes_twice(tape: Tape) -> None:
    with pytest.raises(DataError, match="A: expected each ticker once"):
        check_tape(replace(tape, tickers=("A", "A")))


def test_nothing_to_trade() -> None:
    with pytest.raises(DataError, match="no bar or no ticker"):
        check_tape(make_raw_tape(np.full((0, 2), 10.0)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fill", 0.0),
        ("fill", -1.0),
        ("fill", np.inf),
        ("mark", np.nan),
        ("mark", -1.0),
        ("split", 0.0),
        ("split", np.nan),
        ("dividend", np.nan),
        ("half_spread", np.nan),
        ("half_spread", -0.1),
        ("volatility", -0.1),
        ("volume", -1.0),
    ],
)
def test_an_impossible_value(tape: Tape, name: str, value: float) -> None:
    values = getattr(tape, name).copy()
    values[1, 1] = value
    with pytest.raises(ValueError, match=f"the tape breaks a rule: expected {name}"):
        check_tape(replace(tape, **{name: values}))


def test_time_that_runs_backwards(tape: Tape) -> None:
    with pytest.raises(ValueError, match="expected elapsed finite"):
        check_tape(replace(tape, elapsed=-tape.elapsed))
