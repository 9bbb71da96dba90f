"""The estimated spread finds the one that was planted, within what its docstring states."""

import math

import numpy as np
import pytest
from backtest.tape.quotes import Quotes, market

from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.spreads import BUCKETS, corwin_schultz
from forecasting.market.features.bars import Bars
from forecasting.market.panel import COLUMNS, Panel

MONTHS, TRADES = 400, 390


def bounce(spread: float, volatility: float, seed: int = 0) -> Bars:
    """Trades a minute at bid or ask about a random walk; a sixth of the variance is overnight."""
    rng = np.random.default_rng(seed)
    n_bars = 21 * MONTHS
    steps = volatility * np.sqrt(5 / 6 / TRADES) * rng.standard_normal((n_bars, TRADES))
    steps[:, 0] += volatility * np.sqrt(1 / 6) * rng.standard_normal(n_bars)
    efficient = steps.cumsum().reshape(n_bars, TRADES)
    trades = np.exp(efficient + rng.choice([-spread / 2, spread / 2], (n_bars, TRADES)))
    columns = np.full((len(COLUMNS), 1, n_bars), np.nan)
    for name, values in {
        "high": trades.max(axis=1),
        "low": trades.min(axis=1),
        "close": trades[:, -1],
        "adj_close": trades[:, -1],
    }.items():
        columns[COLUMNS.index(name)] = values
    times = np.arange(n_bars).astype("datetime64[D]").astype("datetime64[ns]")
    return Bars(times, columns, np.array(["NaT"], "datetime64[ns]"), np.array([np.nan]), None)


@pytest.mark.parametrize(
    ("spread", "volatility", "least", "most"),
    [
        (0.0, 0.01, 0, 9),
        (0.0, 0.02, 0, 18),
        (0.001, 0.01, 5, 14),
        (0.005, 0.01, 33, 42),
        (0.01, 0.01, 80, 95),
        (0.01, 0.02, 60, 80),
        (0.03, 0.01, 275, 300),
    ],
)
def test_finds_a_planted_spread(
    spread: float, volatility: float, least: float, most: float
) -> None:
    estimate = corwin_schultz(bounce(spread, volatility))[0, 20::21]
    assert least <= 1e4 * estimate.mean() <= most


def test_equals_the_formula_bar_by_bar() -> None:
    rng = np.random.default_rng(1)
    panel = market(Quotes(rng.normal(0, 0.03, 40)))
    found = spread_of(panel, SpreadModel.ESTIMATED)[:, 0]
    high, low, close = (panel.column(name)[:, 0] for name in ("high", "low", "close"))
    pairs = []
    for t in range(1, len(close)):
        gap = max(low[t] / close[t - 1], 1.0) * min(high[t] / close[t - 1], 1.0)
        top, bottom = high[t] / gap, low[t] / gap
        beta = math.log(high[t - 1] / low[t - 1]) ** 2 + math.log(top / bottom) ** 2
        gamma = math.log(max(high[t - 1], top) / min(low[t - 1], bottom)) ** 2
        k = 3 - 2 * math.sqrt(2)
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
        pairs.append(2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha)))
        if t >= 10:
            expected = 1e4 * max(float(np.mean(pairs[-21:])), 0.0) / 2
            assert found[t] == pytest.approx(expected, abs=1e-7)


def spread_of(panel: Panel, model: SpreadModel) -> np.ndarray:
    """Half the spread of each cell, bps."""
    costs = Costs(slippage_bps=4, spread=model)
    return 1e4 * make_tape(panel, Execution.NEXT_CLOSE, costs).half_spread


def test_fixed_is_the_slippage() -> None:
    assert (spread_of(market(Quotes(np.zeros(30) + 0.01)), SpreadModel.FIXED) == 4).all()


@pytest.mark.parametrize(("traded", "bps"), [(2e8, 1), (1e8, 1), (9e7, 3), (1e7, 3), (1e6, 10)])
def test_buckets_by_traded_money(traded: float, bps: float) -> None:
    panel = market(Quotes(np.resize([0.1, 1 / 1.1 - 1], 30)))
    values = panel.values.copy()
    values[:, :, COLUMNS.index("volume")] = traded / panel.column("close")
    panel = Panel(panel.times, panel.tickers, values)
    assert spread_of(panel, SpreadModel.BUCKET)[:, 0].round(9).tolist() == [4] * 9 + [bps] * 22
    assert [least for least, _ in BUCKETS] == [1e8, 1e7, 0]


def test_splits_and_dividends_leave_no_spread() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, 60)
    plain = market(Quotes(returns))
    split = market(Quotes(returns, {20: 4.0, 40: 0.1}, {30: 2.0}))
    estimates = [spread_of(panel, SpreadModel.ESTIMATED) for panel in (plain, split)]
    np.testing.assert_allclose(*estimates, atol=1e-8)


def test_unknown_spreads_are_counted() -> None:
    panel = market(Quotes(np.resize([0.01, -0.01], 30)), Quotes(np.resize([0.01, -0.01], 30)))
    tape = make_tape(panel, Execution.NEXT_CLOSE, Costs(spread=SpreadModel.ESTIMATED))
    assert tape.notes == (
        "20 bars of the prices with too little before to know the spread from: half of it is taken "
        "to be 3 bps where they are traded.",
    )
