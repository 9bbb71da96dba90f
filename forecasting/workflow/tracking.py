"""Results of a model, added to the MLflow run that trained it, or below it."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forecasting.backtest.account_tables import trades_table
from forecasting.backtest.book import Backtest
from forecasting.backtest.statistics.luck import Luck
from forecasting.backtest.sweep.result import Sweep
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.report.report import Report
from forecasting.report.tables import STATISTICS
from forecasting.training.past_runs import known_run
from forecasting.training.results import track_below, track_results
from forecasting.workflow.evaluated_card import card_files
from forecasting.workflow.parent_run import run_of

Progress = Callable[[str], None]


def track_evaluation(model: NetworkForecaster, made: Evaluation) -> str:
    """Add scores, verdicts and card to the model's MLflow run; returns the run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    return track_results(model, _metrics(made), files=card_files(model))


def track_backtest(
    maker: NetworkForecaster | Path, made: Backtest, *, report: Path | None = None
) -> str:
    """Write a backtest as a run of its own below that of its model or walk-forward.

    The strategy's statistics are added to the model's run too.

    Args:
        maker: The model that made the forecasts, or the folder of the walk-forward.
        made: The backtest.
        report: The page that was written of it.

    Returns:
        Id of the backtest's run.

    Raises:
        TrackingError: The store cannot be reached.
    """
    above = (
        track_results(maker, _statistics(made), files=card_files(maker))
        if isinstance(maker, NetworkForecaster)
        else _run_of(maker)
    )
    return _track_account(above, made, files=() if report is None else (report,))


def _track_account(above: str | None, made: Backtest, *, files: tuple[Path, ...] = ()) -> str:
    """The run of one backtest below another run; returns its id."""
    return track_below(
        above,
        f"backtest {made.strategy} of {made.forecaster}",
        _parameters(made),
        _numbers(made),
        tags=_verdicts(made),
        curves={"equity": made.equity[made.strategy]},
        tables={"equity": made.equity, "trades": trades_table(made.ledger)},
        figures={"equity": made.plot()},
        files=files,
    )


def track_sweep(maker: NetworkForecaster | Path, made: Sweep) -> str:
    """Write a sweep as one run below that of its model or walk-forward; returns the run's id.

    Args:
        maker: The model that made the forecasts, or the folder of the walk-forward.
        made: The sweep.

    Raises:
        TrackingError: The store cannot be reached.
    """
    plain = made.base.plain()
    return track_below(
        _run_of(maker),
        f"sweep {made.base.name} of {made.forecaster}",
        {**plain, "grid": str(made.grid), "start": made.times[0], "end": made.times[-1]},
        {
            "configurations": float(made.grid.size),
            "best_sharpe": made.best_sharpe,
            "median_sharpe": made.median_sharpe,
            "positive_share": made.positive_share,
            **_luck(made.luck),
        },
        tags={
            "luck": str(made.luck.verdict),
            "best": str(made.best),
            "notes": "\n".join(made.notes),
        },
        tables={"sweep": made.table},
        figures={"heat_map": made.plot()},
    )


def track_report(made: Report, path: Path, *, progress: Progress | None = None) -> str:
    """Add a report, its figures, forecasts and numbers to the model's run; returns its id.

    Each backtest becomes a run of its own below it, as by `track_backtest`.

    Args:
        made: The report.
        path: The page that was written of it.
        progress: Called with a few words before each step that takes time.

    Raises:
        TrackingError: The store cannot be reached.
    """
    metrics = _metrics(made.evaluation)
    for book in made.books:
        metrics |= _statistics(book)
    tested = made.forecast.between(made.evaluation.start, made.evaluation.end)
    files = (path, *card_files(made.model))
    if progress is not None:
        progress(f"tracking {made.model.name}")
    above = track_results(made.model, metrics, figures=made.figures, forecast=tested, files=files)
    for book in made.books:
        if progress is not None:
            progress(f"tracking backtest {book.strategy}")
        _track_account(above, book)
    return above


def _run_of(maker: NetworkForecaster | Path) -> str | None:
    """The run of a model or walk-forward; None if this store does not have it."""
    if isinstance(maker, Path):
        return run_of(maker)
    known = known_run(str(maker.files.metrics.get("mlflow_run_id", "")))
    return None if known is None else known.run_id


def _parameters(made: Backtest) -> dict[str, Any]:
    """What decided a backtest, beside the prices."""
    return {
        "strategy": made.strategy,
        "forecaster": made.forecaster,
        "start": made.equity.index[0],
        "end": made.equity.index[-1],
        "execution": made.execution,
        **{f"costs.{name}": value for name, value in asdict(made.costs).items()},
        **{f"account.{name}": value for name, value in asdict(made.account).items()},
        **{f"strategy.{name}": value for name, value in made.parameters.items()},
    }


def _numbers(made: Backtest) -> dict[str, float]:
    """The strategy's statistics and how well luck explains them; whole numbers made float."""
    found = made.stats.loc[made.strategy].to_dict() | made.counts
    return {str(name): float(value) for name, value in found.items()} | _luck(made.luck)


def _luck(luck: Luck) -> dict[str, float]:
    """The numbers of the verdict on luck; the benchmark that it names is no metric."""
    return {
        f"luck_{name}": float(value)
        for name, value in asdict(luck).items()
        if isinstance(value, int | float)
    }


def _verdicts(made: Backtest) -> dict[str, str]:
    """The verdicts and the notes, as tags."""
    tags = {f"verdict_{each.against}": str(each.verdict) for each in made.comparisons}
    return tags | {"luck": str(made.luck.verdict), "notes": "\n".join(made.notes)}


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
