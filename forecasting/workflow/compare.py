"""Compare recipes: each trained with several seeds, all judged on the same cells."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.evaluation.baselines.registry import forecast_baselines
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.mixture import Mixture
from forecasting.forecaster.holdout import seal
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel, day, start_of
from forecasting.market.sequences import make_sequences
from forecasting.market.survivorship import survivorship
from forecasting.nn.sizes import sizes
from forecasting.workflow.comparison import (
    Comparison,
    ensemble_table,
    gain_table,
    notes_on_tests,
    seed_table,
    standing_table,
)
from forecasting.workflow.comparison_looks import count_comparison
from forecasting.workflow.comparison_run import log_comparison
from forecasting.workflow.parent_run import open_parent_run
from forecasting.workflow.trainings import Entrant, Progress, enter, require_comparable, train_all


def compare(
    prices: Panel,
    recipes: Sequence[str | Path | Recipe],
    *,
    seeds: int = 3,
    overrides: tuple[str, ...] = (),
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Train every recipe with every seed, and judge all on the same cells of the test span.

    Prices, split and cells are the same for all. Beside the recipes stand the baselines of
    `evaluate`, fitted on the bars before the test span. What is tested stands in `Comparison`. Each
    training is an MLflow run, shown below that of the comparison.

    Args:
        prices: Panel to train, validate and test on.
        recipes: Recipes, their names, or YAML files; the first one is the reference of the others.
        seeds: Trainings a recipe, with the seeds 0, 1, ...
        overrides: `section.key=value` changes of every recipe.
        out: Folder of the trained models, `<out>/<recipe>/seed-<k>`; `runs/compare` by default.
        resume: Keep the trainings that `out` has finished, and continue an interrupted one.
        progress: Called with a few words before each step that takes time.

    Raises:
        ConfigError: A recipe is not valid, two have one name or differ in the split, or `out` holds
            other trainings.
        DataError: The prices do not suffice.
        TrackingError: The MLflow store cannot be reached.
        ValueError: Overrides of a recipe that is not read from a file; no recipe or no seed.
    """
    if not recipes or seeds < 1:
        raise ValueError(f"expected recipes and seeds, got {len(recipes)} and {seeds}")
    say = progress or (lambda words: None)
    chosen = [_read(recipe, overrides) for recipe in recipes]
    require_comparable(chosen)
    given, (chosen, prices) = prices, _seal(chosen, prices)
    folder = Path(out) if out is not None else paths.runs() / "compare"
    entrants = []
    for recipe in chosen:
        say(f"speed of {recipe.name}")
        entrants.append(enter(recipe, prices, folder, tuple(range(seeds)), resume=resume))
    unfinished = [(entrant, seed) for entrant in entrants for seed in entrant.unfinished()]
    with open_parent_run("comparison", folder, resume=resume) as run:
        train_all(unfinished, prices, run.run_id, say)
        models = {
            entrant.recipe.name: [load_forecaster(entrant.place(seed)) for seed in entrant.seeds]
            for entrant in entrants
        }
        with count_comparison(models, range(seeds), prices, run.run_id) as looks:
            made = looks.concluded(_judge(entrants, models, prices, say), given, prices)
        say("tracking")
        log_comparison(run, made, models)
    return made


def _read(recipe: str | Path | Recipe, overrides: tuple[str, ...]) -> Recipe:
    if not isinstance(recipe, Recipe):
        return load_recipe(recipe, overrides)
    if overrides:
        raise ValueError("overrides change a recipe that is read by name or from a file")
    return recipe


def _seal(recipes: list[Recipe], prices: Panel) -> tuple[list[Recipe], Panel]:
    """The recipes, which share their hold-out, and the prices before it."""
    sealed = [seal(recipe, prices) for recipe in recipes]
    return [recipe for recipe, _ in sealed], sealed[0][1]


def _judge(
    entrants: Sequence[Entrant],
    models: dict[str, list[NetworkForecaster]],
    prices: Panel,
    say: Progress,
) -> Comparison:
    """Forecasts of all models and baselines, scored on their common cells."""
    first = models[entrants[0].recipe.name][0]
    start = np.datetime64(first.corpus.test_start, "ns")
    seeds = entrants[0].seeds
    baselines = _fit_baselines(first, prices, start, say)
    forecasts, rates = _forecast_all(models, seeds, prices, start, say)
    of_recipe = {name: [each.name for each in made] for name, made in forecasts.items()}
    joint = {name: _ensemble(name, made) for name, made in forecasts.items() if len(made) > 1}
    answers = [*itertools.chain(*forecasts.values()), *baselines, *joint.values()]
    say("scores and tests")
    span = prices.between(start)
    cells, gaps = common_cells(span, answers)
    rivals = [each.name for each in baselines]
    gains = gain_table(cells, of_recipe | {name: [name] for name in rivals})
    named = {name: each.name for name, each in joint.items()}
    ensembles = ensemble_table(cells, of_recipe, named)
    doubts = [f"{e.recipe.name}: {doubt}" for e in entrants for doubt in e.recipe.network.doubts()]
    notes = [*_notes(prices, start, seeds, cells, gains, ensembles), *doubts, *gaps]
    notes += [note for answer in answers for note in answer.notes]
    dates = np.unique(np.concatenate([part.date for part in cells]))
    tickers = np.unique(np.concatenate([part.ticker for part in cells]))
    return Comparison(
        recipes=tuple(models),
        seeds=seeds,
        horizons=first.horizons,
        tickers=tuple(span.tickers[k] for k in tickers),
        start=span.times[dates[0]],
        end=span.times[dates[-1]],
        n_dates=len(dates),
        networks=_network_table(entrants, models, rates),
        gains=gains,
        by_seed=seed_table(cells, of_recipe, seeds),
        ensembles=ensembles,
        overall=standing_table(cells, of_recipe, named, rivals),
        notes=tuple(dict.fromkeys(notes)),
    )


def _fit_baselines(
    model: NetworkForecaster, prices: Panel, start: np.datetime64, say: Progress
) -> list[Forecast]:
    """Forecasts of the baselines from `start` on, fitted on labels known before it."""
    decay = model.files.recipe.data.volatility_decay
    sequences = make_sequences(
        prices, variant=f"{model.corpus.features}+close", horizons=model.horizons, decay=decay
    )
    rows = sequences.label_end.max(axis=1) < start_of(prices.times, start)
    return forecast_baselines(sequences, rows, start, decay=decay, progress=say)


def _forecast_all(
    models: dict[str, list[NetworkForecaster]],
    seeds: tuple[int, ...],
    prices: Panel,
    start: np.datetime64,
    say: Progress,
) -> tuple[dict[str, list[Forecast]], dict[str, float]]:
    """Forecasts from `start` on of each recipe's models, and its best rate in bars a second."""
    forecasts: dict[str, list[Forecast]] = {name: [] for name in models}
    rates = dict.fromkeys(models, 0.0)
    for recipe, trained in models.items():
        for seed, model in zip(seeds, trained, strict=True):
            name = f"{recipe}, seed {seed}"
            say(f"forecasts of {name}")
            started = time.perf_counter()
            forecast = model.forecast(prices)
            rate = int(forecast.mask.sum()) / (time.perf_counter() - started)
            rates[recipe] = max(rates[recipe], rate)
            forecasts[recipe].append(replace(forecast.between(start), name=name))
    return forecasts, rates


def _ensemble(recipe: str, forecasts: Sequence[Forecast]) -> Forecast:
    """The joint forecast of a recipe's seeds; what they have to say has been said."""
    law, name = Mixture(tuple(f.law for f in forecasts)), f"{recipe} ensemble of {len(forecasts)}"
    return replace(forecasts[0], name=name, law=law, notes=())


def _network_table(
    entrants: Sequence[Entrant],
    models: dict[str, list[NetworkForecaster]],
    rates: dict[str, float],
) -> pd.DataFrame:
    """What each recipe costs, as `Comparison.networks`."""
    rows = []
    for entrant in entrants:
        name = entrant.recipe.name
        size = sizes(models[name][0].network)
        rows.append(
            {
                "recipe": name,
                "parameters": size.parameters,
                "active_parameters": size.active_parameters,
                "state_bytes": size.state_bytes,
                "context_length": entrant.recipe.training.context_length,
                "training_rate": entrant.rate,
                "forecasting_rate": rates[name],
            }
        )
    return pd.DataFrame(rows)


def _notes(
    prices: Panel,
    start: np.datetime64,
    seeds: tuple[int, ...],
    cells: Sequence[Cells],
    gains: pd.DataFrame,
    ensembles: pd.DataFrame,
) -> list[str]:
    """What has to be known of the numbers: the protocol, the seeds, the number of verdicts."""
    last_fitted = day(prices.times[start_of(prices.times, start) - 1])
    notes = [
        f"Protocol: fitted once, tested forward. All are fitted on labels known by {last_fitted} "
        f"and scored from {day(start)} on the same (ticker, bar, horizon) cells."
    ]
    if len(seeds) == 1:
        notes.append("One seed: how much of a gain is its luck is not known. Train with more.")
    else:
        notes.append(
            f"A recipe's loss is the mean over its {len(seeds)} seeds, not that of their joint "
            "forecast (their ensemble stands apart). The tests hold the seeds fixed: a gain that "
            "is small beside the spread over seeds may be the seeds' luck, whatever its verdict."
        )
    universe = [] if prices.member is None else [survivorship(prices.between(start))]
    return [*universe, *notes, *notes_on_tests(cells, gains, ensembles)]
