"""The report: what a model is worth, on one page that opens anywhere and asks nobody.

Figures are inlined PNGs, the style sheet is inline, and the page forbids every outside request.
"""

import base64
import os
import uuid
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
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
from forecasting.evaluation.plots import calibration, gains_by_part
from forecasting.forecast.fan_chart import fan_chart
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, day
from forecasting.report import captions, tables

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

    @cached_property
    def newest(self) -> Forecast:
        """The forecasts of the tickers that are judged."""
        return self.forecast.select(self.evaluation.tickers)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures of the report by name: fan chart, calibration, gains, equity curves."""
        shown = self.newest.select(self.evaluation.tickers[:FAN_TICKERS])
        return {
            "fan_chart": fan_chart(shown, self.prices),
            "calibration": calibration(self.evaluation),
            "gains": gains_by_part(self.evaluation),
            **{f"equity_{book.strategy}": equity_plot(book) for book in self.books},
        }

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
        page = self.html()
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(page, encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise DataError(
                f"the report {path} cannot be written ({error.strerror}): expected a file in a "
                "writable folder. Choose another path."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Evaluation and backtests as JSON types."""
        return {
            "model": str(self.model.folder),
            "evaluation": self.evaluation.to_dict(),
            "backtests": [book.to_dict() for book in self.books],
        }

    def _content(self) -> dict[str, Any]:
        evaluation = self.evaluation
        said = (*evaluation.notes, *(note for book in self.books for note in book.notes))
        warnings, notes = captions.warnings_first(said)
        latest = self.newest.latest()
        return {
            "name": self.model.name,
            "evaluation": evaluation,
            "start": day(evaluation.start),
            "end": day(evaluation.end),
            "source": self.prices.source,
            "captions": captions,
            "stamp": captions.audit(said),
            "chosen": captions.chosen(said),
            "warnings": warnings,
            "notes": notes,
            "verdicts": tables.verdict_table(evaluation),
            "scores": [(h, tables.score_table(evaluation, h)) for h in evaluation.horizons],
            "location": tables.location_table(evaluation),
            "origins": [tables.moment(origin) for origin in latest["origin"].unique()],
            "forecasts": tables.forecast_table(latest),
            "fans": [
                (ticker, picture(fan_chart(self.newest.select([ticker]), self.prices)))
                for ticker in evaluation.tickers[:FAN_TICKERS]
            ],
            "calibration": picture(self.figures["calibration"]),
            "coverage": tables.calibration_table(evaluation),
            "conformal": tables.conformal_table(evaluation),
            "gains": picture(self.figures["gains"]),
            "terms": list(dict.fromkeys(f"{b.timing} {b.costs.describe()}" for b in self.books)),
            "strategy_verdicts": tables.strategy_table(self.books),
            "strategies": [
                {
                    "name": book.strategy,
                    "title": tables.describe_strategy(book),
                    "statistics": tables.statistics_table(book),
                    "comparisons": tables.comparison_table(book),
                    "picture": picture(self.figures[f"equity_{book.strategy}"]),
                }
                for book in self.books
            ],
            "provenance": self._provenance(),
            "recipe": self.model.files.recipe.to_yaml(),
        }

    def _provenance(self) -> dict[str, str]:
        corpus = self.model.corpus
        metrics = defaultdict(lambda: "unknown", self.model.files.metrics)
        validation, test = corpus.validation_start[:10], corpus.test_start[:10]
        return {
            "trained on": f"{len(corpus.tickers)} tickers of {corpus.source}, labels known before "
            f"{validation}",
            "chosen on": f"{validation} to {test}",
            "started from": ", ".join(parent.name for parent in corpus.parents) or "nothing",
            "features": f"{corpus.features}: {', '.join(corpus.feature_names)}",
            "training data hash": corpus.vintage,
            "test data hash": self.prices.vintage,
            **({"training universe": corpus.universe} if corpus.universe else {}),
            "seed": f"{metrics['seed']} (one training; other seeds will differ)",
            "MLflow run": str(metrics["mlflow_run_id"]),
            "code": f"forecasting {__version__}; trained by {metrics['version']}, commit "
            f"{metrics['git_commit']}",
        }


def picture(figure: Figure) -> Markup:
    """A figure as the source of an image: a PNG inlined as a data address."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return Markup("data:image/png;base64,") + base64.b64encode(buffer.getvalue()).decode()
