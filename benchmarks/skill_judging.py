"""Judge trained models beside the baselines: the same cells, tests and looks as `compare`'s."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from benchmarks.skill_training import Models
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.registry import BASELINES, forecast_baselines
from forecasting.evaluation.calibration.calibrate import calibrate
from forecasting.evaluation.calibration.coverage import coverage_by_date, coverage_by_year
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.evaluation.tables import conformal_cells
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.mixture import Mixture
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, start_of
from forecasting.market.sequences import make_sequences
from forecasting.training.trial_ledger import trials
from forecasting.workflow.comparison import gain_table
from forecasting.workflow.comparison_looks import count_comparison

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Scored:
    """Forecasts of networks and baselines on the same cells; the first recipe is the reference.

    Attributes:
        cells: The common cells of each horizon.
        members: Recipe to the names of its trainings in the cells.
        ensembles: Recipe to the name of its trainings' joint forecast in the cells, if it has more
            than one.
        gains: Gains and tests of recipes and baselines, as `Comparison.gains`.
    """

    cells: list[Cells]
    members: dict[str, list[str]]
    ensembles: dict[str, str]
    gains: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Judged:
    """What was measured of the networks of a part; the first recipe is the reference.

    Attributes:
        scored: Their forecasts beside those of the baselines.
        coverage: Of the reference's 90 % band after calibration, one row a horizon and calendar
            year (0 for the whole span): horizon, year, dates, and over the seeds mean, min and max;
            these are missing where a year has too few dates to be judged.
        looks: How often the bench has looked at bars of the test span so far, this look included.
    """

    scored: Scored
    coverage: pd.DataFrame
    looks: int


@contextmanager
def steps(total: int) -> Iterator[Say]:
    """A progress bar on stderr; call it with a few words before each step."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def say(words: str) -> None:
            bar.update(task, description=words, advance=1)

        yield say


def judge(
    models: Models,
    seeds: Sequence[int],
    prices: Panel,
    parent: str,
    *,
    tickers: Sequence[str] | None = None,
    since: str | None = None,
) -> Judged:
    """Score models and baselines from the models' first unseen bar on.

    Args:
        models: Recipe to its models, one a seed; the first is the reference.
        seeds: Theirs.
        prices: Of training, validation and test; the baselines are fitted on all their tickers.
        parent: MLflow run that the looks are counted below.
        tickers: Score only these.
        since: Score from this later date on; the baselines are fitted as if it were not given.
    """
    reference = next(iter(models))
    first = models[reference][0]
    start = np.datetime64(first.corpus.test_start, "ns")
    total = sum(map(len, models.values())) + len(BASELINES) + 1
    with steps(total) as say, count_comparison(models, seeds, prices, parent):
        whole = forecast_networks(models, seeds, prices, say)
        baselines = fit_baselines(first, prices, start, BASELINES, say)
        say("scores and tests")
        scored_from = start if since is None else np.datetime64(since, "ns")
        single = {name: [f.between(scored_from) for f in made] for name, made in whole.items()}
        span = prices.between(scored_from)
        scored = score(single, [each.between(scored_from) for each in baselines], span, tickers)
        return Judged(
            scored=scored,
            coverage=_calibrated_coverage(
                whole[reference], prices, scored.cells, scored_from, span.times
            ),
            looks=trials(prices, start).looks,
        )


def score(
    networks: Mapping[str, Sequence[Forecast]],
    baselines: Sequence[Forecast],
    prices: Panel,
    tickers: Sequence[str] | None = None,
) -> Scored:
    """Networks, their seeds' joint forecasts and baselines on the cells that all of them have.

    Args:
        networks: Recipe to the forecasts of its trainings; the first is the reference.
        baselines: Theirs.
        prices: Of the test span.
        tickers: Score only these.
    """
    joint = {name: _ensemble(name, made) for name, made in networks.items() if len(made) > 1}
    answers = [*(f for made in networks.values() for f in made), *baselines, *joint.values()]
    cells, _ = common_cells(prices, answers, tickers)
    members = {name: [each.name for each in made] for name, made in networks.items()}
    return Scored(
        cells=cells,
        members=members,
        ensembles={name: each.name for name, each in joint.items()},
        gains=gain_table(cells, members | {each.name: [each.name] for each in baselines}),
    )


def forecast_networks(
    models: Models, seeds: Sequence[int], prices: Panel, say: Say
) -> dict[str, list[Forecast]]:
    """Forecasts of every model from its first validation bar on, named after recipe and seed."""
    forecasts: dict[str, list[Forecast]] = {name: [] for name in models}
    for name, trained in models.items():
        for seed, model in zip(seeds, trained, strict=True):
            say(f"{name}, seed {seed}")
            made = model.forecast(prices).between(np.datetime64(model.corpus.validation_start))
            forecasts[name].append(replace(made, name=f"{name}, seed {seed}"))
    return forecasts


def fit_baselines(
    model: NetworkForecaster,
    prices: Panel,
    start: np.datetime64,
    kinds: Sequence[type[Baseline]],
    say: Say,
    tickers: Sequence[str] | None = None,
) -> list[Forecast]:
    """Forecasts of baselines from `start` on, fitted on labels known before it.

    Args:
        model: Decides horizons and features, those of a close added.
        prices: All bars.
        start: First origin that is forecast.
        kinds: Which baselines.
        say: Called before each of them.
        tickers: Fit on these only; the others are their market.
    """
    decay = model.files.recipe.data.volatility_decay
    sequences = make_sequences(
        prices, variant=f"{model.corpus.features}+close", horizons=model.horizons, decay=decay
    )
    rows = sequences.label_end.max(axis=1) < start_of(prices.times, start)
    if tickers is not None:
        rows &= np.isin(prices.tickers, tickers)[sequences.ticker]
    return forecast_baselines(sequences, rows, start, decay=decay, progress=say, kinds=kinds)


def _ensemble(name: str, forecasts: Sequence[Forecast]) -> Forecast:
    """The joint forecast of a recipe's seeds."""
    joint = Mixture(tuple(each.law for each in forecasts))
    return replace(forecasts[0], name=f"{name} ensemble of {len(forecasts)}", law=joint)


def _calibrated_coverage(
    forecasts: Sequence[Forecast],
    prices: Panel,
    cells: list[Cells],
    start: np.datetime64,
    times: np.ndarray,
) -> pd.DataFrame:
    """As `Judged.coverage`; the bands have followed the outcomes since the validation span."""
    rows: list[tuple[object, ...]] = []
    for forecast in forecasts:
        calibrated = calibrate(forecast, prices).between(start)
        for part in conformal_cells(cells, forecast.name, calibrated):
            by_date = coverage_by_date(part, calibrated.name, times)
            judged = coverage_by_year(part, calibrated.name, times)
            dates = by_date.groupby(pd.DatetimeIndex(by_date.index).year).count()
            rows.append((part.horizon, 0, len(by_date), by_date.mean()))
            rows += [(part.horizon, year, n, judged.get(year, np.nan)) for year, n in dates.items()]
    table = pd.DataFrame(rows, columns=["horizon", "year", "dates", "coverage"])
    by_year = table.groupby(["horizon", "year", "dates"])["coverage"]
    return by_year.agg(["mean", "min", "max"]).reset_index()
