"""Two trained models side by side: on bars that neither has seen, told apart, and told truly."""

from dataclasses import replace

import numpy as np
import pytest

import forecasting as fc
from forecasting.errors import DataError
from forecasting.workflow import judging
from forecasting.workflow.judged_span import judged_span
from forecasting.workflow.opponent import oppose


@pytest.fixture
def model(model_folder):
    return fc.load_model(model_folder)


@pytest.fixture
def twin(model_folder):
    return fc.load_model(model_folder / "twin")


def later(model, **corpus):
    """The model, as if its corpus had said something else."""
    files = replace(model.files, corpus=model.corpus.model_copy(update=corpus))
    return type(model)(files, model.network, model.folder)


def test_it_is_one_more_rival(model, twin, prices):
    alone = judging.evaluate(model, prices, track=False)
    beside = judging.evaluate(model, prices, against=twin, track=False)
    name = f"{model.folder.name}/twin"
    assert beside.rivals == (name, *alone.rivals)
    # It is the twin under another name, and so are its scores.
    told = beside.verdicts.set_index("rival")
    for column in ("gain", "t"):
        assert np.array_equal(told.loc[name, column], told.loc["gru-twin", column])
    assert f"{name}: trained before 2011-08-15, on all of these tickers, so that none is " in (
        " ".join(beside.notes)
    )


def test_a_model_is_no_better_than_itself(model, prices):
    span = judged_span(model, prices)
    made = oppose(model, model, span)
    assert made.name == "/".join(model.folder.parts[-2:])
    assert made.notes[1:] == ("The two have the same weights: they are one model.",)
    assert made.forecast(prices).notes == ()
    verdicts = judging.evaluate(model, prices, against=model, track=False).verdicts
    own = verdicts[verdicts["rival"] == made.name]
    assert (own["gain"] == 0).all()
    assert not own["verdict"].isin(["BEATS", "LOSES"]).any()


def test_kin_and_strangers(model, twin, prices):
    span = judged_span(model, prices)
    assert oppose(model, twin, span).notes[1:] == (
        "The two were trained on the same prices: they differ by settings and seed alone.",
    )
    members = {k: v for k, v in model.corpus.members.items() if k != "AAA"}
    for scored, expected in (
        (None, "on 3 of these 4 tickers; zero-shot is the other 1."),
        (["AAA"], "on none of these tickers, so that all are zero-shot."),
        (["BBB", "CCC"], "on all of these tickers, so that none is zero-shot."),
    ):
        (note,) = oppose(model, later(twin, members=members), span, scored).notes
        assert note.endswith(expected)


def test_bars_that_it_has_seen_are_refused(model, twin, prices):
    other = later(twin, test_start="2011-10-03")
    with pytest.raises(DataError, match=r"was trained .* before 2011-10-03.*Pass --start"):
        judging.evaluate(model, prices, against=other, track=False)
    assert oppose(model, other, judged_span(model, prices, start="2011-10-03")).model is other


def test_its_sealed_bars_are_refused(model, twin, prices):
    data = twin.files.recipe.data.model_copy(update={"holdout": "2012-01-03"})
    files = replace(twin.files, recipe=twin.files.recipe.model_copy(update={"data": data}))
    sealed = type(twin)(files, twin.network, twin.folder)
    with pytest.raises(DataError, match="sealed a hold-out from 2012-01-03"):
        oppose(model, sealed, judged_span(model, prices))
    assert oppose(model, sealed, judged_span(model, prices, end="2011-12-30")).model is sealed
