"""Parameters chosen inside folds: from earlier bars alone, one account, every switch paid."""

from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk

from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.backtest.statistics.performance import sharpe
from forecasting.backtest.sweep.chosen_in_folds import choose, chosen_in_folds
from forecasting.backtest.sweep.configuration import Configuration
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.sweep import sweep
from forecasting.errors import ConfigError, DataError
from forecasting.market.panel import Panel

PANEL = random_walk(200, 6, seed=11)
FORECAST = noise_forecast(PANEL, seed=12)
STARTS = [PANEL.times[bar] for bar in (0, 50, 100, 150)]
GRID = Grid.parse(["top_k=1,2,3 rebalance_every=1,5 no_trade_band=none,5"])

FEW = Grid.parse(["top_k=1,2 no_trade_band=none,5"])


def trade(panel: Panel = PANEL, grid: Grid = GRID, **options: object) -> Backtest:
    return chosen_in_folds(FORECAST, panel, grid, STARTS, n_random=0, **options)


def test_each_fold_has_what_was_best_before_it() -> None:
    returns = sweep(FORECAST, PANEL, GRID).returns
    found = choose(returns, [0, 50, 100, 150])
    assert found[0].row is None
    for choice in found[1:]:
        slow = [sharpe(column[: choice.bar - 1].copy(), 1) for column in returns.T]
        assert choice.row == int(np.nanargmax(slow))
    book = trade()
    assert book.parameters["from 2020-01-01"] == "as given"
    assert 2 <= len(book.parameters) <= 4
    assert any(note.startswith("Chosen inside folds, among 12") for note in book.notes)


@pytest.mark.parametrize("fold", [1, 2, 3])
@pytest.mark.parametrize("change", ["noise", "thousandfold", "missing"])
def test_what_comes_later_never_changes_a_choice(fold: int, change: str) -> None:
    bar = (0, 50, 100, 150)[fold]
    values, rng = PANEL.values.copy(), np.random.default_rng(fold)
    later = values[bar:]
    if change == "missing":
        later[rng.random(later.shape[:2]) < 0.3] = np.nan
        later[-1] = PANEL.values[-1]
    else:
        later *= 1000 if change == "thousandfold" else np.exp(rng.normal(0, 0.1, later.shape))
    panel = replace(PANEL, values=values)
    loc = FORECAST.law.parameters()["loc"].copy()
    loc[bar:] = rng.normal(0, 0.01, loc[bar:].shape)
    forecast = replace(FORECAST, law=replace(FORECAST.law, loc=loc))
    bars = [0, 50, 100, 150][: fold + 1]
    one, other = sweep(FORECAST, PANEL, FEW), sweep(forecast, panel, FEW)
    assert choose(one.returns, bars) == choose(other.returns, bars)
    assert (one.returns[bar:] != other.returns[bar:]).any()


def test_one_configuration_is_its_own_backtest() -> None:
    book = trade(grid=Grid.parse(["top_k=2"]), base=Configuration().changed({"top_k": 2}))
    plain = backtest(FORECAST, PANEL, parameters={"top_k": 2}, n_random=0)
    for mine, theirs in zip(book.ledgers.values(), plain.ledgers.values(), strict=True):
        assert (mine.equity == theirs.equity).all()


def test_one_account_goes_on_and_pays_for_the_change() -> None:
    grid = Grid.parse(["strategy=long_only rebalance_every=1"])
    book = trade(grid=grid, base=Configuration().changed({"rebalance_every": 1}))
    assert list(book.parameters.values()) == [
        "as given",
        "strategy=long_only, rebalance_every=1",
    ]
    first = backtest(FORECAST, PANEL, parameters={"rebalance_every": 1}, n_random=0)
    switch = 50
    own, before = book.ledger, first.ledger
    assert (own.equity[: switch + 1] == before.equity[: switch + 1]).all()
    assert own.net[switch] == pytest.approx(0, abs=0.1 * own.equity[switch])
    assert own.net[switch + 1] == pytest.approx(own.equity[switch + 1], rel=0.02)
    assert own.traded[switch + 1] > 0.5 * own.equity[switch]
    assert own.costs[switch + 1] > 0
    assert (book.ledger.equity == book.what_if.ledger.equity).all()
    assert book.plan.decides.all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cost_bps=0,5", "one account has one value"),
        ("margin_limit=1,2", "one account has one value"),
        ("delay=0,1", "one account has one value"),
        ("strategy=long_only,buy_and_hold", "buy_and_hold decides once"),
        ("topk=1", "did you mean 'top_k'"),
    ],
)
def test_what_cannot_be_chosen_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        trade(grid=Grid.parse([text]))


def test_folds_of_another_span() -> None:
    with pytest.raises(DataError, match="no fold begins"):
        chosen_in_folds(FORECAST, PANEL, GRID, [np.datetime64("2030-01-01")], n_random=0)
    with pytest.raises(ConfigError, match="delay = 1"):
        trade(base=Configuration(delay=1))


def test_nothing_is_chosen_from_too_few_bars() -> None:
    returns = np.random.default_rng(0).normal(size=(60, 3))
    assert [choice.row is None for choice in choose(returns, [0, 5, 20, 21])] == [True] * 3 + [
        False
    ]
    assert choose(np.zeros((60, 3)), [40])[0].row is None
