"""Trainings that are to be compared: planned, checked before the first starts, resumed."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from forecasting.config import Recipe
from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.evaluation.evaluate import MIN_TRAINING_ROWS
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.model_folder import RECIPE, RUN_FILE, WEIGHTS, read_folder
from forecasting.market.panel import Panel, day, start_of
from forecasting.training.examples import Examples, prepare
from forecasting.training.train import train
from forecasting.workflow.throughput import training_rate

Progress = Callable[[str], None]

# What decides the split, the cells and the baselines, and so has to be the same for all.
_SHARED = ("horizons", "volatility_decay", "validation_start", "test_start", "holdout")


@dataclass(frozen=True, eq=False)
class Entrant:
    """One recipe among those compared, and what is known before its trainings start.

    Attributes:
        recipe: Its settings; the seed in them is not used.
        folder: Holds a model folder a seed.
        seeds: Seeds to train with.
        corpus: What each training will see.
        rate: Bars a second of training.
    """

    recipe: Recipe
    folder: Path
    seeds: tuple[int, ...]
    corpus: Corpus
    rate: float

    @property
    def seconds(self) -> float:
        """What one training takes at most, validation aside."""
        training = self.recipe.training
        return training.max_steps * training.batch_size * training.context_length / self.rate

    def seeded(self, seed: int) -> Recipe:
        """The recipe with a seed."""
        training = self.recipe.training.model_copy(update={"seed": seed})
        return self.recipe.model_copy(update={"training": training})

    def place(self, seed: int) -> Path:
        """Model folder of a seed."""
        return self.folder / f"seed-{seed}"

    def unfinished(self) -> tuple[int, ...]:
        """Seeds whose training has not ended, or not begun.

        Raises:
            ConfigError: A finished one was of another recipe or of other prices.
            ModelFileError: Its folder is damaged.
        """
        return tuple(seed for seed in self.seeds if not self._has(seed))

    def _has(self, seed: int) -> bool:
        place = self.place(seed)
        if not (place / WEIGHTS).is_file() or (place / RUN_FILE).is_file():
            return False
        there, recipe = read_folder(place), self.seeded(seed)
        data = recipe.data.model_copy(update={"features": self.corpus.features})
        if (there.recipe, there.corpus) != (recipe.model_copy(update={"data": data}), self.corpus):
            raise ConfigError(
                f"{place} holds a training of another recipe or of other prices: expected the same "
                "to resume. Choose another --out."
            )
        return True


def require_comparable(recipes: Sequence[Recipe]) -> None:
    """Refuse recipes of which a comparison would not be fair.

    Raises:
        ConfigError: Two names are the same, or what decides the cells differs.
    """
    names = [recipe.name for recipe in recipes]
    for name in names:
        if [*names, *(kind.name for kind in BASELINES)].count(name) > 1:
            raise ConfigError(
                f"two forecasters are called {name!r}: expected distinct names. Change `name:`."
            )
    first = recipes[0]
    for other, key in itertools.product(recipes[1:], _SHARED):
        one, two = getattr(first.data, key), getattr(other.data, key)
        if one != two:
            raise ConfigError(
                f"data.{key} is {one} in {first.name} and {two} in {other.name}: expected the same "
                f"in all recipes, or they are not judged alike. Pass --set data.{key}=VALUE."
            )


def enter(
    recipe: Recipe, prices: Panel, folder: Path, seeds: tuple[int, ...], *, resume: bool
) -> Entrant:
    """Check that a recipe can be trained on the prices, and measure how fast.

    Args:
        recipe: Recipe.
        prices: Panel to train on.
        folder: Holds a folder a recipe.
        seeds: Seeds to train with.
        resume: What is already there is meant to be there.

    Raises:
        ConfigError: The folder is taken, or the windows are longer than any history.
        DataError: The prices do not suffice.
    """
    own = folder / recipe.name
    taken = [path for k in seeds for path in (own / f"seed-{k}",) if _is_taken(path)]
    if taken and not resume:
        raise ConfigError(
            f"{taken[0]} already holds a training: expected a new folder. Pass --resume to keep "
            "what is finished there, or choose another --out."
        )
    examples = prepare(recipe, prices)
    _require_rows(examples)
    corpus = examples.corpus
    return Entrant(recipe, own, seeds, corpus, training_rate(recipe, corpus.feature_names))


def train_all(
    unfinished: Sequence[tuple[Entrant, int]], prices: Panel, parent: str, say: Progress
) -> None:
    """Train recipes with seeds, one after the other, going on where one was interrupted.

    Args:
        unfinished: Recipes and seeds.
        prices: Panel to train on.
        parent: MLflow run that those of the trainings are shown below.
        say: Called with what is trained and the time left, before each training.

    Raises:
        ConfigError: What was interrupted in a folder is another training.
        TrackingError: The MLflow store cannot be reached.
    """
    foreseen = spent = 0.0
    for done, (entrant, seed) in enumerate(unfinished):
        pace = spent / foreseen if foreseen else 1.0
        left = pace * sum(each.seconds for each, _ in unfinished[done:])
        say(
            f"training {entrant.recipe.name}, seed {seed} ({done + 1} of {len(unfinished)}, about "
            f"{_duration(left)} left)"
        )
        started = time.perf_counter()
        train(
            prices,
            entrant.seeded(seed),
            out=entrant.place(seed),
            twin=False,
            resume=True,
            parent=parent,
            progress=False,
        )
        spent, foreseen = spent + time.perf_counter() - started, foreseen + entrant.seconds


def _require_rows(examples: Examples) -> None:
    """Refuse prices on which the baselines could not be fitted once the training is done."""
    sequences, start = examples.sequences, examples.dates.test_start
    known = sequences.label_end.max(axis=1) < start_of(sequences.panel.times, start)
    if known.sum() < MIN_TRAINING_ROWS:
        raise DataError(
            f"the baselines need bars to fit on: expected {MIN_TRAINING_ROWS} (ticker, bar) rows "
            f"with features and known outcomes before {day(start)}, got {int(known.sum())}. Use "
            "longer histories or more tickers."
        )


def _is_taken(folder: Path) -> bool:
    return any((folder / name).exists() for name in (WEIGHTS, RECIPE, RUN_FILE))


def _duration(seconds: float) -> str:
    """A time as a person says it, from seconds to hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
