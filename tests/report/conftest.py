"""A real report of the tiny model, and the page of one of its strategies."""

from pathlib import Path

import pytest

import forecasting as fc
from forecasting.backtest.book import Backtest
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report.backtest_page import backtest_page
from forecasting.report.report import Report


@pytest.fixture(scope="session")
def model(model_folder: Path) -> NetworkForecaster:
    return fc.load_model(model_folder)


@pytest.fixture(scope="session")
def report_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "deep" / "page.html"


@pytest.fixture(scope="session")
def report(model: NetworkForecaster, prices: Panel, report_path: Path) -> Report:
    """Judged on the bars that the model has not seen."""
    return fc.report(model, prices, report_path, track=False)


@pytest.fixture(scope="session")
def page(report: Report, report_path: Path) -> str:
    """The report."""
    return report_path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def book(report: Report) -> Backtest:
    return report.books[0]


@pytest.fixture(scope="session")
def strategy_page(report: Report, book: Backtest) -> str:
    """The page of one strategy, with everything that can be on it."""
    return backtest_page(
        book,
        model=report.model,
        prices=report.prices,
        forecast=report.newest.between(report.evaluation.start, None),
        evaluation=report.evaluation,
    )


@pytest.fixture(params=["page", "strategy_page"])
def any_page(request: pytest.FixtureRequest) -> str:
    """Both kinds of pages in turn."""
    return str(request.getfixturevalue(request.param))
