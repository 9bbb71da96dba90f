import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import forecasting as fc
from forecasting.errors import DataError
from forecasting.forecast.significance import Verdict
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report import captions
from forecasting.report.report import Report

HOSTILE = "<script>alert(1)</script>"


class Elements(HTMLParser):
    """The elements of a page: tag and attributes, and the text of table cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[tuple[str | None, str]] = []
        self._cell: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "td":
            self._cell = ""

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            last = [attrs for name, attrs in self.found if name == "td"][-1]
            self.cells.append((last.get("class"), self._cell or ""))
            self._cell = None

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def test_page_needs_nobody(page: str) -> None:
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", page)
    for word in ("http:", "https:", "url(", "@import", "javascript:", " on" + "error=", "src=//"):
        assert word not in text
    elements = Elements(page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    assert all(
        (image["src"] or "").startswith("data:image/png;base64,iVBOR")
        for image in elements.all("img")
    )
    assert all(image["alt"] for image in elements.all("img"))


def test_page_forbids_every_request(page: str) -> None:
    policies = [
        meta["content"] or ""
        for meta in Elements(page).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    (policy,) = policies
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules


def test_every_verdict_has_its_cell(page: str, report: Report) -> None:
    colours = {str(v): v.lower().replace(" ", "-") for v in Verdict}
    shown = [(css, text) for css, text in Elements(page).cells if text in colours]
    assert all(css == colours[text] for css, text in shown)
    evaluation = report.evaluation
    once = len(evaluation.verdicts) + len(evaluation.location)
    traded = sum(len(book.comparisons) for book in report.books)
    # Each stands in the overview and beside its numbers.
    assert len(shown) == 2 * (once + traded)


def test_page_says_what_has_to_be_said(page: str, report: Report) -> None:
    for words in (
        captions.SURVIVORS,
        "Not investment advice",
        captions.NOT_MATCHED_FOR_RISK,
        report.books[0].timing,
        report.books[0].costs.describe(),
        report.model.corpus.vintage,
        report.prices.vintage,
        "none of them seen in training",
        *(note for note in report.evaluation.notes),
    ):
        escaped = words.replace("'", "&#39;").replace(">", "&gt;")
        assert words in page or escaped in page
    assert page.count("Survivorship") == 1
    assert captions.IN_SAMPLE not in page


def test_images(page: str, report: Report) -> None:
    fans = len(report.evaluation.tickers)
    assert len(Elements(page).all("img")) == fans + 2 + len(report.books)
    assert set(report.figures) == {"fan_chart", "calibration", "gains"} | {
        f"equity_{book.strategy}" for book in report.books
    }


def test_in_sample_is_shown_loudly(model: NetworkForecaster, prices: Panel, tmp_path: Path) -> None:
    made = fc.report(
        model,
        prices,
        tmp_path / "page.html",
        start="2011-06-01",
        strategies=["long_only"],
        track=False,
    )
    page = made.html()
    assert page.count("IN SAMPLE: the span starts 2011-06-01") == 1
    assert '<p class="loud">IN SAMPLE' in page
    assert "none of them seen in training" not in page


def test_hostile_words_are_text(model: NetworkForecaster, prices: Panel, tmp_path: Path) -> None:
    tickers = (f"{HOSTILE}", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "CCC")
    hostile = replace(prices, tickers=tickers, source=f"{HOSTILE} prices")
    corpus = model.corpus.model_copy(update={"source": HOSTILE, "tickers": tickers})
    metrics = {"mlflow_run_id": HOSTILE, "git_commit": '" onload="alert(3)'}
    files = replace(model.files, corpus=corpus, metrics=metrics)
    victim = NetworkForecaster(files, model.network)
    page = fc.report(victim, hostile, tmp_path / "page.html", track=False).html()
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
    report: Report, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "page.html"
    report.write(path)
    assert path.read_text(encoding="utf-8") == page
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        report.write(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_report_as_values(report: Report) -> None:
    values = report.to_dict()
    assert values["evaluation"] == report.evaluation.to_dict()
    assert [book["strategy"] for book in values["backtests"]] == [
        *("long_short", "long_only", "volatility_target")
    ]
