"""Results of a model, added to the MLflow run that trained it."""

from pathlib import Path

from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.report.report import Report
from forecasting.report.tables import STATISTICS
from forecasting.training.results import track_results


def track_evaluation(model: NetworkForecaster, made: Evaluation) -> str:
    """Add scores and verdicts to the model's MLflow run; returns the run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    return track_results(model, _metrics(made))


def track_report(made: Report, path: Path) -> str:
    """Add a report, its figures, forecasts and numbers to the model's run; returns its id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    metrics = _metrics(made.evaluation)
    for book in made.books:
        own = book.stats.loc[book.strategy].to_dict()
        metrics |= {f"backtest_{book.strategy}_{name}": own[name] for name in STATISTICS}
    tested = made.forecast.between(made.evaluation.start, made.evaluation.end)
    return track_results(made.model, metrics, figures=made.figures, forecast=tested, files=(path,))


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
