"""Results of a model, added to the MLflow run that trained it."""

from pathlib import Path

from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.report.report import Report
from forecasting.report.tables import STATISTICS
from forecasting.training.results import track_results
from forecasting.workflow.evaluated_card import card_files


def track_evaluation(model: NetworkForecaster, made: Evaluation) -> str:
    """Add scores, verdicts and card to the model's MLflow run; returns the run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    return track_results(model, _metrics(made), files=card_files(model))


def track_backtest(model: NetworkForecaster, made: Backtest) -> str:
    """Add the statistics of a strategy to the model's MLflow run; returns the run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    return track_results(model, _statistics(made), files=card_files(model))


def track_report(made: Report, path: Path) -> str:
    """Add a report, its figures, forecasts and numbers to the model's run; returns its id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    metrics = _metrics(made.evaluation)
    for book in made.books:
        metrics |= _statistics(book)
    tested = made.forecast.between(made.evaluation.start, made.evaluation.end)
    files = (path, *card_files(made.model))
    return track_results(made.model, metrics, figures=made.figures, forecast=tested, files=files)


def _statistics(made: Backtest) -> dict[str, float]:
    """A strategy's statistics as flat MLflow metrics."""
    own = made.stats.loc[made.strategy].to_dict()
    return {f"backtest_{made.strategy}_{name}": own[name] for name in STATISTICS}


def _metrics(made: Evaluation) -> dict[str, float]:
    """Test scores and gains as flat MLflow metrics."""
    metrics: dict[str, float] = {}
    own = made.scores[made.scores["forecaster"] == made.model]
    for row in own.to_dict(orient="records"):
        names = ("nll", "crps", "cover95")
        metrics |= {f"test_{name}_h{row['horizon']}": row[name] for name in names}
    for row in made.verdicts.to_dict(orient="records"):
        against = f"{row['rival']}_h{row['horizon']}"
        metrics |= {f"test_gain_over_{against}": row["gain"], f"test_t_over_{against}": row["t"]}
    return metrics
