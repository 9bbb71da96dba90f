"""What each figure of a strategy shows, in words and numbers, for who does not see it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.drawdowns import MARKED
from forecasting.backtest.figures.rolling_sharpe import rolling_sharpe
from forecasting.backtest.figures.style import money
from forecasting.report.tables import or_dash


def _equity(book: Backtest) -> str:
    ends = book.equity.iloc[-1] / book.equity.iloc[0]
    fell = book.stats["max_drawdown"]
    accounts = (
        f"{name} at {ends[name]:.2f} (deepest fall {fell[name]:.0%})" for name in ends.index
    )
    times = book.equity.index
    return (
        f"Equity and drawdown from {_day(times[0])} to {_day(times[-1])}; of a start of 1 ended "
        f"{', '.join(accounts)}."
    )


def _rolling_sharpe(book: Backtest) -> str:
    returns = book.returns[book.strategy]
    sharpe = rolling_sharpe(returns, book.bars_per_year)["sharpe"].dropna()
    if sharpe.empty:
        return (
            f"Sharpe ratio of the last year: not known of {len(returns)} returns, as a year has "
            f"{round(book.bars_per_year)} or they do not vary."
        )
    return (
        f"Sharpe ratio of the trailing year with its 95 % band: lowest {sharpe.min():.2f} "
        f"({_day(sharpe.idxmin())}), highest {sharpe.max():.2f} ({_day(sharpe.idxmax())}), at the "
        f"end {sharpe.iloc[-1]:.2f}; above zero on {(sharpe > 0).mean():.0%} of the bars."
    )


def _drawdowns(book: Backtest) -> str:
    if book.drawdowns.empty:
        return "Drawdowns: equity never fell below an earlier high."
    worst = (
        f"{row['depth']:.1%} from {_day(row['start'])} to {_day(row['bottom'])}"
        for row in book.drawdowns.head(MARKED).to_dict(orient="records")
    )
    return f"Equity with its deepest drawdowns marked: {'; '.join(worst)}."


def _exposure(book: Backtest) -> str:
    held, traded = book.exposure, book.turnover_by_month
    return (
        f"Exposure and turnover: gross {held['gross'].mean():.0%} of equity on average (at most "
        f"{held['gross'].max():.0%}), net {held['net'].mean():+.0%} (from {held['net'].min():+.0%} "
        f"to {held['net'].max():+.0%}); {traded.mean():.0%} of equity traded in a mean month."
    )


def _costs(book: Backtest) -> str:
    *parts, net = book.costs_waterfall.items()
    said = ", ".join(f"{name} {value:+.1%}" for name, value in parts if value)
    return f"From gross profit to net, of the starting capital: {said}; {net[0]} {net[1]:+.1%}."


def _holdings(book: Backtest) -> str:
    size = book.weights.abs().mean().sort_values(ascending=False, kind="stable")
    held = size[size > 0]
    if held.empty:
        return "Holdings over time: nothing was held."
    largest = ", ".join(f"{name} {value:.1%}" for name, value in held.head(3).items())
    return (
        f"Holdings over time, a row a ticker: {len(held)} of {len(size)} tickers were held; the "
        f"largest by mean size of the weight: {largest}."
    )


def _random(book: Backtest) -> str:
    return f"Histogram of random strategies' Sharpe ratios. {book.what_if.random.sentence()}"


def _sensitivity(book: Backtest) -> str:
    costs, delay = book.what_if.by_cost["sharpe"], book.what_if.by_delay["sharpe"]
    return (
        f"Sharpe ratio by cost: {_points(costs, '{:g} bps')}; by delay of every decision: "
        f"{_points(delay, '{:g} bars')}."
    )


def _capacity(book: Backtest) -> str:
    found = book.what_if.capacity
    points = zip(found.capitals, found.cagr, strict=True)
    said = ", ".join(f"{growth:+.1%} at {money(float(f'{at:.2g}'))}" for at, growth in points)
    return f"Growth a year by capital: {said}. {found.sentence()}"


def _points(values: pd.Series, form: str) -> str:
    return ", ".join(
        f"{or_dash(value, '.2f')} at {form.format(at)}" for at, value in values.items()
    )


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}"


ALT_TEXTS: dict[str, Callable[[Backtest], str]] = {
    "equity": _equity,
    "rolling_sharpe": _rolling_sharpe,
    "drawdowns": _drawdowns,
    "exposure": _exposure,
    "costs": _costs,
    "holdings": _holdings,
    "random": _random,
    "sensitivity": _sensitivity,
    "capacity": _capacity,
}
"""Name in the gallery to its words; the monthly returns stand on the page as a table."""
