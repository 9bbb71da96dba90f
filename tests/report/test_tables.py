from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting.backtest.strategies.registry import BENCHMARKS
from forecasting.forecast.significance import Verdict
from forecasting.report import captions, tables
from forecasting.report.report import Report


def test_scores_say_what_the_evaluation_says(report: Report) -> None:
    evaluation = report.evaluation
    table = tables.score_table(evaluation, 5)
    assert [row[0] for row in table.rows] == [evaluation.model, *evaluation.rivals]
    assert all(len(row) == len(table.heads) for row in table.rows)
    assert table.rows[0][4:] == ("", "", "", "")
    own = evaluation.scores.query("forecaster == @evaluation.model and horizon == 5").iloc[0]
    assert table.rows[0][1:4] == (
        f"{own['nll']:.4f}",
        f"{own['crps_skill']:+.1%}",
        f"{own['cover90']:.1%}",
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
    assert traded.heads == ("strategy against", "cash", *BENCHMARKS)
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
    ruined = "long_short: The account was ruined at the close of 2020-03-16."
    assert captions.warnings_first(["a", ruined]) == ([ruined], ["a"])


def test_summary_counts(report: Report) -> None:
    evaluation = report.evaluation
    summary = captions.summary(evaluation)
    assert f"against {len(evaluation.rivals)} rivals at 3 horizons" in summary
    found = [int(part.split()[-1].strip(".")) for part in summary.split(": ")[1].split(", ")]
    assert found == [(evaluation.verdicts["verdict"] == verdict).sum() for verdict in Verdict]


def test_calibration_is_that_of_the_model(report: Report) -> None:
    evaluation = report.evaluation
    table = tables.calibration_table(evaluation)
    assert table.heads[1:5] == ("50%", "80%", "90%", "95%")
    assert [row[0] for row in table.rows] == ["1", "5", "21"]
    own = evaluation.coverage.query("forecaster == @evaluation.model and horizon == 5")
    for cell, row in zip(table.rows[1][1:5], own.to_dict(orient="records"), strict=True):
        assert cell == f"{row['coverage']:.1%}" + "*" * (row["p"] < 0.05)


def test_breakdown_is_against_the_best_baseline(report: Report) -> None:
    evaluation = report.evaluation
    rows = evaluation.overall.query("horizon == 1 and against == 'baselines'")
    found = evaluation.over_best(1, "year")
    assert set(found["rival"]) == {rows["best_rival"].iloc[0]}
    table = tables.breakdown_table(evaluation, 1, "year")
    assert [row[0] for row in table.rows] == list(found["group"])
    assert [row[-1] for row in table.rows] == list(found["verdict"])


OVERALL = {
    "horizon": 1,
    "against": "baselines",
    "n_rivals": 9,
    "n_beaten": 9,
    "best_rival": "linear-t",
    "gain_over_best": 0.0008,
    "t": 2.3,
    "detectable": 0.0009,
    "spa_p": 0.6,
    "confidence_set": "",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"verdict": "BEATS"},
            "1 bar: BEATS all 9 baselines (+0.0008 nats a bar over linear-t, t +2.3); this span "
            "could have seen gains of 0.0009 nats a bar.",
        ),
        (
            {"verdict": "NO EVIDENCE", "n_beaten": 6, "confidence_set": "model, linear-t"},
            "1 bar: NO EVIDENCE: beats 6 of 9 baselines (+0.0008 nats a bar over linear-t, t "
            "+2.3); this span could have seen gains of 0.0009 nats a bar. May be the best (90 % "
            "set): model, linear-t.",
        ),
        (
            {"verdict": "LOSES", "gain_over_best": -0.01, "t": -3.1, "spa_p": 0.004},
            "1 bar: LOSES to the best of 9 baselines (-0.0100 nats a bar over linear-t, t -3.1), "
            "p 0.004 over all of them.",
        ),
        (
            {"verdict": "LOSES", "gain_over_best": -0.01, "t": -3.1, "spa_p": 0.0},
            "1 bar: LOSES to the best of 9 baselines (-0.0100 nats a bar over linear-t, t -3.1), "
            "p < 0.001 over all of them.",
        ),
        (
            {"verdict": "NOT ENOUGH DATA", "t": np.nan, "detectable": np.nan},
            "1 bar: NOT ENOUGH DATA for a test against 9 baselines.",
        ),
    ],
)
def test_overall_verdict_in_a_sentence(
    change: dict[str, object], sentence: str, report: Report
) -> None:
    made = replace(report.evaluation, overall=pd.DataFrame([OVERALL | change]))
    assert captions.overall(made) == [sentence]


def test_other_rivals_are_named_where_they_change_the_verdict(report: Report) -> None:
    baselines = OVERALL | {"verdict": "BEATS"}
    wider = {"against": "all", "best_rival": "twin", "verdict": "NO EVIDENCE", "t": 0.3}
    made = replace(report.evaluation, overall=pd.DataFrame([baselines, baselines | wider]))
    (sentence,) = captions.overall(made)
    assert "With the other rivals: NO EVIDENCE (+0.0008 nats a bar over twin, t +0.3)." in sentence


def test_parts_are_counted(report: Report) -> None:
    evaluation = report.evaluation
    lines = captions.parts(evaluation)
    years, tickers = (evaluation.over_best(1, by) for by in ("year", "ticker"))
    assert f"better in {(years['gain'] > 0).sum()} of {len(years)} years" in lines[0]
    assert f"for {(tickers['gain'] > 0).sum()} of {len(tickers)} tickers" in lines[0]
    assert [line.split(",")[0] for line in lines] == ["1 bar", "5 bars", "21 bars"]


def test_stamp_has_a_place_of_its_own() -> None:
    notes = ("a", "LEAK AUDIT: PASSED (12 tests, 2026-01-01)")
    assert captions.audit(notes) == notes[1]
    assert captions.audit(("a",)) == ""
    assert captions.warnings_first(notes) == ([], ["a"])
