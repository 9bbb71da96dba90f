"""The tables of one strategy's page, as text."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.backtest.accounting.ledger import COUNTS
from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.style import money
from forecasting.backtest.statistics.bootstrap import LEVEL
from forecasting.report.tables import Table, or_dash

KEY_NUMBERS = {
    "total_return": ("return, whole span", "+.1%"),
    "cagr": ("CAGR", "+.2%"),
    "volatility": ("volatility, a year", ".1%"),
    "sharpe": ("Sharpe", ".2f"),
    "sortino": ("Sortino", ".2f"),
    "calmar": ("Calmar", ".2f"),
    "max_drawdown": ("deepest drawdown", ".1%"),
    "drawdown_bars": ("longest drawdown, bars", ",.0f"),
    "hit_rate": ("bars with a gain", ".1%"),
    "skew": ("skew", "+.2f"),
    "tail_ratio": ("tail ratio", ".2f"),
    "gross_exposure": ("gross exposure", ".0%"),
    "net_exposure": ("net exposure", "+z.0%"),
    "turnover": ("turnover, a year", ".1f"),
    "cost_share": ("costs, a year", ".2%"),
    "break_even_bps": ("break-even cost, bps", ",.1f"),
}
"""Statistic to what it is called and how it is written."""

RELATIVE = {
    "alpha": ("alpha, a year", "+.2%"),
    "alpha_t": ("t of alpha", "+.1f"),
    "beta": ("beta", ".2f"),
    "correlation": ("correlation", ".2f"),
    "tracking_error": ("tracking error", ".1%"),
    "information_ratio": ("information ratio", ".2f"),
    "up_capture": ("up capture", ".2f"),
    "down_capture": ("down capture", ".2f"),
}
"""The same of `Backtest.relative`."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Shaded:
    """A cell with a shade: text, and "" or the name of a style."""

    text: str
    shade: str


def key_numbers(book: Backtest) -> Table:
    """The strategy's statistics with their intervals, and its benchmarks beside it."""
    own, *others = book.stats.index
    rows = []
    for name, (head, form) in KEY_NUMBERS.items():
        if name in book.stats.columns:
            values = [or_dash(book.stats.loc[each, name], form) for each in (own, *others)]
            rows.append((head, values[0], _interval(book.intervals, name, form), *values[1:]))
    return Table(("", str(own), f"{LEVEL:.0%} interval", *map(str, others)), rows)


def relative_table(book: Backtest) -> Table:
    """Alpha, beta and the like against each benchmark."""
    shown = [name for name in RELATIVE if name in book.relative.columns]
    rows = [
        (str(name), *(or_dash(row[column], RELATIVE[column][1]) for column in shown))
        for name, row in book.relative.iterrows()
    ]
    return Table(("against", *(RELATIVE[column][0] for column in shown)), rows)


def monthly_rows(book: Backtest) -> tuple[tuple[str, ...], list[tuple[str, list[Shaded]]]]:
    """Column heads, and a row a year: returns in per cent, the larger half shaded deeper."""
    values = book.monthly.to_numpy(dtype=float)
    known = np.abs(values[np.isfinite(values)])
    middle = float(np.median(known)) if len(known) else 0.0
    rows = [
        (str(year), [_shaded(value, middle) for value in row])
        for year, row in zip(book.monthly.index, values.tolist(), strict=True)
    ]
    return ("year", *_MONTHS, "whole year"), rows


def drawdown_table(book: Backtest) -> Table:
    """The deepest drawdowns, numbered as in the figure."""
    rows = [
        (
            str(k),
            or_dash(row["depth"], ".1%"),
            *(_day(row[name]) for name in ("start", "bottom")),
            "not yet" if pd.isna(row["recovered"]) else _day(row["recovered"]),
            f"{row['bars_down']:,.0f}",
            or_dash(row["bars_to_recover"], ",.0f"),
        )
        for k, row in enumerate(book.drawdowns.to_dict(orient="records"), start=1)
    ]
    return Table(("number", "depth", "from", "deepest", "recovered", "bars down", "bars up"), rows)


def capacity_table(book: Backtest) -> Table:
    """Growth and Sharpe ratio by capital; no rows where capacity is not known."""
    found = book.what_if.capacity
    columns = zip(found.capitals, found.cagr, found.sharpe, strict=True)
    rows = [
        (money(float(f"{capital:.2g}")), or_dash(growth, "+.2%"), or_dash(sharpe, ".2f"))
        for capital, growth, sharpe in columns
    ]
    return Table(("capital", "CAGR", "Sharpe"), rows)


def sensitivity_table(changed: pd.DataFrame, head: str) -> Table:
    """What was changed, and growth and Sharpe ratio then."""
    rows = [
        (f"{at:g}", or_dash(row["cagr"], "+.2%"), or_dash(row["sharpe"], ".2f"))
        for at, row in changed.iterrows()
    ]
    return Table((head, "CAGR", "Sharpe"), rows)


def counts_table(book: Backtest) -> Table:
    """Every fallback and how often it was taken, the frequent ones first."""
    counted = sorted(book.counts.items(), key=lambda item: -item[1])
    rows = [(COUNTS.get(name, name.replace("_", " ")), f"{count:,}") for name, count in counted]
    return Table(("what happened", "times"), rows)


def terms(book: Backtest) -> dict[str, str]:
    """Everything that decided the result, by name: parameters, costs, account, timing."""
    settings: dict[str, Mapping[str, Any]] = {
        "parameter": book.parameters,
        "costs": asdict(book.costs),
        "account": asdict(book.account),
    }
    said = {"strategy": book.strategy, "forecasts": book.forecaster, "timing": book.timing}
    for kind, values in settings.items():
        said |= {f"{kind}: {name.replace('_', ' ')}": _value(v) for name, v in values.items()}
    return said


def _interval(intervals: pd.DataFrame, name: str, form: str) -> str:
    if name not in intervals.index:
        return ""
    low, high = intervals.loc[name, ["low", "high"]].to_numpy(dtype=float)
    return "-" if pd.isna(low) else f"{low:{form}} to {high:{form}}"


def _shaded(value: float, middle: float) -> Shaded:
    if np.isnan(value):
        return Shaded("", "")
    side = "gain" if value > 0 else "loss" if value < 0 else ""
    return Shaded(f"{100 * value:+.1f}", f"deep {side}" if side and abs(value) > middle else side)


def _value(value: Any) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}"
