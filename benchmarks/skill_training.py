"""Trainings of the skill bench: several at once, a process and a thread each, resumed.

Two processes of one thread each train faster than one of two threads: the products of a network of
this size are too small to share.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from benchmarks.skill_setting import Setting
from forecasting.config import Recipe
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel
from forecasting.training.train import train
from forecasting.workflow.orphans import end_with_parent
from forecasting.workflow.trainings import Entrant, enter

Models = dict[str, list[NetworkForecaster]]


@dataclass(frozen=True, eq=False)
class Entry:
    """A recipe that is to be trained on some prices.

    Attributes:
        name: What its models are called among those of the part.
        entrant: Recipe, folder, seeds and speed.
        prices: What it is trained on.
    """

    name: str
    entrant: Entrant
    prices: Panel


def enter_all(
    setting: Setting, folder: Path, recipes: Sequence[Recipe], prices: Panel
) -> list[Entry]:
    """Recipes that are trained on the same prices, each under its own name.

    Raises:
        ConfigError: The windows of one are longer than any history.
        DataError: The prices do not suffice.
    """
    return [
        Entry(recipe.name, enter(recipe, prices, folder, setting.seeds, resume=True), prices)
        for recipe in recipes
    ]


def train_entries(entries: Sequence[Entry], setting: Setting, parent: str) -> Models:
    """Train what is not there yet; the models of every entry, one a seed.

    Args:
        entries: Recipes and prices.
        setting: How many trainings at once.
        parent: MLflow run that those of the trainings are shown below.

    Raises:
        ConfigError: A folder holds a training of another recipe or of other prices.
    """
    missing = [(each, seed) for each in entries for seed in each.entrant.unfinished()]
    if missing:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            setting.processes, mp_context=spawn, initializer=end_with_parent
        ) as pool:
            jobs = [
                pool.submit(
                    _train_one,
                    each.prices,
                    each.entrant.seeded(seed),
                    each.entrant.place(seed),
                    parent,
                )
                for each, seed in missing
            ]
            done, words = as_completed(jobs), f"training {len(jobs)} models"
            for job in track(done, words, total=len(jobs), console=Console(stderr=True)):
                job.result()
    return {
        each.name: [load_forecaster(each.entrant.place(seed)) for seed in each.entrant.seeds]
        for each in entries
    }


def _train_one(prices: Panel, recipe: Recipe, place: Path, parent: str) -> None:
    torch.set_num_threads(1)
    train(prices, recipe, out=place, twin=False, resume=True, parent=parent, progress=False)
