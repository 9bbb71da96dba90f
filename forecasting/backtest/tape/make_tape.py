"""From a panel of prices to the tape that an account trades on."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.corporate_actions import corporate_actions
from forecasting.backtest.tape.liquidity import traded_money, volatility
from forecasting.backtest.tape.notes import ActionCounts, unknown_spread, unknown_volume
from forecasting.backtest.tape.spreads import half_spread
from forecasting.backtest.tape.tape import Basis, Tape
from forecasting.errors import DataError
from forecasting.market.features.bars import Bars
from forecasting.market.features.pieces import blocks
from forecasting.market.panel import COLUMNS, Panel

Gaps = tuple[Int[np.ndarray, " gap"], Int[np.ndarray, " gap"], Int[np.ndarray, " gap"]]

_DAYS_A_YEAR = 365.0
_SPLIT, _DIVIDEND = COLUMNS.index("split"), COLUMNS.index("dividend")
_NEEDS = {
    SpreadModel.FIXED: (),
    SpreadModel.BUCKET: ("close", "volume"),
    SpreadModel.ESTIMATED: ("high", "low", "close"),
}


def make_tape(panel: Panel, execution: Execution, costs: Costs) -> Tape:
    """What an account needs of these prices.

    The basis is RAW where every ticker quotes close, adjusted close, dividend and split, else
    ADJUSTED. A split or dividend recorded where its ticker has no bar counts at its next one, as
    the price that it belongs to is not known before. Volatility, traded money and the spread are
    measured on a ticker's own bars, and stay what they were where it has none.

    Args:
        panel: Prices.
        execution: At which price of a bar its orders are filled.
        costs: How the spread is found. Where it is not known yet, half of it is
            `costs.slippage_bps`.

    Raises:
        DataError: The spread is to be found from columns that a ticker does not have.
    """
    _require(panel, costs.spread)
    basis, present = basis_of(panel), panel.mask
    if basis is Basis.RAW:
        present = present & np.isfinite(panel.column("close"))
        panel = _with_actions_at_bars(panel, present)
    seen = _Measured(panel, present, basis, costs)
    gaps = _gaps(present)
    return Tape(
        times=panel.times,
        tickers=panel.tickers,
        basis=basis,
        fill=np.where(present, _fill_prices(panel, execution, basis), np.nan),
        mark=_carried(_closes(panel, basis).copy(), gaps, before=0.0),
        present=present,
        split=seen.split,
        dividend=seen.dividend,
        half_spread=_carried(seen.half_spread, gaps, before=costs.slippage_bps / 10_000),
        volatility=_carried(seen.volatility, gaps),
        volume=_carried(seen.volume, gaps),
        elapsed=_elapsed(panel.times),
        member=panel.member,
        notes=(
            *seen.counts.notes(),
            *unknown_volume(panel, seen.volume),
            *unknown_spread(seen.unknown_spreads, costs.slippage_bps),
        ),
    )


class _Measured:
    """What is computed on each ticker's own bars; NaN, or no action, where it has none."""

    def __init__(
        self, panel: Panel, present: Bool[np.ndarray, "time ticker"], basis: Basis, costs: Costs
    ) -> None:
        shape = present.shape
        self.split, self.dividend = np.ones(shape), np.zeros(shape)
        self.half_spread, self.volatility, self.volume = np.full((3, *shape), np.nan)
        self.counts, self.unknown_spreads = ActionCounts(), 0
        for rows, chosen in blocks(present):
            cells = np.ix_(rows, chosen)
            bars = _bars(panel, rows, chosen)
            volume = traded_money(bars.dollar_volume)
            spread = half_spread(costs, bars, volume)
            unknown = np.isnan(spread)
            spread[unknown] = costs.slippage_bps / 10_000
            self.unknown_spreads += int(unknown.sum())
            self.half_spread[cells], self.volume[cells] = spread.T, volume.T
            self.volatility[cells] = volatility(bars.log_return).T
            if basis is Basis.RAW:
                actions = corporate_actions(bars)
                self.split[cells], self.dividend[cells] = actions.split.T, actions.dividend.T
                self.counts.add(actions, panel, rows, chosen)


def basis_of(panel: Panel) -> Basis:
    """RAW where every ticker that has bars quotes all that it takes, else ADJUSTED."""
    traded = panel.mask.any(axis=0)
    quoted = all(
        np.isfinite(panel.column(name)).any(axis=0)[traded].all()
        for name in ("close", "dividend", "split")
    )
    return Basis.RAW if quoted else Basis.ADJUSTED


def _closes(panel: Panel, basis: Basis) -> Float[np.ndarray, "time ticker"]:
    return panel.column("close" if basis is Basis.RAW else "adj_close")


def _fill_prices(
    panel: Panel, execution: Execution, basis: Basis
) -> Float[np.ndarray, "time ticker"]:
    """Prices at which a bar's orders are filled; NaN where it cannot be traded.

    The adjusted open is open * adj_close / close, the adjustment that the same bar's close got.
    """
    if execution is Execution.NEXT_CLOSE:
        return _closes(panel, basis)
    if basis is Basis.RAW:
        return panel.column("open")
    return panel.column("open") * panel.column("adj_close") / panel.column("close")


def _require(panel: Panel, spread: SpreadModel) -> None:
    """Refuse a spread that the prices cannot tell."""
    for name in _NEEDS[spread]:
        lacks = panel.mask.any(axis=0) & ~np.isfinite(panel.column(name)).any(axis=0)
        if lacks.any():
            raise DataError(
                f"spread {spread}: {panel.tickers[int(np.argmax(lacks))]} has no {name} in "
                f"{panel.source}; expected {', '.join(_NEEDS[spread])} of every ticker. Use spread "
                f"{SpreadModel.FIXED}, or prices that have them."
            )


def _with_actions_at_bars(panel: Panel, present: Bool[np.ndarray, "time ticker"]) -> Panel:
    """The panel with each split and dividend on a bar of its ticker, the next one if need be."""
    absent = np.argwhere(~present)
    actions = panel.values[absent[:, 0], absent[:, 1]][:, [_SPLIT, _DIVIDEND]]
    split, dividend = np.nan_to_num(actions, nan=0.0).T
    stray = absent[(dividend != 0) | ((split > 0) & (split != 1))]
    if not len(stray):
        return panel
    values = panel.values.copy()
    for bar, k in stray[::-1]:  # the newest first, so that each falls onto all later ones
        later = np.flatnonzero(present[bar:, k])
        if len(later):
            _join(values[bar, k], values[bar + later[0], k])
    return replace(panel, values=values)


def _join(earlier: Float[np.ndarray, " column"], bar: Float[np.ndarray, " column"]) -> None:
    """Put the actions of an earlier row before those of a bar, in place."""
    ratio = earlier[_SPLIT] if earlier[_SPLIT] > 0 else 1.0
    bar[_DIVIDEND] = np.nan_to_num(earlier[_DIVIDEND]) + ratio * np.nan_to_num(bar[_DIVIDEND])
    bar[_SPLIT] = ratio * (bar[_SPLIT] if bar[_SPLIT] > 0 else 1.0)


def _bars(panel: Panel, rows: Int[np.ndarray, " bar"], chosen: Int[np.ndarray, " ticker"]) -> Bars:
    """The bars of tickers that trade on the same rows, gaps closed up."""
    return Bars(
        times=panel.times[rows],
        columns=np.ascontiguousarray(panel.values[np.ix_(rows, chosen)].transpose(2, 1, 0)),
        previous_time=np.full(len(chosen), np.datetime64("NaT", "ns")),
        previous_close=np.full(len(chosen), np.nan),
        market_return=None,
    )


def _gaps(present: Bool[np.ndarray, "time ticker"]) -> Gaps:
    """Cells without a bar: their row, their column, and the row of the bar before, -1 if none."""
    rows = np.where(present, np.arange(len(present), dtype=np.int32)[:, None], np.int32(-1))
    bar, ticker = np.nonzero(~present)
    return bar, ticker, np.maximum.accumulate(rows, axis=0, out=rows)[bar, ticker]


def _carried(
    values: Float[np.ndarray, "time ticker"], gaps: Gaps, before: float = np.nan
) -> Float[np.ndarray, "time ticker"]:
    """`values`, in place, with each ticker's newest one in its gaps; `before` before its first."""
    bar, ticker, newest = gaps
    values[bar, ticker] = np.where(newest >= 0, values[newest, ticker], before)
    return values


def _elapsed(times: np.ndarray) -> Float[np.ndarray, " time"]:
    """Calendar years since the bar before, actual days over 365."""
    days = np.diff(times, prepend=times[:1]) / np.timedelta64(1, "s") / 86_400
    return days / _DAYS_A_YEAR
