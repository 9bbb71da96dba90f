from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting.report import captions, tables
from forecasting.report.report import Report


def test_scores_say_what_the_evaluation_says(report: Report) -> None:
    evaluation = report.evaluation
    table = tables.score_table(evaluation, 5)
    assert [row[0] for row in table.rows] == [evaluation.model, *evaluation.rivals]
    assert all(len(row) == len(table.heads) for row in table.rows)
    assert table.rows[0][6:] == ("", "", "", "")
    own = evaluation.scores.query("forecaster == @evaluation.model and horizon == 5").iloc[0]
    assert table.rows[0][1:4] == (
        f"{own['nll']:.4f}",
        f"{own['crps'] * 1e4:.2f}",
        f"{own['cover50']:.1%}",
    )
    for row in table.rows[1:]:
        assert row[-1] == evaluation.verdict(row[0], 5)


def test_overviews_hold_all_verdicts(report: Report) -> None:
    evaluation = report.evaluation
    table = tables.verdict_table(evaluation)
    assert table.heads == ("jamba-tiny against", "1 bar ahead", "5 bars ahead", "21 bars ahead")
    *rivals, mean = table.rows
    for name, *verdicts in rivals:
        assert verdicts == [evaluation.verdict(name, h) for h in evaluation.horizons]
    assert list(mean[1:]) == list(evaluation.location["verdict"])
    traded = tables.strategy_table(report.books)
    assert [row[0] for row in traded.rows] == [book.strategy for book in report.books]
    assert traded.heads == ("strategy against", "cash", "buy_and_hold", "equal_weight")
    found = [list(row[1:]) for row in traded.rows]
    assert found == [[str(c.verdict) for c in book.comparisons] for book in report.books]


def test_statistics_have_units(report: Report) -> None:
    book = report.books[0]
    table = tables.statistics_table(book)
    own = dict(zip(table.heads, table.rows[0], strict=True))
    assert own["account"] == "long_short"
    assert own["return"] == f"{book.stats.loc['long_short', 'total_return']:+.1%}"
    assert [row[0] for row in table.rows] == list(book.stats.index)


def test_what_was_not_computed_is_a_dash(report: Report) -> None:
    book = replace(report.books[0])
    book.__dict__["stats"] = report.books[0].stats.assign(sharpe=np.nan)
    assert {row[4] for row in tables.statistics_table(book).rows} == {"-"}


def test_strategy_is_described_as_a_person_would(report: Report) -> None:
    described = tables.describe_strategy(report.books[2])
    assert described.startswith("volatility_target (bars_per_year 26")
    assert "target_volatility 0.1," in described
    assert not [word for word in described.replace(",", " ").split() if len(word) > 17]


def test_forecasts_name_their_day_only_where_it_differs(report: Report) -> None:
    latest = report.newest.latest()
    assert tables.forecast_table(latest).heads[:3] == ("ticker", "bars", "price")
    mixed = latest.assign(origin=pd.date_range("2020-01-01", periods=len(latest), freq="h"))
    table = tables.forecast_table(mixed)
    assert table.heads[:3] == ("ticker", "after", "bars")
    assert [row[1] for row in table.rows[:2]] == ["2020-01-01", "2020-01-01 01:00"]
    assert table.rows[0][2:] == tables.forecast_table(latest).rows[0][1:]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234.50"), (62.614, "62.61"), (1.0, "1.00"), (0.00012345, "0.0001234")],
)
def test_prices_have_the_digits_they_need(value: float, text: str) -> None:
    assert tables.price(value) == text


def test_notes_that_void_the_result_come_apart() -> None:
    notes = ("a", "IN SAMPLE: b", captions.SURVIVORS, "a", "IN SAMPLE: b", "c")
    assert captions.warnings_first(notes) == (["IN SAMPLE: b"], ["a", "c"])


def test_summary_counts(report: Report) -> None:
    found = [
        int(word.strip(",."))
        for word in captions.summary(report.evaluation).split()
        if word.strip(",.").isdigit()
    ]
    assert found[:2] == [5, 3]
    assert sum(found[2:]) == 15
