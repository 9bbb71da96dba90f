"""The next day from hourly bars, against the same network on days and against HAR on their ranges.

A network forecasts at every hourly bar the return over one session (7 bars). Judged are its laws at
the last bar of a session whose next one is full, where they are forecasts of the next daily return:
the same cells, returns and tests as for the forecasters of daily bars, which are made of the hourly
ones. Trained to 2011, chosen on 2012-13, tested from 2014; baselines are fitted to 2013.

Rivals: the recipe's GRU of equal parameters, on the same windows for as many steps; the network
on daily bars, with a context of as many days, without and with realised variances among its
features; log-HAR-t on the daily range, on realised variance and on realised range.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from benchmarks.outcome import Row
from benchmarks.skill_hourly_prices import SESSION, daily_prices, hourly_prices, on_days
from benchmarks.skill_judging import Say, forecast_networks, steps
from benchmarks.skill_rows import Floors, crps_rows, gain_rows, rival_rows
from benchmarks.skill_setting import Setting
from benchmarks.skill_training import Models, enter_all, train_entries
from forecasting.config import Recipe, load_recipe
from forecasting.evaluation.baselines import EwmaT, LogHarT
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.registry import forecast_baselines
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, start_of
from forecasting.market.sequences import make_sequences
from forecasting.training.trial_ledger import trials
from forecasting.workflow.comparison import gain_table
from forecasting.workflow.comparison_looks import count_comparison
from forecasting.workflow.parent_run import open_parent_run

HYBRID, TWIN = "jamba-hourly", "gru-hourly"
ON_DAYS, ON_REALIZED_DAYS = "jamba-daily", "jamba-daily-realized"
DATES = ("2012-01-01", "2014-01-01")
"""First day of the validation span and of the test span."""

_REALIZED = tuple(
    f"log_realized_{kind}_{n}" for kind in ("variance", "range") for n in (1, 5, 22, 66)
)
_DAY_FEATURES = "ohlcv"
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
"""Beating the GRU is an aim, and log-HAR-t on ranges, which is better than on variance, a rival."""


def measure(setting: Setting) -> list[Row]:
    """Gains over EWMA-t on days, and tests against every rival."""
    hourly = hourly_prices()
    daily = daily_prices(hourly)
    folder = setting.folder("hourly")
    entries = enter_all(setting, folder, hourly_recipes(setting), hourly)
    entries += enter_all(setting, folder, daily_recipes(setting), daily)
    with open_parent_run("comparison", folder, resume=True) as run:
        models = train_entries(entries, setting, run.run_id)
        with count_comparison(models, setting.seeds, daily, run.run_id):
            cells, members = _cells(models, setting.seeds, hourly, daily)
        looks = trials(daily, DATES[1]).looks
    gains = gain_table(cells, members | {kind.name: [kind.name] for kind in BASELINES})
    return [
        *gain_rows("hourly", gains, HYBRID, FLOORS),
        *rival_rows("hourly", gains, HYBRID, FLOORS),
        *crps_rows("hourly", cells, members, FLOORS),
        *(Row(f"hourly {e.name}", "training", e.entrant.rate, "bars/s") for e in entries),
        Row("hourly", "test openings", looks, "looks"),
    ]


def hourly_recipes(setting: Setting) -> list[Recipe]:
    """The hybrid and its GRU, trained alike on hourly bars."""
    hybrid, twin = load_recipe(HYBRID), load_recipe(TWIN)
    alike = twin.model_copy(update={"data": hybrid.data, "training": hybrid.training})
    return [setting.shortened(_dated(each)) for each in (hybrid, alike)]


def daily_recipes(setting: Setting) -> list[Recipe]:
    """The hybrid's network on days: as many bars a step, in windows of as many days."""
    hybrid = load_recipe(HYBRID)
    days = hybrid.training.context_length // SESSION
    sessions = tuple(h // SESSION for h in hybrid.data.horizons if h >= SESSION)
    windows = hybrid.training.batch_size * SESSION
    training = hybrid.training.model_copy(update={"context_length": days, "batch_size": windows})
    recipes = []
    for name, features in (
        (ON_DAYS, _DAY_FEATURES),
        (ON_REALIZED_DAYS, "+".join((_DAY_FEATURES, *_REALIZED))),
    ):
        changed = {"horizons": sessions, "volatility_decay": _DAY_DECAY, "features": features}
        data = hybrid.data.model_copy(update=changed)
        update = {"name": name, "data": data, "training": training}
        recipes.append(setting.shortened(_dated(hybrid.model_copy(update=update))))
    return recipes


def _dated(recipe: Recipe) -> Recipe:
    dates = {"validation_start": DATES[0], "test_start": DATES[1]}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=dates)})


def _cells(
    models: Models, seeds: Sequence[int], hourly: Panel, daily: Panel
) -> tuple[list[Cells], dict[str, list[str]]]:
    """The common cells of all forecasters on days, and the networks' names in them."""
    start = np.datetime64(DATES[1], "ns")
    recent, days = hourly.between(DATES[0]), daily.between(DATES[0])
    with steps(len(models) * len(seeds) + len(BASELINES) + 1) as say:
        answers: list[Forecast] = []
        members: dict[str, list[str]] = {}
        for name, trained in models.items():
            of_hours = trained[0].corpus.interval == hourly.interval
            bars = hourly if of_hours else daily
            made = forecast_networks({name: trained}, seeds, bars, say)[name]
            members[name] = [each.name for each in made]
            moved = [on_days(f, recent, days) if of_hours else _one_day_ahead(f) for f in made]
            answers += [each.between(start) for each in moved]
        answers += _baselines(daily, start, say)
        say("scores and tests")
        return common_cells(daily.between(start), answers)[0], members


def _one_day_ahead(forecast: Forecast) -> Forecast:
    return replace(forecast, horizons=forecast.horizons[:1], law=forecast.law[:, :, :1])


def _baselines(daily: Panel, start: np.datetime64, say: Say) -> list[Forecast]:
    """Forecasts of the baselines on days, fitted on labels known before `start`."""
    variant = "+".join((_DAY_FEATURES, "close", *_REALIZED))
    sequences = make_sequences(daily, variant=variant, horizons=(1,), decay=_DAY_DECAY)
    rows = sequences.label_end.max(axis=1) < start_of(daily.times, start)
    kinds = BASELINES
    return forecast_baselines(sequences, rows, start, decay=_DAY_DECAY, progress=say, kinds=kinds)
