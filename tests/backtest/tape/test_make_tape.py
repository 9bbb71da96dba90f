"""The tape of a panel: its basis, its prices, what is known when, and what is refused."""

from dataclasses import fields, replace

import numpy as np
import pytest
from backtest.tape.quotes import Quotes, market
from future import KINDS, change_future
from market.universes import day_of, roster, universe

from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Basis, Tape
from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation import simulate
from forecasting.market.sources import load_prices
from forecasting.market.universe import Spell

EVENTS = simulate("leverage", n_tickers=8, n_bars=400, seed=3, events=True)
"""Late listings, halts, delistings, splits and dividends."""
GRIDS = tuple(
    each.name for each in fields(Tape) if each.name not in ("tickers", "basis", "member", "notes")
)
RETURNS = np.resize([0.02, -0.01, 0.005], 39)


def without(panel: Panel, *names: str) -> Panel:
    values = panel.values.copy()
    values[:, :, [COLUMNS.index(name) for name in names]] = np.nan
    return replace(panel, values=values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", list(SpreadModel))
@pytest.mark.parametrize("execution", list(Execution))
def test_the_future_changes_nothing_before(
    kind: str, spread: SpreadModel, execution: Execution
) -> None:
    costs = Costs(spread=spread)
    tape = make_tape(EVENTS, execution, costs)
    for after in (15, 120, 333):
        changed = make_tape(change_future(EVENTS, after, kind), execution, costs)
        assert changed.basis is tape.basis
        for name in GRIDS:
            np.testing.assert_array_equal(
                getattr(changed, name)[: after + 1], getattr(tape, name)[: after + 1], name
            )


def test_raw_fills_and_marks_are_the_quotes() -> None:
    panel = market(Quotes(RETURNS, {10: 2.0}, {20: 1.0}))
    opened = make_tape(panel, Execution.NEXT_OPEN, Costs())
    closed = make_tape(panel, Execution.NEXT_CLOSE, Costs())
    np.testing.assert_array_equal(opened.fill, panel.column("open"))
    for prices in (closed.fill, closed.mark, opened.mark):
        np.testing.assert_array_equal(prices, panel.column("close"))


@pytest.mark.parametrize("missing", ["close", "dividend", "split"])
def test_one_column_less_is_adjusted(missing: str) -> None:
    panel = without(market(Quotes(RETURNS, {10: 2.0}, {20: 1.0})), missing)
    tape = make_tape(panel, Execution.NEXT_CLOSE, Costs())
    assert tape.basis is Basis.ADJUSTED
    assert (tape.split == 1).all()
    assert (tape.dividend == 0).all()
    for prices in (tape.fill, tape.mark):
        np.testing.assert_array_equal(prices, panel.column("adj_close"))


def test_one_ticker_without_dividends_moves_all_to_adjusted_prices() -> None:
    panel = market(Quotes(RETURNS), Quotes(-RETURNS))
    values = panel.values.copy()
    values[:, 1, COLUMNS.index("dividend")] = np.nan
    assert (
        make_tape(replace(panel, values=values), Execution.NEXT_OPEN, Costs()).basis
        is Basis.ADJUSTED
    )


def test_the_adjusted_open_is_adjusted_as_its_close_is() -> None:
    panel = without(market(Quotes(RETURNS, {10: 2.0}, {20: 1.0})), "split")
    fill = make_tape(panel, Execution.NEXT_OPEN, Costs()).fill
    np.testing.assert_allclose(fill, 0.999 * panel.column("adj_close"), rtol=1e-14)


def test_gaps_keep_what_was_known_and_cannot_be_traded() -> None:
    tape = make_tape(EVENTS, Execution.NEXT_OPEN, Costs())
    assert not tape.present.all()
    np.testing.assert_array_equal(np.isfinite(tape.fill), tape.present)
    for t, k in np.argwhere(~tape.present):
        if t and tape.present[:t, k].any():
            for grid in (tape.mark, tape.volatility, tape.volume, tape.half_spread):
                np.testing.assert_equal(grid[t, k], grid[t - 1, k])
        else:
            assert tape.mark[t, k] == 0
            assert np.isnan(tape.volatility[t, k])
            assert np.isnan(tape.volume[t, k])


def test_a_ticker_is_measured_on_its_own_bars() -> None:
    tape = make_tape(EVENTS, Execution.NEXT_OPEN, Costs(spread=SpreadModel.ESTIMATED))
    for ticker in EVENTS.tickers:
        alone = make_tape(
            EVENTS.select([ticker]), Execution.NEXT_OPEN, Costs(spread=SpreadModel.ESTIMATED)
        )
        k = EVENTS.tickers.index(ticker)
        own = tape.present[:, k]
        for name in ("volatility", "volume", "half_spread", "split", "dividend", "mark"):
            np.testing.assert_array_equal(getattr(tape, name)[own, k], getattr(alone, name)[:, 0])


def test_elapsed_counts_calendar_days() -> None:
    tape = make_tape(market(Quotes(RETURNS)), Execution.NEXT_OPEN, Costs())
    # 2020-01-01 was a Wednesday.
    np.testing.assert_allclose(365 * tape.elapsed[:5], [0, 1, 1, 3, 1])


@pytest.mark.parametrize("final_return", [-0.3, 0.25, -0.99])
def test_a_final_return_is_a_bar_of_raw_prices(final_return: float) -> None:
    panel = market(Quotes(RETURNS, {10: 2.0}, {20: 1.0}), Quotes(-RETURNS))
    bars = panel.values.copy()
    bars[30:, 0] = np.nan
    panel = replace(panel, values=bars)
    table = universe(
        Spell("A", day_of(panel, 0), day_of(panel, 29), final_return),
        Spell("B", day_of(panel, 0), None),
    )
    tape = make_tape(table.apply(panel), Execution.NEXT_OPEN, Costs())
    assert tape.basis is Basis.RAW
    assert tape.member is not None
    assert not tape.member[30, 0]
    assert tape.present[30, 0]
    expected = panel.column("close")[29, 0] * (1 + final_return)
    assert tape.fill[30, 0] == tape.mark[30, 0] == pytest.approx(expected)
    assert (tape.split[30, 0], tape.dividend[30, 0]) == (1, 0)
    assert not tape.notes


def test_members_come_with_the_panel() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    tape = make_tape(marked, Execution.NEXT_OPEN, Costs())
    assert marked.member is not None
    np.testing.assert_array_equal(tape.member, marked.member)


def test_between_keeps_what_was_known_before() -> None:
    tape = make_tape(EVENTS, Execution.NEXT_OPEN, Costs())
    part = tape.between(EVENTS.times[100], EVENTS.times[199])
    for name in GRIDS:
        expected = getattr(tape, name)[100:200].copy()
        if name == "elapsed":
            expected[0] = 0
        np.testing.assert_array_equal(getattr(part, name), expected)


def test_prices_without_volume_say_so() -> None:
    panel = market(Quotes(RETURNS), Quotes(-RETURNS))
    told = make_tape(without(panel, "volume"), Execution.NEXT_OPEN, Costs()).notes
    assert told == ("No impact and no participation cap: the prices have no volume.",)
    values = panel.values.copy()
    values[:, 1, COLUMNS.index("volume")] = 0
    told = make_tape(replace(panel, values=values), Execution.NEXT_OPEN, Costs()).notes
    assert told == ("No impact and no participation cap: B has no volume.",)


@pytest.mark.parametrize(
    ("spread", "missing"),
    [
        (SpreadModel.ESTIMATED, "high"),
        (SpreadModel.ESTIMATED, "low"),
        (SpreadModel.ESTIMATED, "close"),
        (SpreadModel.BUCKET, "volume"),
    ],
)
def test_refuses_a_spread_that_the_prices_cannot_tell(spread: SpreadModel, missing: str) -> None:
    panel = without(market(Quotes(RETURNS)), missing)
    message = f"spread {spread}: A has no {missing} in test quotes; expected .* Use spread fixed"
    with pytest.raises(DataError, match=message):
        make_tape(panel, Execution.NEXT_CLOSE, Costs(spread=spread))


@pytest.mark.parametrize(
    ("name", "basis"), [("sample-ohlcv", Basis.ADJUSTED), ("sample", Basis.ADJUSTED)]
)
def test_bundled_prices(name: str, basis: Basis) -> None:
    panel = load_prices(name)
    tape = make_tape(panel, Execution.choose(panel), Costs())
    assert tape.basis is basis
    np.testing.assert_array_equal(tape.mark[tape.present], panel.column("adj_close")[panel.mask])
    known = np.isfinite(tape.volume[30:][tape.present[:-30]])
    assert known.all() if panel.has("volume") else bool(tape.notes)


def test_each_basis_says_what_a_share_is() -> None:
    assert "dividends are paid in cash" in Basis.RAW.describe()
    assert "dividends are reinvested" in Basis.ADJUSTED.describe()
