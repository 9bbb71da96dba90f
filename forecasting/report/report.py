"""The report: what a model is worth, on one page that opens anywhere and asks nobody.

Figures are inlined PNGs, the style sheet is inline, and the page forbids every outside request.
"""

import base64
import os
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from forecasting import __version__
from forecasting.backtest.book import Backtest
from forecasting.backtest.plots import equity_plot
from forecasting.errors import DataError
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.plots import calibration
from forecasting.forecast.fan_chart import fan_chart
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, day
from forecasting.report.tables import (
    backtest_table,
    location_table,
    score_table,
    strategy_verdicts,
)

FAN_TICKERS = 6


@dataclass(frozen=True, eq=False)
class Report:
    """What a report is made of.

    Attributes:
        model: The model that is judged.
        prices: What it was judged on.
        forecast: Its forecasts of `prices`.
        evaluation: Scores and verdicts.
        books: Backtests, one a strategy.
    """

    model: NetworkForecaster
    prices: Panel
    forecast: Forecast
    evaluation: Evaluation
    books: tuple[Backtest, ...]

    def figures(self) -> dict[str, Figure]:
        """The figures of the report by name: fan chart, calibration, an equity curve a strategy."""
        shown = self.evaluation.tickers[:FAN_TICKERS]
        figures = {
            "fan_chart": fan_chart(self.forecast.select(shown), self.prices),
            "calibration": calibration(self.evaluation),
        }
        return figures | {f"equity_{book.strategy}": equity_plot(book) for book in self.books}

    def html(self) -> str:
        """The page."""
        environment = Environment(
            loader=PackageLoader("forecasting.report", "."),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return environment.get_template("report.html.j2").render(self._content())

    def write(self, path: Path) -> None:
        """Write the page; the file is whole or not there.

        Raises:
            DataError: The path cannot be written.
        """
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(self.html(), encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise DataError(
                f"the report {path} cannot be written ({error.strerror}): expected a writable "
                "file. Choose another --out."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Evaluation and backtests as JSON types."""
        return {
            "model": str(self.model.folder),
            "evaluation": self.evaluation.to_dict(),
            "backtests": [book.to_dict() for book in self.books],
        }

    def _content(self) -> dict[str, Any]:
        evaluation, corpus, metrics = self.evaluation, self.model.corpus, self.model.files.metrics
        figures = self.figures()
        strategies = [
            {
                "book": book,
                "stats": backtest_table(book),
                "verdicts": strategy_verdicts(book),
                "picture": picture(figures[f"equity_{book.strategy}"]),
            }
            for book in self.books
        ]
        notes = dict.fromkeys(note for book in self.books for note in book.notes)
        return {
            "name": self.model.name,
            "evaluation": evaluation,
            "start": day(evaluation.start),
            "end": day(evaluation.end),
            "source": self.prices.source,
            "counts": Counter(str(verdict) for verdict in evaluation.verdicts["verdict"]),
            "scores": [(h, score_table(evaluation, h)) for h in evaluation.horizons],
            "location": location_table(evaluation),
            "fan_chart": picture(figures["fan_chart"]),
            "calibration": picture(figures["calibration"]),
            "strategies": strategies,
            "strategy_notes": list(notes),
            "provenance": {
                "trained on": f"{len(corpus.tickers)} tickers of {corpus.source}, labels known "
                f"before {corpus.validation_start[:10]}",
                "validated on": f"{corpus.validation_start[:10]} to {corpus.test_start[:10]}",
                "features": f"{corpus.features}: {', '.join(corpus.feature_names)}",
                "training data hash": corpus.vintage,
                "test data hash": self.prices.vintage,
                "seed": f"{metrics['seed']} (one training; other seeds will differ)",
                "MLflow run": metrics["mlflow_run_id"],
                "code": f"forecasting {__version__}, trained by {metrics['version']}, commit "
                f"{metrics['git_commit']}",
            },
            "recipe": self.model.files.recipe.to_yaml(),
        }


def picture(figure: Figure) -> Markup:
    """A figure as the source of an image: a PNG inlined as a data address."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return Markup("data:image/png;base64,") + base64.b64encode(buffer.getvalue()).decode()
