"""Tables as text, ready for the terminal and for the page."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecast.significance import LEVEL

_CONFORMAL_LEVEL = 0.9


@dataclass(frozen=True)
class Table:
    """Column heads and rows of cells.

    Attributes:
        heads: One a column.
        rows: Cells, as many as heads.
        has_own: Whether the first row is the judged one, the others its rivals.
    """

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    has_own: bool = False


def score_table(evaluation: Evaluation, horizon: int) -> Table:
    """Scores of the model and its rivals at one horizon, with the verdict against each rival."""
    heads = ("forecaster", "NLL", "skill", "90%", "gain", "t", "detect", "verdict")
    rows = []
    for row in evaluation.table().query("horizon == @horizon").to_dict(orient="records"):
        means = (f"{row['nll']:.4f}", f"{row['crps_skill']:+.1%}", f"{row['cover90']:.1%}")
        test = (
            or_dash(row["gain"], "+.4f"),
            or_dash(row["t"], "+.1f"),
            or_dash(row["detectable"], ".4f"),
            str(row["verdict"]),
        )
        is_own = row["forecaster"] == evaluation.model
        rows.append((str(row["forecaster"]), *means, *(("",) * len(test) if is_own else test)))
    return Table(heads, rows, has_own=True)


def verdict_table(evaluation: Evaluation) -> Table:
    """All verdicts at a glance: a row a rival, a column a horizon."""
    ahead = [f"{h} bar{'s' if h > 1 else ''} ahead" for h in evaluation.horizons]
    rows = [
        (rival, *(evaluation.verdict(rival, h) for h in evaluation.horizons))
        for rival in evaluation.rivals
    ]
    mean = ("a mean of zero", *evaluation.location["verdict"])
    return Table((f"{evaluation.model} against", *ahead), [*rows, mean])


def location_table(evaluation: Evaluation) -> Table:
    """Whether the predicted mean beats a mean of zero, a row a horizon."""
    rows = [
        (str(row["horizon"]), f"{row['r2']:+.3%}", or_dash(row["t"], "+.1f"), row["verdict"])
        for row in evaluation.location.to_dict(orient="records")
    ]
    return Table(("bars ahead", "R2 of the mean", "t", "verdict"), rows)


def calibration_table(evaluation: Evaluation) -> Table:
    """Coverage, tails and direction of the model, a row a horizon; * where p is below 5 %."""
    own = {
        name: table[table["forecaster"] == evaluation.model].set_index("horizon")
        for name in ("coverage", "calibration", "tails", "direction")
        for table in (getattr(evaluation, name),)
    }
    levels, tails = own["coverage"]["level"].unique(), own["tails"]["level"].unique()
    heads = (
        "bars ahead",
        *(f"{level:.0%}" for level in levels),
        "PIT p",
        *(f"VaR {level:.0%}" for level in tails),
        "Brier skill",
    )
    rows = []
    for horizon in evaluation.horizons:
        covered = own["coverage"].loc[[horizon]].to_dict(orient="records")
        hits = own["tails"].loc[[horizon]].to_dict(orient="records")
        direction = own["direction"].loc[horizon]
        rows.append(
            (
                str(horizon),
                *(f"{each['coverage']:.1%}{_star(each['p'])}" for each in covered),
                or_dash(own["calibration"].loc[horizon, "p"], ".3f"),
                *(f"{each['hit_rate']:.1%}{_star(each['p'])}" for each in hits),
                f"{or_dash(direction['skill'], '+.2%')}{_star(direction['skill_p'])}",
            )
        )
    return Table(heads, rows)


def conformal_table(evaluation: Evaluation) -> Table:
    """The model's 90 % band as it is and calibrated: coverage, width, and the worst year."""
    table = evaluation.conformal[evaluation.conformal["level"] == _CONFORMAL_LEVEL]
    band = f"{_CONFORMAL_LEVEL:.0%} band"
    heads = ("bars ahead", band, "calibrated", "width", "calibrated", "worst year", "calibrated")
    rows = []
    for horizon in evaluation.horizons:
        before, after = table[table["horizon"] == horizon].to_dict(orient="records")
        rows.append(
            (
                str(horizon),
                *(f"{each['coverage']:.1%}" for each in (before, after)),
                *(f"{each['width']:.2%}" for each in (before, after)),
                *(_worst_year(each) for each in (before, after)),
            )
        )
    return Table(heads, rows)


def _worst_year(row: Mapping[Hashable, Any]) -> str:
    """The calendar year whose coverage is farthest from the level."""
    if pd.isna(row["worst_year"]):
        return "-"
    return f"{row['worst_year']}: {row['worst_year_coverage']:.1%}"


def breakdown_table(evaluation: Evaluation, horizon: int, by: str) -> Table:
    """The gain over the best baseline in each year, regime or ticker."""
    rows = [
        (
            str(row["group"]),
            str(row["n_dates"]),
            f"{row['gain']:+.4f}",
            or_dash(row["t"], "+.1f"),
            or_dash(row["detectable"], ".4f"),
            str(row["verdict"]),
        )
        for row in evaluation.over_best(horizon, by).to_dict(orient="records")
    ]
    return Table((by, "dates", "gain", "t", "detect", "verdict"), rows)


STATISTICS = {
    "total_return": ("return", "+.1%"),
    "cagr": ("CAGR", "+.2%"),
    "volatility": ("volatility", ".1%"),
    "sharpe": ("Sharpe", ".2f"),
    "max_drawdown": ("drawdown", ".1%"),
    "turnover": ("turnover", ".1f"),
    "cost_share": ("costs", ".2%"),
}
"""Statistic of an account to its column head and format."""


def statistics_table(book: Backtest) -> Table:
    """The main statistics of a strategy and its benchmarks."""
    rows = [
        (str(name), *(or_dash(row[key], form) for key, (_, form) in STATISTICS.items()))
        for name, row in book.stats.iterrows()
    ]
    return Table(("account", *(head for head, _ in STATISTICS.values())), rows, has_own=True)


def comparison_table(book: Backtest) -> Table:
    """Whether the strategy earned more a bar than cash and each benchmark."""
    rows = [
        (each.against, f"{each.per_year:+.2%}", or_dash(each.test.t, "+.1f"), str(each.verdict))
        for each in book.comparisons
    ]
    return Table((f"{book.strategy} against", "a year", "t", "verdict"), rows)


def strategy_table(books: Sequence[Backtest]) -> Table:
    """All verdicts of strategies at a glance: a row a strategy, a column a rival account."""
    rivals = list(dict.fromkeys(each.against for book in books for each in book.comparisons))
    rows = []
    for book in books:
        found = {each.against: str(each.verdict) for each in book.comparisons}
        rows.append((book.strategy, *(found.get(rival, "-") for rival in rivals)))
    return Table(("strategy against", *rivals), rows)


def forecast_table(latest: pd.DataFrame) -> Table:
    """The newest forecasts, a row a ticker and horizon; with their day where it differs.

    Args:
        latest: As `Forecast.latest` gives it.
    """
    quantiles = {"q05": "5%", "q25": "25%", "q50": "50%", "q75": "75%", "q95": "95%"}
    one_origin = latest["origin"].nunique() == 1
    heads = ("ticker", "bars", "price", "vol", "P(up)", *quantiles.values())
    rows = [
        (
            str(row["ticker"]),
            str(row["horizon"]),
            price(row["price"]),
            f"{row['volatility']:.2%}",
            f"{row['prob_up']:.1%}",
            *(f"{row[name]:+.2%}" for name in quantiles),
        )
        for row in latest.to_dict(orient="records")
    ]
    if one_origin:
        return Table(heads, rows)
    days = [moment(origin) for origin in latest["origin"]]
    return Table(
        ("ticker", "after", *heads[1:]),
        [(row[0], after, *row[1:]) for row, after in zip(rows, days, strict=True)],
    )


def describe_strategy(book: Backtest) -> str:
    """Name and parameters of a strategy, numbers as a person writes them."""
    named = [f"{name} {_parameter(value)}" for name, value in book.parameters.items()]
    return f"{book.strategy} ({', '.join(named)})" if named else book.strategy


def moment(time: pd.Timestamp) -> str:
    """A bar's time: the day alone where there is no clock time."""
    return f"{time:%Y-%m-%d}" if time == time.normalize() else f"{time:%Y-%m-%d %H:%M}"


def price(value: float) -> str:
    """A price with cents, or with four digits where cents say nothing."""
    return f"{value:,.2f}" if value >= 1 else f"{value:.4g}"


def _parameter(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def or_dash(value: float, form: str) -> str:
    """A number as text; a dash where it was not computed."""
    return "-" if pd.isna(value) else format(value, form)


def _star(p: float) -> str:
    return "*" if p < LEVEL else ""
