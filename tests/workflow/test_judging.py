import numpy as np
import pandas as pd
import pytest

import forecasting as fc
from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.workflow import backtesting, judging


@pytest.fixture(scope="module")
def model(model_folder):
    return fc.load_model(model_folder)


def test_verdicts_start_on_the_first_unseen_bar(model, prices: Panel) -> None:
    made = judging.evaluate(model, prices, track=False)
    assert made.start == np.datetime64(model.corpus.test_start, "ns")
    assert not [note for note in made.notes if note.startswith("IN SAMPLE")]


def test_earlier_start_is_in_sample_everywhere(model, prices: Panel) -> None:
    early = {"start": "2011-06-01"}
    made = judging.evaluate(model, prices, track=False, **early)
    assert made.notes[0].startswith("LEAK AUDIT: NOT RUN")
    assert made.notes[1].startswith("IN SAMPLE")
    with pytest.raises(DataError, match=r"expected 2011-\S+ or later\. --in-sample"):
        backtesting.backtest(model, prices, track=False, **early)
    book = backtesting.backtest(model, prices, track=False, in_sample=True, **early)
    assert sum(note.startswith("IN SAMPLE") for note in book.notes) == 1


def test_nothing_after_the_end_is_looked_at(model, prices: Panel) -> None:
    shorter = prices.between(None, "2012-02-01")
    for verb in (judging.evaluate, backtesting.backtest):
        asked = verb(model, prices, end="2012-02-01", track=False)
        cut = verb(model, shorter, track=False)
        one, other = asked.to_dict(), cut.to_dict()
        assert one["verdicts"] == other["verdicts"]
        assert one["end"] == other["end"] <= "2012-02-01"


def test_twin_says_nothing_twice(model, prices: Panel) -> None:
    stranger = Panel.from_frames(
        {
            name: pd.DataFrame(
                prices.values[prices.mask[:, k], k, :6],
                columns=["open", "high", "low", "close", "volume", "adj_close"],
                index=prices.times[prices.mask[:, k]],
            )
            for k, name in enumerate(("AAA", "NEW"))
        }
    )
    notes = judging.evaluate(model, stranger, track=False).notes
    assert len(notes) == len(set(notes))
    assert sum("was not in training (NEW)" in note for note in notes) == 1


def test_report_asks_the_model_once(model, prices: Panel, tmp_path, monkeypatch) -> None:
    asked = []
    forecast = type(model).forecast

    def counting(self, panel):
        asked.append(self.name)
        return forecast(self, panel)

    monkeypatch.setattr(type(model), "forecast", counting)
    page = tmp_path / "page.html"
    made = judging.report(model, prices, page, strategies=["long_short"], track=False)
    assert asked == ["jamba-tiny", "gru-twin"]
    assert made.evaluation.to_dict() == judging.evaluate(model, prices, track=False).to_dict()
    book = backtesting.backtest(model, prices, strategy="long_short", track=False).to_dict()
    assert made.books[0].to_dict() == book


def test_progress_names_each_step(model, prices: Panel, tmp_path) -> None:
    words: list[str] = []
    judging.report(model, prices, tmp_path / "page.html", progress=words.append, track=False)
    for step in ("forecasts of gru-twin", "baseline EWMA-t", "backtest long_only", "report"):
        assert step in words


@pytest.mark.parametrize("span", [{"start": "soon"}, {"start": "2012-02-02", "end": "2012-02-01"}])
def test_spans_that_cannot_be(span, model, prices: Panel, tmp_path) -> None:
    for verb in (judging.evaluate, backtesting.backtest):
        with pytest.raises(DataError, match="expected"):
            verb(model, prices, **span)
    with pytest.raises(DataError, match="expected"):
        judging.report(model, prices, tmp_path / "page.html", **span)
    assert not list(tmp_path.iterdir())
