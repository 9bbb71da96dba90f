from dataclasses import replace
from pathlib import Path

import pytest
from report.elements import Elements

import forecasting as fc
from forecasting.errors import DataError
from forecasting.forecast.significance import Verdict
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report import captions
from forecasting.report.page import write_page
from forecasting.report.report import Report, unseen

HOSTILE = "<script>alert(1)</script>"


def test_every_verdict_has_its_cell(page: str, report: Report) -> None:
    colours = {str(v): v.lower().replace(" ", "-") for v in Verdict}
    cells = [cell for table in Elements(page).tables for row in table.rows for cell in row]
    shown = [cell for cell in cells if cell.text in colours]
    assert all(cell.attributes["class"] == colours[cell.text] for cell in shown)
    evaluation = report.evaluation
    once = len(evaluation.verdicts) + len(evaluation.location)
    traded = sum(len(book.comparisons) for book in report.books)
    # Each stands in the overview and beside its numbers.
    assert len(shown) == 2 * (once + traded)


def test_page_says_what_has_to_be_said(page: str, report: Report) -> None:
    known = set(report.model.corpus.tickers) & set(report.evaluation.tickers)
    assert known
    for words in (
        captions.SURVIVORS,
        "Not investment advice",
        captions.NOT_MATCHED_FOR_RISK,
        report.books[0].timing,
        report.books[0].cost_words,
        report.model.corpus.vintage,
        report.prices.vintage,
        "jamba-tiny has seen no bar of these dates: it was trained and chosen on earlier ones. Of "
        f"these tickers it knows {len(known)} of {len(report.evaluation.tickers)} from those "
        "earlier dates.",
        *(note for note in report.evaluation.notes),
    ):
        escaped = words.replace("'", "&#39;").replace(">", "&gt;")
        assert words in page or escaped in page
    assert page.count("Survivorship") == 1
    assert captions.IN_SAMPLE not in page


def test_tickers_that_the_model_has_not_met_are_counted(report: Report) -> None:
    evaluation = replace(report.evaluation, tickers=("AAA", "ZZZ"))
    assert unseen(report.model, evaluation, []).endswith("1 of 2 from those earlier dates.")
    # A hold-out that is opened has not been seen either.
    assert unseen(report.model, evaluation, ["HOLD-OUT: opened"])
    assert unseen(report.model, evaluation, ["IN SAMPLE: the span starts early"]) == ""


def test_images(page: str, report: Report) -> None:
    pictures = 4 + len(report.evaluation.tickers)  # gains, PIT, reliability, coverage; fans
    strategies = sum(_pictures_of(page, book.strategy) for book in report.books)
    assert len(Elements(page).all("img")) in (pictures + strategies, pictures - 1 + strategies)
    assert set(report.figures) == {"fan_chart", "calibration", "reliability", "gains"} | {
        f"equity_{book.strategy}" for book in report.books
    }


def _pictures_of(page: str, strategy: str) -> int:
    """Seven of every strategy; random strategies and capacity where they are known."""
    start = page.index(f"<h3>{strategy}")
    end = page.find("<h3>", start + 1)
    return page[start : end if end > 0 else page.index("<h2>What to know")].count("<img ")


def test_in_sample_is_shown_loudly(model: NetworkForecaster, prices: Panel, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    fc.report(
        model,
        prices,
        path,
        start="2011-06-01",
        end="2011-12-30",
        strategies=["long_only"],
        in_sample=True,
        track=False,
    )
    page = path.read_text(encoding="utf-8")
    assert page.count("IN SAMPLE: the span starts 2011-06-01") == 1
    assert '<p class="loud">IN SAMPLE' in page
    assert "has seen no bar" not in page


def test_hostile_words_are_text(model: NetworkForecaster, prices: Panel, tmp_path: Path) -> None:
    tickers = (f"{HOSTILE}", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "CCC")
    hostile = replace(prices, tickers=tickers, source=f"{HOSTILE} prices")
    corpus = model.corpus.model_copy(update={"source": HOSTILE, "tickers": tickers})
    metrics = {"mlflow_run_id": HOSTILE, "git_commit": '" onload="alert(3)'}
    files = replace(model.files, corpus=corpus, metrics=metrics)
    victim = NetworkForecaster(files, model.network)
    path = tmp_path / "page.html"
    fc.report(victim, hostile, path, strategies=["long_only"], track=False)
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert "seed</dt><dd>unknown" in page
    elements = Elements(page)
    assert not elements.all("script")
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")]
    assert all((image["src"] or "").startswith("data:") for image in elements.all("img"))


def test_file_is_whole_or_as_it_was(
    page: str, report_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page
    assert [file.name for file in report_path.parent.iterdir()] == ["page.html"]

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        write_page("new", path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_report_as_values(report: Report) -> None:
    values = report.to_dict()
    assert values["evaluation"] == report.evaluation.to_dict()
    assert [book["strategy"] for book in values["backtests"]] == [
        *("long_short", "long_only", "volatility_target")
    ]
