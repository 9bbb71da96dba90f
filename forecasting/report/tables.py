"""The report's tables as text, ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class Table:
    """Column heads and rows of cells."""

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def score_table(evaluation: Evaluation, horizon: int) -> Table:
    """Scores of the model and its rivals at one horizon, with the verdict against each rival."""
    heads = (
        "forecaster",
        "NLL",
        "CRPS, bps",
        "cover 50",
        "cover 80",
        "cover 95",
        "gain, nats",
        "t",
        "detectable",
        "verdict",
    )
    table = evaluation.table().query("horizon == @horizon")
    rows = [
        (
            str(row["forecaster"]),
            f"{row['nll']:.4f}",
            f"{row['crps'] * 1e4:.2f}",
            f"{row['cover50']:.1%}",
            f"{row['cover80']:.1%}",
            f"{row['cover95']:.1%}",
            _or_dash(row["gain"], "+.4f"),
            _or_dash(row["t"], "+.1f"),
            _or_dash(row["detectable"], ".4f"),
            str(row["verdict"]),
        )
        for row in table.to_dict(orient="records")
    ]
    return Table(heads, rows)


def location_table(evaluation: Evaluation) -> Table:
    """Whether the predicted mean beats a mean of zero, a row a horizon."""
    rows = [
        (str(row["horizon"]), f"{row['r2']:+.4%}", _or_dash(row["t"], "+.1f"), str(row["verdict"]))
        for row in evaluation.location.to_dict(orient="records")
    ]
    return Table(("bars ahead", "R2 against zero", "t", "verdict"), rows)


STATISTICS = {
    "total_return": ("total return", "+.1%"),
    "cagr": ("CAGR", "+.2%"),
    "volatility": ("volatility", ".1%"),
    "sharpe": ("Sharpe", ".2f"),
    "max_drawdown": ("max drawdown", ".1%"),
    "turnover": ("turnover a year", ".1f"),
    "cost_share": ("costs a year", ".2%"),
}


def backtest_table(book: Backtest) -> Table:
    """The main statistics of a strategy and its benchmarks."""
    known = {name: look for name, look in STATISTICS.items() if name in book.stats}
    rows = [
        (str(name), *(_or_dash(row[key], form) for key, (_, form) in known.items()))
        for name, row in book.stats.iterrows()
    ]
    return Table(("account", *(head for head, _ in known.values())), rows)


def strategy_verdicts(book: Backtest) -> Table:
    """Whether the strategy earned more a bar than cash and each benchmark."""
    rows = [
        (
            each.against,
            f"{each.per_year:+.2%}",
            f"{each.test.t:+.1f}",
            str(each.verdict),
        )
        for each in book.comparisons
    ]
    return Table((f"{book.strategy} against", "difference a year", "t", "verdict"), rows)


def _or_dash(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)
