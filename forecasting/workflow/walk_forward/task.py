"""One task of a walk-forward: fit one forecaster on one fold's past, forecast its test block.

A task is a pure function of its recipe (seed included), its fold and the prices up to the end of
the fold's test: whoever runs it, in whatever order and process, gets the same bytes. What is fitted
(weights, normalisation, calibration, baselines) and chosen (features, tickers, weights on the
validation slice) is so on prices that end before the test block begins. Forecasts are then made on
the fold's history with the test block behind it, every bar from its own past, as by
`NetworkForecaster.forecast` of the model in the fold's folder, from the fold's first bar on: a
shorter warm-up would move them by up to 2 % of their scale, as a hair's breadth changes which
expert a bar is sent to.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.config import Recipe
from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.evaluation.evaluate import MIN_TRAINING_ROWS
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.corpus import describe_corpus
from forecasting.forecaster.model_folder import ModelFiles, write_folder
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import look_back, resolve_variant
from forecasting.market.folds.audit import FoldAudit, audit_fold
from forecasting.market.folds.fold import Fold
from forecasting.market.panel import Panel, day
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import Split
from forecasting.training.card import model_card
from forecasting.training.checkpoints import CHECKPOINTS
from forecasting.training.distillation import fit_recipe
from forecasting.training.examples import starting_laws
from forecasting.training.tracking import provenance

BASELINE_FOLDER = "baselines"


@dataclass(frozen=True)
class FoldTask:
    """What to fit, and on what.

    Attributes:
        fold: Its spans.
        recipe: Settings; of a baseline only features, horizons and decay count.
        baseline: Name of a baseline; empty for the recipe's network.
    """

    fold: Fold
    recipe: Recipe
    baseline: str = ""

    @property
    def name(self) -> str:
        """How tables call the forecaster."""
        if self.baseline:
            return self.baseline
        return f"{self.recipe.name}, seed {self.recipe.training.seed}"

    def folder(self, out: Path) -> Path:
        """Where its files lie below the walk-forward's folder."""
        fold = out / f"fold-{self.fold.index:03d}"
        if self.baseline:
            return fold / BASELINE_FOLDER / self.baseline
        return fold / self.recipe.name / f"seed-{self.recipe.training.seed}"

    def identity(self, prices: Panel, code: Mapping[str, str] | None = None) -> str:
        """Hash of what decides the result: recipe, fold, forecaster, prices to its end, code.

        Args:
            prices: The panel that the fold was made for.
            code: Version and commit; those of the running code by default.
        """
        seen = prices.at(slice(0, self.fold.test_end))
        recipe = self.recipe.model_dump(mode="json")
        made_by = provenance() if code is None else dict(code)
        named = [recipe, asdict(self.fold), self.baseline, seen.vintage, made_by]
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What a task found.

    Attributes:
        forecast: Of the bars of the test block, all tickers of the panel; NaN where unknown.
        audit: What the index arrays of its rows prove.
        tickers: Those that were known before the test.
        numbers: Of a network validation_nll and baseline_validation_nll (nats a bar), best_step;
            of a baseline nothing.
    """

    forecast: Forecast
    audit: FoldAudit
    tickers: tuple[str, ...]
    numbers: dict[str, float]


def run_task(task: FoldTask, prices: Panel, out: Path) -> FoldResult:
    """Fit and forecast; of a network also write its model folder.

    Raises:
        ConfigError: The windows are longer than any history of the fold.
        DataError: The fold's history does not suffice.
    """
    fold, data = task.fold, task.recipe.data
    variant = resolve_variant(fold.training_prices(prices), data.features)
    if task.baseline:
        variant = resolve_variant(fold.training_prices(prices), f"{variant}+close")
    least_bars = look_back(variant)
    past, whole = fold.training_prices(prices, least_bars), fold.test_prices(prices, least_bars)
    known = _sequences(task, past, variant)
    split = fold.in_history().split(known)
    numbers: dict[str, float] = {}
    if task.baseline:
        forecast = _baseline_forecast(task, known, whole)
    else:
        model, numbers = _fit_network(task, prices, known, split, task.folder(out))
        forecast = model.forecast(whole)
    block = forecast.between(prices.times[fold.test_start])
    return FoldResult(
        forecast=_on_all_tickers(replace(block, name=task.name), prices.tickers),
        audit=_prove(task, _sequences(task, whole, variant), split),
        tickers=past.tickers,
        numbers=numbers,
    )


def _sequences(task: FoldTask, prices: Panel, variant: str) -> Sequences:
    data = task.recipe.data
    return make_sequences(
        prices,
        variant=variant,
        horizons=data.horizons,
        decay=data.volatility_decay,
        tasks=() if task.baseline else task.recipe.network.tasks,
    )


def _baseline_forecast(task: FoldTask, known: Sequences, whole: Panel) -> Forecast:
    [kind] = [kind for kind in BASELINES if kind.name == task.baseline]
    rows = known.label_end.max(axis=1) < len(known.panel.times)
    if rows.sum() < MIN_TRAINING_ROWS:
        raise DataError(
            f"the baselines need bars to fit on: expected {MIN_TRAINING_ROWS} (ticker, bar) rows "
            f"with features and known outcomes before {day(whole.times[len(known.panel.times)])}, "
            f"got {int(rows.sum())}. Use longer histories or more tickers, or start later."
        )
    fitted = kind.fit(known, rows, decay=task.recipe.data.volatility_decay)
    return fitted.forecast(whole)


def _fit_network(
    task: FoldTask, prices: Panel, known: Sequences, split: Split, folder: Path
) -> tuple[NetworkForecaster, dict[str, float]]:
    """Train on the fold's past and write the model folder."""
    recipe, started = task.recipe, time.perf_counter()
    _require_context(recipe, known)
    starting_laws(known, split)  # refuses what cannot be fitted before anything is written
    dates = task.fold.dates(prices.times)
    corpus = describe_corpus(known, dates)
    try:
        fitted = fit_recipe(recipe, known, split, checkpoints=folder / CHECKPOINTS, progress=False)
    finally:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    numbers: dict[str, float] = {
        "validation_nll": fitted.best_nll,
        "baseline_validation_nll": fitted.baseline_nll,
        "best_step": fitted.best_step,
    }
    metrics: dict[str, Any] = {
        **numbers,
        "parameters": sum(p.numel() for p in fitted.network.parameters()),
        "seed": recipe.training.seed,
        "fold": task.fold.index,
        "seconds": round(time.perf_counter() - started, 1),
        **provenance(),
    }
    data = recipe.data.model_copy(update={"features": corpus.features})
    resolved = recipe.model_copy(update={"data": data})
    files = ModelFiles(resolved, corpus, metrics, model_card(recipe, corpus, dates, metrics))
    write_folder(folder, files, fitted.network.state_dict())
    return NetworkForecaster(files, fitted.network, folder), numbers


def _require_context(recipe: Recipe, known: Sequences) -> None:
    context, longest = recipe.training.context_length, int(np.diff(known.offsets).max())
    if context > longest:
        raise ConfigError(
            f"training.context_length = {context}: the longest history has {longest} complete "
            "bars. Set at most that, start later, or make the window longer."
        )


def _prove(task: FoldTask, sequences: Sequences, fitted: Split) -> FoldAudit:
    """The audit of the rows that were fitted on and those that are tested, as one set of arrays.

    Raises:
        FoldLeak: They meet.
        ValueError: The history with the test behind it has other rows than the history alone.
    """
    split = task.fold.in_history().split(sequences)
    for alone, behind in ((fitted.train, split.train), (fitted.validation, split.validation)):
        if alone.sum() != behind.sum():
            raise ValueError("the test block changes which rows are fitted on")
    origin, last_label = sequences.origin, sequences.last_label
    return audit_fold(split, origin, last_label, fold=task.fold.index)


def _on_all_tickers(forecast: Forecast, tickers: tuple[str, ...]) -> Forecast:
    """The forecast with a column for every ticker, NaN where a ticker was not known."""
    columns = [tickers.index(ticker) for ticker in forecast.tickers]

    def spread(values: np.ndarray) -> np.ndarray:
        wide = np.full((len(values), len(tickers), *values.shape[2:]), np.nan)
        wide[:, columns] = values
        return wide

    return replace(
        forecast, tickers=tickers, price=spread(forecast.price), law=forecast.law.map(spread)
    )
