"""The whole room: honesty on a random walk, the clock, the benchmarks and every refusal."""

import json
from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import make_forecast, make_panel, noise_forecast, random_walk
from future import KINDS, change_future

from forecasting.backtest import backtest
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import make_plan
from forecasting.backtest.strategies.registry import BENCHMARKS, STRATEGIES
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.significance import Verdict, mean_test, verdict
from forecasting.market.panel import Panel


@pytest.fixture(scope="module")
def forecast(prices: Panel) -> Forecast:
    return noise_forecast(prices, seed=0)


def test_on_a_random_walk_it_loses_its_costs_and_claims_nothing() -> None:
    costs, seeds = Costs(10, 0), 300
    verdicts, before_costs, paid = [], [], []
    for seed in range(seeds):
        panel = random_walk(60, 6, seed)
        plan = make_plan(noise_forecast(panel, seed + 1000), "long_short", {"top_k": 2}, 252.0)
        tape = make_tape(panel, Execution.NEXT_OPEN, costs)
        ledger = simulate(tape, plan.policy(tape.times), costs, AccountTerms(1.0, borrow_fee=0))
        verdicts.append(verdict(mean_test(ledger.returns)))
        before_costs.append(float(ledger.equity[-1] - 1 + ledger.costs.sum()))
        paid.append(float(ledger.costs.sum()))
    assert verdicts.count(Verdict.BEATS) <= 0.05 * seeds
    error = np.std(before_costs) / np.sqrt(seeds)
    assert abs(np.mean(before_costs)) < 3 * error < np.mean(paid)


def test_a_forecast_that_knows_beats_everything() -> None:
    panel = random_walk(300, 8, seed=5)
    opens = np.log(panel.column("open"))
    loc = np.zeros(opens.shape)
    loc[:-2] = opens[2:] - opens[1:-1]
    book = backtest(
        make_forecast(panel, loc), panel, parameters={"horizon": 1, "rebalance_every": 1}
    )
    assert [each.verdict for each in book.comparisons] == [Verdict.BEATS] * 6
    assert book.stats.loc["long_short", "sharpe"] > 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_runs_beside_its_benchmarks(
    strategy: str, forecast: Forecast, prices: Panel
) -> None:
    # There is no bar before the first forecast to measure a year by.
    parameters = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
    book = backtest(forecast, prices, strategy=strategy, parameters=parameters)
    expected = {strategy, *BENCHMARKS}
    assert set(book.equity) == set(book.stats.index) == set(book.trades.index) == expected
    assert book.equity.columns[0] == strategy
    assert list(book.verdicts.index) == ["cash", *book.equity.columns[1:]]
    assert (book.equity.iloc[0] == 1).all()
    np.testing.assert_allclose(
        (1 + book.returns).cumprod().iloc[-1], book.equity.iloc[-1], rtol=1e-12
    )
    assert book.weights.shape == (len(prices.times), 4)
    assert "Survivorship" in book.notes[0]


def test_its_value_is_plain_json(forecast: Forecast, prices: Panel) -> None:
    book = backtest(forecast, prices, strategy="equal_weight", start="2010-06-01")
    told = json.loads(json.dumps(book.to_dict(), allow_nan=False))
    assert told["strategy"] == "equal_weight"
    assert told["start"] == "2010-06-01"
    assert told["bars"] == len(told["equity"]["times"]) == len(told["equity"]["buy_and_hold"])
    assert told["verdicts"]["cash"]["verdict"] in list(Verdict)
    assert "filled at the open of bar t+1" in told["timing"]
    assert "5 bps commission and 3 bps slippage" in told["costs"]


def test_close_only_prices_fill_at_the_next_close(close_only: Panel) -> None:
    book = backtest(noise_forecast(close_only, seed=0), close_only)
    assert book.execution is Execution.NEXT_CLOSE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", ["long_short", "volatility_target"])
def test_later_prices_change_nothing_before_them(
    kind: str, strategy: str, forecast: Forecast, prices: Panel
) -> None:
    after = 400
    changed = change_future(prices, after, kind)
    later = replace(forecast, law=forecast.law.map(np.copy))
    later.law.loc[after + 1 :] *= -3
    later = later.between(end=changed.times[-1])
    later.law.loc[~changed.mask] = np.nan
    parameters = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
    one = backtest(forecast, prices, strategy=strategy, parameters=parameters)
    two = backtest(later, changed, strategy=strategy, parameters=parameters, execution="next_open")
    for name in one.ledgers:
        for what in ("equity", "positions", "trades", "costs"):
            before, now = (getattr(b.ledgers[name], what)[: after + 1] for b in (one, two))
            assert np.array_equal(before, now), (name, what)


def test_missing_bars_are_counted_and_told(forecast: Forecast, prices: Panel) -> None:
    book = backtest(forecast, prices, strategy="equal_weight")
    assert book.trades.loc["buy_and_hold", "stale_marks"] == 10
    (counted,) = (note for note in book.notes if "marks of a holding without a bar" in note)
    assert "buy_and_hold 10" in counted
    assert any("buy_and_hold holds 3 of 4 tickers" in note for note in book.notes)


def test_a_delisted_holding_is_told() -> None:
    closes = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, (30, 3)), axis=0))
    closes[20:, 2] = np.nan
    panel = make_panel(closes)
    book = backtest(make_forecast(panel, np.zeros((30, 3))), panel, strategy="equal_weight")
    assert any("C has no bar after 2020-01-28" in note for note in book.notes)


def test_the_span_is_that_of_the_forecasts(forecast: Forecast, prices: Panel) -> None:
    early = forecast.between(end="2011-06-30")
    book = backtest(early, prices, start="2010-03-01", end="2011-12-30")
    assert book.notes[1].startswith("Ends on 2011-06-30: no forecast from then until 2011-12")
    assert str(book.equity.index[0].date()) == "2010-03-01"
    assert str(book.equity.index[-1].date()) == "2011-06-30"
    late = replace(forecast, law=forecast.law.map(np.copy))
    late.law.loc[:100] = np.nan
    notes = backtest(late, prices, start="2010-02-01", notes=["Seen in training."]).notes
    assert notes[1] == "Seen in training."
    assert "Begins on 2010-05-24: no forecast from 2010-02-01 until then." in notes


def test_higher_costs_are_not_richer(forecast: Forecast, prices: Panel) -> None:
    final = [backtest(forecast, prices, costs=Costs(bps)).equity.iloc[-1] for bps in (0, 20, 80)]
    assert (final[0] > final[1]).all()
    assert (final[1] > final[2]).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strategy": "longshort"}, ConfigError, "did you mean 'long_short'"),
        ({"parameters": {"top_k": 3}}, ConfigError, "top_k = 3: expected 1 to 2"),
        ({"parameters": {"k": 3}}, ConfigError, "has no parameter 'k'"),
        ({"execution": "now"}, ConfigError, "execution 'now'"),
        ({"start": "2031-01-01"}, DataError, "no forecast of test forecaster from 2031-01-01"),
        ({"start": "2011-01-01", "end": "2010-12-01"}, DataError, "no forecast of"),
        ({"start": "2010-03-01", "end": "2010-03-03"}, DataError, "only 3 bars from 2010-03-01"),
    ],
)
def test_refuses_in_one_line(
    forecast: Forecast,
    prices: Panel,
    options: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        backtest(forecast, prices, **options)
    assert "\n" not in str(caught.value)


def test_a_function_may_not_hide_a_benchmark(forecast: Forecast, prices: Panel) -> None:
    def momentum(forecast: Forecast) -> np.ndarray:
        return np.zeros(forecast.mask.shape)

    with pytest.raises(ConfigError, match="a function called momentum"):
        backtest(forecast, prices, strategy=momentum)


def test_refuses_an_empty_forecast(forecast: Forecast, prices: Panel) -> None:
    nothing = replace(forecast, law=forecast.law.map(lambda x: np.full_like(x, np.nan)))
    with pytest.raises(DataError, match="it covers no bar at all"):
        backtest(nothing, prices)


def test_refuses_the_forecast_of_other_prices(forecast: Forecast, prices: Panel) -> None:
    with pytest.raises(DataError, match="Pass the same panel"):
        backtest(forecast, prices.between(end="2011-01-31"))
    with pytest.raises(DataError, match="is not in"):
        backtest(forecast, prices.select(["AAA", "BBB"]))


def test_what_cash_earns_is_neither_alpha_nor_skill() -> None:
    panel = random_walk(500, 6, seed=1)
    forecast = noise_forecast(panel, 2)
    poor, rich = (
        backtest(forecast, panel, account=AccountTerms(cash_yield=rate), n_random=0)
        for rate in (0.0, 0.2)
    )
    assert rich.stats.loc["long_short", "sharpe"] > poor.stats.loc["long_short", "sharpe"] + 1
    assert rich.luck.psr == pytest.approx(poor.luck.psr, abs=0.02)
    alphas = [made.relative.loc["buy_and_hold", "alpha"] for made in (poor, rich)]
    assert alphas[1] == pytest.approx(alphas[0], abs=0.05)
