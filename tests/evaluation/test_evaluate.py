"""The whole judgement: same cells for all, honest spans, verdicts that turn with the roles."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from evaluation.forecasters import Seer, Volatility

from forecasting.errors import DataError
from forecasting.evaluation.baselines.climatology import ClimatologyT
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT
from forecasting.evaluation.baselines.log_har import LogHarT
from forecasting.evaluation.evaluate import evaluate as evaluate_all
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.scores.proper import score_cells
from forecasting.market.panel import Panel
from forecasting.market.targets import future_log_returns

# The cheap ones, and the one that covers less than the others.
KINDS = (EwmaT, ClimatologyT, LogHarT, GjrGarchT)
BASELINES = tuple(kind.name for kind in KINDS)

evaluate = partial(evaluate_all, baselines=KINDS)


@pytest.fixture(scope="module")
def result(prices: Panel) -> Evaluation:
    return evaluate(
        Volatility("model"), prices, start="2011-10-03", rivals=[Volatility("wide", factor=3.0)]
    )


def test_everyone_is_scored_on_the_same_cells(result: Evaluation) -> None:
    assert set(result.scores["forecaster"]) == {"model", "wide", *BASELINES}
    assert (result.scores.groupby("horizon")["n"].nunique() == 1).all()
    assert result.rivals == ("wide", *BASELINES)
    assert len(result.verdicts) == 5 * 3


def test_cells_are_those_that_all_cover_and_whose_outcome_is_known(
    result: Evaluation, prices: Panel
) -> None:
    # DDD has too few training bars for GJR-GARCH, the other three trade on all bars of the span.
    bars = len(prices.between("2011-10-03").times)
    assert result.tickers == ("AAA", "BBB", "CCC")
    assert [f"{n}" for n in result.scores["n"][:3]] == [f"{3 * (bars - h)}" for h in (1, 5, 21)]
    assert result.n_dates == bars - 1
    assert pd.Timestamp(result.start) == pd.Timestamp("2011-10-03")
    assert result.end == prices.times[-2]


def test_scores_equal_a_calculation_by_hand(result: Evaluation, prices: Panel) -> None:
    span = prices.between("2011-10-03")
    forecast = Volatility("model").forecast(prices).between("2011-10-03")
    returns, _ = future_log_returns(span, (1, 5, 21))
    by_ticker = [score_cells(returns[:-5, k, 1], forecast.law[:-5, k, 1]) for k in range(3)]
    row = result.scores.query("forecaster == 'model' and horizon == 5").iloc[0]
    for score in ("nll", "crps", "cover80", "width95"):
        assert row[score] == pytest.approx(np.mean([cells[score].mean() for cells in by_ticker]))


def test_gain_is_the_difference_of_the_scores(result: Evaluation) -> None:
    table = result.table()
    for _, rows in table.groupby("horizon"):
        model = rows.iloc[0]
        assert model["forecaster"] == "model"
        assert np.isnan(model["gain"])
        assert model["verdict"] == ""
        np.testing.assert_allclose(rows["gain"].iloc[1:], rows["nll"].iloc[1:] - model["nll"])
    ewma = table.query("forecaster == 'EWMA-t'")
    np.testing.assert_allclose(ewma["crps_skill"], 0, atol=1e-12)


def test_a_bad_rival_is_beaten(result: Evaluation) -> None:
    assert result.verdict("wide", 1) == "BEATS"
    with pytest.raises(ValueError, match="no comparison with 'nobody'"):
        result.verdict("nobody", 1)


def test_verdict_turns_when_model_and_rival_swap(result: Evaluation, prices: Panel) -> None:
    swapped = evaluate(
        Volatility("wide", factor=3.0), prices, start="2011-10-03", rivals=[Volatility("model")]
    )
    one = result.verdicts.query("rival == 'wide'").set_index("horizon")
    other = swapped.verdicts.query("rival == 'model'").set_index("horizon")
    for column in ("gain", "t"):
        np.testing.assert_allclose(other[column], -one[column], rtol=1e-9)
    np.testing.assert_allclose(other["detectable"], one["detectable"], rtol=1e-9)
    assert swapped.verdict("model", 1) == "LOSES"


def test_a_rival_that_covers_less_narrows_the_cells_of_all(prices: Panel) -> None:
    late = Volatility("late", first=550)
    result = evaluate(Volatility("model"), prices, start="2011-10-03", rivals=[late])
    assert result.start == prices.times[550]
    assert result.scores["n"].max() == 3 * (len(prices.times) - 551)
    note = next(note for note in result.notes if "cells that all forecasters cover" in note)
    assert "late covers" in note
    assert "GJR-GARCH-t covers 7" in note


def test_end_hides_everything_after_it(prices: Panel) -> None:
    # Bars after the end are changed or cut off: the evaluation is the same to the last digit.
    spoiled = prices.values.copy()
    spoiled[580:] *= 3
    end = prices.times[579]
    one, other, cut = (
        evaluate(Volatility("model"), panel, start="2011-10-03", end=until).to_dict()
        for panel, until in (
            (prices, end),
            (replace(prices, values=spoiled), end),
            (prices.between(None, end), None),
        )
    )
    assert one == other == cut


def test_seeing_the_future_shows_in_the_location(prices: Panel) -> None:
    result = evaluate(Seer(), prices, start="2011-10-03")
    r2 = result.location.set_index("horizon")["r2"]
    np.testing.assert_allclose(r2, 0.75, atol=1e-9)
    assert result.location["verdict"].iloc[0] == "BEATS"


def test_location_zero_is_no_evidence(result: Evaluation) -> None:
    assert (result.location["r2"] == 0).all()
    assert (result.location["verdict"] == "NO EVIDENCE").all()


def test_notes_tell_protocol_luck_missing_tests_and_what_forecasters_say(
    result: Evaluation,
) -> None:
    notes = " ".join(result.notes)
    assert "fitted once, tested forward" in notes
    assert "known by 2011-09-30" in notes
    # At 21 bars ahead 105 dates are needed; so two horizons of six tests each.
    tested = int(result.verdicts["p"].notna().sum() + result.location["p"].notna().sum())
    assert f"{tested} verdicts at two-sided 5 %" in notes
    assert "model is made up." in notes
    assert "No GJR-GARCH-t for DDD" in notes


def test_pit_histogram_counts_every_cell(result: Evaluation) -> None:
    counts = result.pit.groupby("horizon")["count"].sum()
    model = result.scores.query("forecaster == 'model'").set_index("horizon")
    assert (counts == model["n"]).all()
    np.testing.assert_allclose(result.pit.groupby("horizon")["share"].sum(), 1)


def test_to_dict_is_json(result: Evaluation) -> None:
    tree = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert tree["model"] == "model"
    assert tree["start"] == "2011-10-03"
    assert len(tree["verdicts"]) == 15
    assert tree["scores"][0]["nll"] == pytest.approx(result.scores["nll"].iloc[0])


def test_short_span_has_scores_but_no_test(prices: Panel) -> None:
    result = evaluate(Volatility("model"), prices, start=prices.times[560])
    long = result.verdicts.query("horizon == 21")
    assert long["gain"].notna().all()
    assert long["p"].isna().all()
    assert (long["verdict"] == "NOT ENOUGH DATA").all()
    assert any(note.startswith("No test at 21 bars ahead: 19 dates") for note in result.notes)
    assert result.to_dict()["verdicts"][2]["p"] is None


def test_only_the_named_tickers_are_scored(result: Evaluation, prices: Panel) -> None:
    some = evaluate(
        Volatility("model"),
        prices,
        start="2011-10-03",
        tickers=["CCC", "AAA"],
        notes=["IN SAMPLE: made up."],
    )
    assert some.tickers == ("AAA", "CCC")
    assert some.notes[0] == "IN SAMPLE: made up."
    one, all_ = (
        r.scores.query("forecaster == 'log-HAR-t'")["n"].to_numpy() for r in (some, result)
    )
    np.testing.assert_array_equal(3 * one, 2 * all_)


def test_horizons_of_the_model_decide(prices: Panel) -> None:
    result = evaluate(
        Volatility("model", horizons=(5,)), prices, start="2011-10-03", rivals=[Volatility("more")]
    )
    assert result.horizons == (5,)
    assert set(result.scores["horizon"]) == {5}


def test_progress_names_every_step(prices: Panel) -> None:
    steps: list[str] = []
    evaluate(Volatility("model"), prices, start="2011-10-03", progress=steps.append)
    assert "forecasts of model" in steps
    assert [step for step in steps if "baseline" in step] == [f"baseline {b}" for b in BASELINES]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "2010-05-03"}, r"prices start 2010-01-04; .* Pass a later --start\."),
        ({"start": "2019-01-01"}, r"no bars from 2019-01-01 on: .* Pass an earlier --start\."),
        ({"start": "2011-10-03", "tickers": ["ZZZ"]}, "'ZZZ' is not in test prices"),
        ({"start": "2011-10-03", "end": "2011-10-03"}, "nothing to score at horizon 1"),
        (
            {"start": "2011-10-03", "rivals": [Volatility("short", horizons=(1,))]},
            r"short forecasts \[1\] bars ahead: expected \[1, 5, 21\]",
        ),
        (
            {"start": "2011-10-03", "rivals": [Volatility("EWMA-t")]},
            "two forecasters are called 'EWMA-t'",
        ),
    ],
)
def test_what_cannot_be_judged_is_an_error_with_a_way_out(
    prices: Panel, arguments: dict, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(Volatility("model"), prices, **arguments)


def test_a_forecast_of_other_bars_is_a_defect(prices: Panel) -> None:
    class Shifted(Volatility):
        def forecast(self, prices: Panel):
            return super().forecast(prices).between(prices.times[1])

    with pytest.raises(ValueError, match="not of the bars"):
        evaluate(Shifted("model"), prices, start="2011-10-03")


def test_overall_verdicts_count_baselines_first_and_all_rivals_second(result: Evaluation) -> None:
    assert list(result.overall["against"]) == ["baselines", "all"] * 3
    assert list(result.overall["n_rivals"]) == [len(KINDS), len(KINDS) + 1] * 3
    for row in result.overall.query("against == 'all'").to_dict(orient="records"):
        tests = result.verdicts[result.verdicts["horizon"] == row["horizon"]]
        assert row["n_beaten"] == (tests["verdict"] == "BEATS").sum()
        assert row["gain_over_best"] == tests["gain"].min()


def test_every_table_is_of_these_forecasters_and_horizons(result: Evaluation) -> None:
    for name in ("coverage", "calibration", "direction", "tails", "ranking"):
        table = getattr(result, name)
        assert set(table["forecaster"]) == set(result.scores["forecaster"]), name
        assert set(table["horizon"]) == set(result.horizons), name
    assert set(result.conformal["forecaster"]) == {"model", "model (calibrated)"}
    assert set(result.breakdown["by"]) == {"year", "volatility", "ticker"}
    assert any(note.startswith("Regimes: terciles") for note in result.notes)


def test_one_ticker_is_judged(random_walk: Panel) -> None:
    alone = random_walk.select(["T0"])
    made = evaluate(Volatility("model"), alone, start="2004-01-01")
    assert made.tickers == ("T0",)
    assert list(made.overall["against"]) == ["baselines"] * 3
    assert made.overall["p"].notna().all()
    assert set(made.breakdown.query("by == 'ticker'")["group"]) == {"T0"}


def test_a_span_shorter_than_its_horizon_is_an_error(random_walk: Panel) -> None:
    with pytest.raises(DataError, match="nothing to score at horizon 21"):
        evaluate(Volatility("model"), random_walk, start=random_walk.times[-15])


def test_too_few_dates_give_no_verdict_anywhere(random_walk: Panel) -> None:
    made = evaluate(Volatility("model"), random_walk, start=random_walk.times[-15 - 21])
    long = made.overall.query("horizon == 21")
    assert list(long["verdict"]) == ["NOT ENOUGH DATA"]
    assert long[["t", "p", "spa_p", "detectable"]].isna().all(axis=None)
    assert set(made.breakdown.query("horizon == 21")["verdict"]) == {"NOT ENOUGH DATA"}
    assert json.dumps(made.to_dict(), allow_nan=False)
