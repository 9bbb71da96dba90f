"""A sweep is many backtests at once: the same to the last bit, checked before, judged after."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk

from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.backtest import backtest
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.statistics.luck import LuckVerdict
from forecasting.backtest.statistics.summary import summarise
from forecasting.backtest.sweep import batches, prepare
from forecasting.backtest.sweep.configuration import Configuration
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.result import STATISTICS, Sweep
from forecasting.backtest.sweep.sweep import sweep
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError, DataError

PANEL = random_walk(90, 6, seed=1)
FORECAST = noise_forecast(PANEL, seed=2)


def run(*texts: str, **base: Any) -> Sweep:
    return sweep(FORECAST, PANEL, Grid.parse(texts), base=Configuration().changed(base))


MIXED = (
    "strategy=long_short,long_only top_k=1,2 rebalance_every=1,5 cost_bps=0,7.5",
    "horizon=1,5 delay=0,1 no_trade_band=none,2 cost_bps=1,20",
    "stop_quantile=none,0.1 rebalance_every=2,3 impact=0 execution=next_open,next_close",
    "capital=1000,1e6 whole_shares=true,false margin_limit=0.5,2 financing_rate=0,0.1",
    "strategy=momentum,equal_weight,buy_and_hold borrow_fee=0,0.1",
)


@pytest.mark.parametrize("text", MIXED)
@pytest.mark.parametrize("budget", [batches.MOST_BYTES, 40_000])
def test_each_configuration_is_its_own_account_to_the_last_bit(
    text: str, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_BYTES", budget)
    made = sweep(FORECAST, PANEL, Grid.parse([text]))
    span = TradedSpan.of(FORECAST, PANEL)
    for row, settings in enumerate(made.grid):
        each = Configuration().changed(settings)
        tape = span.tape(Execution.choose(PANEL, each.execution), each.costs)
        policy = prepare.plan_of(span, each).policy(tape.times, delay=each.delay)
        ledger = simulate(tape, policy, each.costs, each.account)
        assert (made.returns[:, row] == ledger.returns).all(), settings
        stats = summarise(ledger, PANEL.bars_per_year)
        wanted = [stats[name] for name in STATISTICS]
        found = made.table.loc[row, list(STATISTICS)].to_numpy(dtype=float)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, equal_nan=True)
        assert {name: made.table.loc[row, name] for name in settings} == settings


def test_a_configuration_gets_what_a_backtest_would_give_it() -> None:
    made = run("top_k=1,2 rebalance_every=1,5", cost_bps=2, no_trade_band=3)
    parameters = {"top_k": 2, "rebalance_every": 5, "no_trade_band": 3}
    book = backtest(FORECAST, PANEL, costs=Costs(2), parameters=parameters, n_random=0)
    assert (made.returns[:, 3] == book.ledger.returns).all()
    assert made.rows[3]["sharpe"] == pytest.approx(book.stats.loc["long_short", "sharpe"])


def test_a_delay_is_the_policy_sent_later() -> None:
    made = run("delay=0,1,3 rebalance_every=4")
    on_time, one, three = made.returns.T
    assert (one[:1] == 0).all()
    assert (three[:3] == 0).all()
    assert len({tuple(each) for each in (on_time, one, three)}) == 3


def test_the_future_changes_nothing_before_it() -> None:
    values = PANEL.values.copy()
    values[60:] *= 1.7
    other = replace(PANEL, values=values)
    grid = Grid.parse(["top_k=1,2 rebalance_every=1,5 no_trade_band=none,2"])
    one, two = (sweep(FORECAST, panel, grid) for panel in (PANEL, other))
    assert (one.returns[:59] == two.returns[:59]).all()
    assert (one.returns[59:] != two.returns[59:]).any()


def test_the_best_is_the_first_of_equals() -> None:
    # The cap binds at none of these capitals, as there is no volume.
    made = run("capital=1000,2000,4000 top_k=1,2,3", impact=0, slippage_bps=0)
    sharpes = made.table["sharpe"].to_numpy()
    assert made.best_row is not None
    assert sharpes[made.best_row] == sharpes.max()
    assert not (sharpes[: made.best_row] == sharpes.max()).any()
    assert made.best == made.rows[made.best_row]
    assert made.best_configuration is not None
    assert made.best_configuration.parameters["top_k"] == made.best["top_k"]
    assert made.top(2)["sharpe"].is_monotonic_decreasing


def test_assumptions_are_no_choices() -> None:
    made = run("cost_bps=0,10,20 top_k=1,2,3 capital=1000,1000000")
    assert made.assumed.startswith("cost_bps=0, capital=")
    rows = [made.rows[row] for row in made.rivals]
    assert [row["top_k"] for row in rows] == [1, 2, 3]
    assert {row["cost_bps"] for row in rows} == {0}
    assert made.luck.n_trials == 3


def test_the_best_of_many_delays_is_called_luck() -> None:
    panel = random_walk(400, 8, seed=0)
    made = sweep(noise_forecast(panel, 100), panel, Grid.parse(["delay=0:49 cost_bps=0,5"]))
    assert made.best_sharpe > 1
    assert made.assumed == "cost_bps=0"
    assert made.luck.n_trials == 50
    assert made.luck.verdict is LuckVerdict.LUCK_IS_ENOUGH


def test_earlier_trials_count() -> None:
    grid = Grid.parse(["top_k=1,2,3"])
    alone = sweep(FORECAST, PANEL, grid)
    late = sweep(FORECAST, PANEL, grid, trial_sharpes=[0.1, -0.4, float("nan")])
    assert (alone.luck.n_trials, late.luck.n_trials) == (3, 6)
    assert late.luck.effective_trials == pytest.approx(alone.luck.effective_trials + 3)


def test_the_best_of_many_without_skill_is_called_luck() -> None:
    panel = random_walk(600, 8, seed=5)
    texts = ["top_k=1:4 horizon=1,5 rebalance_every=1:10"]
    made = sweep(noise_forecast(panel, 6), panel, Grid.parse(texts))
    assert made.luck.verdict is LuckVerdict.LUCK_IS_ENOUGH
    assert made.luck.expected_max_sharpe > 0
    assert 0 < made.positive_share < 1


def test_what_cash_earns_is_no_skill() -> None:
    panel = random_walk(600, 8, seed=5)
    rich = Configuration(account=AccountTerms(cash_yield=0.3))
    made = sweep(noise_forecast(panel, 6), panel, Grid.parse(["top_k=2:4"]), base=rich)
    assert made.best_sharpe > 2
    assert made.luck.verdict is LuckVerdict.LUCK_IS_ENOUGH
    assert "earlier trials on these bars were not counted" in made.luck.sentence()


def test_skill_is_not() -> None:
    panel = random_walk(600, 6, seed=7)
    closes = panel.column("adj_close")
    ahead = np.log(np.vstack([closes[2:], closes[-1:], closes[-1:]]) / closes)
    rng = np.random.default_rng(0)
    forecast = make_forecast(panel, 0.2 * ahead + 0.002 * rng.standard_normal(ahead.shape))
    grid = Grid.parse(["top_k=1,2,3 rebalance_every=1,2"])
    made = sweep(forecast, panel, grid, trial_sharpes=())
    assert made.luck.verdict is LuckVerdict.BEYOND_LUCK
    assert sweep(forecast, panel, grid).luck.verdict is LuckVerdict.NOT_COUNTED
    assert made.luck.pbo < 0.5


def test_nobody_trades() -> None:
    forecast = make_forecast(PANEL, np.zeros(PANEL.mask.shape))
    made = sweep(forecast, PANEL, Grid.parse(["top_k=1,2"]))
    assert made.best is made.best_row is made.best_configuration is None
    assert made.positive_share == 0
    assert np.isnan(made.best_sharpe)
    assert made.luck.verdict is LuckVerdict.NOT_ENOUGH_DATA
    json.dumps(made.to_dict(), allow_nan=False)


def test_it_is_told_in_plain_values() -> None:
    made = run("top_k=1,2 no_trade_band=none,2")
    told = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert told["configurations"] == len(told["table"]) == 4
    assert told["grid"] == {"top_k": [1, 2], "no_trade_band": [None, 2]}
    assert told["table"][0]["no_trade_band"] is None
    assert told["best"] in told["table"]
    assert told["luck"]["verdict"] == made.luck.verdict.value


def test_progress_reaches_the_end() -> None:
    said: list[tuple[str, int, int]] = []
    sweep(
        FORECAST,
        PANEL,
        Grid.parse(["top_k=1,2 rebalance_every=1,5"]),
        progress=lambda *words: said.append(words),
    )
    assert said[-1] == ("trading", 4, 4)
    assert [done for _, done, _ in said] == sorted(done for _, done, _ in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cost_bp=0,5", "'cost_bp' is no setting of long_short: did you mean 'cost_bps'"),
        ("topk=3", "did you mean 'top_k'"),
        ("rebalance_evry=1,5", "did you mean 'rebalance_every'"),
        ("strategy=long_short,volatility_target top_k=1", "no setting of volatility_target"),
        ("strategy=long_shirt", "did you mean 'long_short'"),
        ("top_k=1:9", "top_k = 9: expected 1 to 3"),
        ("horizon=1,2,5", None),
        ("horizon=1,7", "horizon = 7"),
        ("top_k=1.5", "expected a whole number"),
        ("cost_bps=-1,5", "commission of -1 bps"),
        ("cost_bps=cheap", "cost_bps = 'cheap': expected a number"),
        ("spread=wide", "spread"),
        ("spread=estimated", "high"),
        ("execution=now", "execution 'now'"),
        ("delay=0,1000", "delay = 1000: expected 0 to 252"),
        ("delay=0.5", "delay = 0.5"),
        ("capital=0", "capital = 0"),
        ("whole_shares=1", "whole_shares = 1: expected true or false"),
        ("rebalance_every=0,5", "rebalance_every = 0"),
        ("stop_quantile=0.9", "stop_quantile = 0.9"),
        ("strategy=1", "strategy = 1: expected a name"),
    ],
)
def test_a_grid_is_refused_before_anything_is_traded(
    text: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid.parse([text])
    if said is None:  # in the middle of its axis: found when it is traded
        with pytest.raises(ConfigError, match="horizon = 2"):
            sweep(FORECAST, PANEL, grid)
        return
    with pytest.raises((ConfigError, DataError)) as caught:
        prepare.prepare(FORECAST, PANEL, grid, Configuration())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_for_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "MOST_CELLS", 1000)
    with pytest.raises(ConfigError, match="12 configurations of 90 bars: expected at most 11"):
        run("rebalance_every=1:12")


def test_equal_settings_are_one_configuration() -> None:
    one, other = (Configuration().changed({"cost_bps": value}) for value in (5, 5.0))
    assert json.dumps(one.plain()) == json.dumps(other.plain())
    given = Configuration(costs=replace(one.costs, commission_bps=5))
    assert json.dumps(given.plain()) == json.dumps(one.plain())
