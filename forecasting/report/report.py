"""The report: what a model is worth, on one page that opens anywhere and asks nobody."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.plots import calibration, gains_by_part, reliability
from forecasting.forecast.fan_chart import fan_chart
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, day
from forecasting.report import captions, forecast_part, tables
from forecasting.report.page import render, write_page
from forecasting.report.pictures import picture
from forecasting.report.provenance import provenance
from forecasting.report.strategy_part import strategy_part


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
        """The main figures by name: fan chart, calibration, reliability, gains, equity curves."""
        shown = self.newest.select(self.evaluation.tickers[: forecast_part.FAN_TICKERS])
        return {
            "fan_chart": fan_chart(shown, self.prices),
            "calibration": calibration(self.evaluation),
            "reliability": reliability(self.evaluation),
            "gains": gains_by_part(self.evaluation),
            **{f"equity_{book.strategy}": FIGURES["equity"](book) for book in self.books},
        }

    def html(self) -> str:
        """The page."""
        return render("report.html.j2", self._content())

    def write(self, path: Path) -> None:
        """Write the page; the file is whole or as it was.

        Raises:
            DataError: The path cannot be written.
        """
        write_page(self.html(), path)

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
        judged = self.newest.between(evaluation.start, None)
        latest = self.newest.latest()
        return {
            "name": self.model.name,
            "evaluation": evaluation,
            "captions": captions,
            "span": f"{captions.counted(len(evaluation.tickers), 'ticker')} of "
            f"{self.prices.source}, {day(evaluation.start)} to {day(evaluation.end)}, "
            f"{captions.counted(evaluation.n_dates, 'date')}.",
            "unseen": unseen(self.model, evaluation, warnings),
            "stamp": captions.audit(said),
            "chosen": captions.chosen(said),
            "warnings": warnings,
            "notes": notes,
            "verdicts": tables.verdict_table(evaluation),
            "scores": [(h, tables.score_table(evaluation, h)) for h in evaluation.horizons],
            "location": tables.location_table(evaluation),
            "origins": [tables.moment(origin) for origin in latest["origin"].unique()],
            "forecasts": tables.forecast_table(latest),
            "gains": picture(self.figures["gains"], forecast_part.gain_words(evaluation)),
            "coverage": tables.calibration_table(evaluation),
            "conformal": tables.conformal_table(evaluation),
            **forecast_part.forecast_part(judged, self.prices, evaluation),
            "strategy_verdicts": tables.strategy_table(self.books),
            "strategies": [strategy_part(book) for book in self.books],
            "provenance": provenance(self.model, self.prices),
            "recipe": self.model.files.recipe.to_yaml(),
        }


def unseen(model: NetworkForecaster, evaluation: Evaluation, warnings: list[str]) -> str:
    """Which of the dates and tickers the model has seen, in a sentence; empty if in sample."""
    if any(warning.startswith(captions.IN_SAMPLE) for warning in warnings):
        return ""
    known = sum(model.corpus.knows(ticker) for ticker in evaluation.tickers)
    return (
        f"{model.name} has seen no bar of these dates: it was trained and chosen on earlier ones. "
        f"Of these tickers it knows {known} of {len(evaluation.tickers)} from those earlier dates."
    )
