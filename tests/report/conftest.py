"""A real report of the tiny model."""

from pathlib import Path

import pytest

import forecasting as fc
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report.report import Report


@pytest.fixture(scope="session")
def model(model_folder: Path) -> NetworkForecaster:
    return fc.load_model(model_folder)


@pytest.fixture(scope="session")
def report(
    model: NetworkForecaster, prices: Panel, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """Judged on the bars that the model has not seen."""
    return fc.report(model, prices, tmp_path_factory.mktemp("report") / "page.html", track=False)


@pytest.fixture(scope="session")
def page(report: Report) -> str:
    return report.html()
