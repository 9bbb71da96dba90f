"""The next day from hourly bars, against the same network on days and against HAR on their ranges.

A network forecasts at every hourly bar the return over one session (7 bars). Judged are its laws at
the last bar of a session whose next one is full, where they are forecasts of the next daily return:
the same cells, returns and tests as for the forecasters of daily bars, which are made of the hourly
ones. Trained to 2011, chosen on 2012-13, tested from 2014; baselines are fitted to 2013.

Rivals: the recipe's GRU of equal parameters, on the same windows for as many steps; the default on
daily bars, with its own features, task and settings, which were chosen for days, and the same with
realised variances and ranges among its features; log-HAR-t on the daily range, on realised variance
and on realised range. No network here has teachers; each one's seeds are judged together as well.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from benchmarks.outcome import Row
from benchmarks.skill_hourly_prices import daily_prices, hourly_prices, on_days
from benchmarks.skill_judging import Say, Scored, forecast_networks, score, steps
from benchmarks.skill_rows import Floors, scored_rows
from benchmarks.skill_setting import REFERENCE, Setting
from benchmarks.skill_training import Models, enter_all, train_entries
from forecasting.config import Recipe, load_recipe
from forecasting.evaluation.baselines import EwmaT, LogHarT
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.registry import forecast_baselines
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, start_of
from forecasting.market.sequences import make_sequences
from forecasting.training.trial_ledger import trials
from forecasting.workflow.comparison_looks import count_comparison
from forecasting.workflow.parent_run import open_parent_run

PART = "hourly"
HYBRID, TWIN = "jamba-hourly", "gru-hourly"
ON_DAYS, ON_REALIZED_DAYS = REFERENCE, f"{REFERENCE}-realized"
DATES = ("2012-01-01", "2014-01-01")
"""First day of the validation span and of the test span."""

_REALIZED = tuple(
    f"log_realized_{kind}_{n}" for kind in ("variance", "range") for n in (1, 5, 22, 66)
)
_DAY_FEATURES = "ohlcv+echo_square+echo_range"
_DAY_DECAY = 0.94


@dataclass(eq=False, kw_only=True)
class RealizedVarianceHarT(LogHarT):
    """log-HAR-t on the sum of squared hourly returns."""

    name: str = "log-HAR-t on realised variance"
    measure: ClassVar[str | None] = "log_realized_variance"


@dataclass(eq=False, kw_only=True)
class RealizedRangeHarT(LogHarT):
    """log-HAR-t on the sum of the hourly bars' Parkinson variances."""

    name: str = "log-HAR-t on realised range"
    measure: ClassVar[str | None] = "log_realized_range"


BASELINES: tuple[type[Baseline], ...] = (EwmaT, LogHarT, RealizedVarianceHarT, RealizedRangeHarT)
FLOORS = Floors(beaten={1: (ON_DAYS, RealizedVarianceHarT.name)}, twin=TWIN)
"""Beating the GRU is an aim, and so is log-HAR-t on ranges, which is better than on variance."""


def measure(setting: Setting) -> list[Row]:
    """Gains over EWMA-t on days, and tests against every rival."""
    hourly = setting.prices(hourly_prices(), DATES)
    daily = daily_prices(hourly)
    folder = setting.folder(PART)
    entries = enter_all(setting, folder, hourly_recipes(setting), hourly)
    entries += enter_all(setting, folder, daily_recipes(setting), daily)
    with open_parent_run("comparison", folder, resume=True) as run:
        models = train_entries(entries, setting, run.run_id)
        with count_comparison(models, setting.seeds, daily, run.run_id):
            scored = _scored(models, setting, hourly, daily)
        looks = trials(daily, setting.dates(DATES)[1]).looks
    return [
        *scored_rows(PART, scored, FLOORS),
        *(Row(f"{PART} {e.name}", "training", e.entrant.rate, "bars/s") for e in entries),
        Row(PART, "test openings", looks, "looks"),
    ]


def hourly_recipes(setting: Setting) -> list[Recipe]:
    """The hybrid and its GRU, trained alike on hourly bars."""
    hybrid, twin = load_recipe(HYBRID), load_recipe(TWIN)
    alike = twin.model_copy(update={"data": hybrid.data, "training": hybrid.training})
    return [setting.shortened(_dated(each, setting)) for each in (hybrid, alike)]


def daily_recipes(setting: Setting) -> list[Recipe]:
    """The default on days, without and with realised variances among its features."""
    dated, recipes = setting.recipe(REFERENCE, DATES, teachers=False), []
    for name, features in (
        (ON_DAYS, _DAY_FEATURES),
        (ON_REALIZED_DAYS, "+".join((_DAY_FEATURES, *_REALIZED))),
    ):
        data = dated.data.model_copy(update={"features": features})
        recipes.append(dated.model_copy(update={"name": name, "data": data}))
    return recipes


def _dated(recipe: Recipe, setting: Setting) -> Recipe:
    first, second = setting.dates(DATES)
    dates = {"validation_start": first, "test_start": second}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=dates)})


def _scored(models: Models, setting: Setting, hourly: Panel, daily: Panel) -> Scored:
    """All forecasters on the days that they share."""
    validation, test = setting.dates(DATES)
    start = np.datetime64(test, "ns")
    recent, days = hourly.between(validation), daily.between(validation)
    with steps(len(models) * len(setting.seeds) + len(BASELINES) + 1) as say:
        single: dict[str, list[Forecast]] = {}
        for name, trained in models.items():
            of_hours = trained[0].corpus.interval == hourly.interval
            bars = hourly if of_hours else daily
            made = forecast_networks({name: trained}, setting.seeds, bars, say)[name]
            moved = [on_days(f, recent, days) if of_hours else _one_day_ahead(f) for f in made]
            single[name] = [each.between(start) for each in moved]
        baselines = _baselines(daily, start, say)
        say("scores and tests")
        return score(single, baselines, daily.between(start))


def _one_day_ahead(forecast: Forecast) -> Forecast:
    return replace(forecast, horizons=forecast.horizons[:1], law=forecast.law[:, :, :1])


def _baselines(daily: Panel, start: np.datetime64, say: Say) -> list[Forecast]:
    """Forecasts of the baselines on days, fitted on labels known before `start`."""
    variant = "+".join((_DAY_FEATURES, "close", *_REALIZED))
    sequences = make_sequences(daily, variant=variant, horizons=(1,), decay=_DAY_DECAY)
    rows = sequences.label_end.max(axis=1) < start_of(daily.times, start)
    kinds = BASELINES
    return forecast_baselines(sequences, rows, start, decay=_DAY_DECAY, progress=say, kinds=kinds)
