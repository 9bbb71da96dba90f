"""Distillation: a network learns from the mean forecast of several like it.

Networks that differ only by their seed make different errors on a market that is mostly noise, and
their mean is better than each. A single network can learn that mean: it is a smooth function of the
features, where the returns are noise about one. It is then fitted with less dropout and a higher
learning rate, on a loss that is mostly `student_t_divergence` from the teachers.

The teachers learn from the same labels and are chosen on the same validation bars. Their word on a
bar is made from all of the ticker's past, where a window of the network begins empty.

Source: Hinton, Vinyals & Dean (2015), Distilling the Knowledge in a Neural Network, arXiv
1503.02531, section 2; of seeds: Malinin, Mlodozeniec & Gales (2020), Ensemble Distribution
Distillation, arXiv 1905.00076.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from forecasting.config import Recipe
from forecasting.forecast.student_t import StudentT
from forecasting.forecaster.network_forecaster import network_law
from forecasting.market.sequences import Sequences
from forecasting.market.splits import Split
from forecasting.training.callbacks import Metrics
from forecasting.training.examples import Pretrained
from forecasting.training.fit import Fit, fit


def fit_recipe(
    recipe: Recipe,
    sequences: Sequences,
    split: Split,
    *,
    checkpoints: Path,
    start: Pretrained | None = None,
    resume: bool = False,
    report: Callable[[Metrics, int], None] = lambda metrics, step: None,
    progress: bool = True,
) -> Fit:
    """Fit a recipe's network; where it has teachers, these one after the other before it.

    Args:
        recipe: With or without `training.distillation`.
        sequences: Features and targets.
        split: Purged training and validation rows.
        checkpoints: Folder for resumable checkpoints, with teachers one below it for each network.
        start: Model to start from; not with teachers.
        resume: Continue from `checkpoints` if there are any.
        report: Called with each epoch's metrics and the optimiser step; those of the teachers begin
            with `teacher_<number>_`.
        progress: Show progress bars on stderr.

    Raises:
        ConfigError, DataError, ModelFileError: As `fit`.
    """
    *teachers, (folder, last) = networks_to_fit(recipe).items()
    settings: dict[str, Any] = {"resume": resume, "progress": progress}
    laws, scores = [], []
    for name, teacher in teachers:

        def report_one(metrics: Metrics, step: int, prefix: str = name) -> None:
            report({f"{prefix}_{key}": value for key, value in metrics.items()}, step)

        settings["checkpoints"] = checkpoints / name
        fitted = fit(teacher, sequences, split, report=report_one, **settings)
        law = network_law(fitted.network, sequences)
        assert isinstance(law, StudentT)
        laws.append(law)
        scores.append(fitted.best_nll)
    settings |= {"checkpoints": checkpoints / folder, "report": report, "start": start}
    teaching = mean_law(laws) if laws else None
    fitted = fit(last, sequences, split, teaching=teaching, **settings)
    return replace(fitted, teacher_nll=tuple(scores))


def networks_to_fit(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe of each network that a recipe's training fits, by its folder of checkpoints.

    Args:
        recipe: With or without `training.distillation`.

    Returns:
        The teachers first, each without teachers and from another seed; the network itself last,
        alone and in the folder above where nobody teaches it.
    """
    distillation = recipe.training.distillation
    if distillation is None:
        return {"": recipe}
    networks = {}
    for number in range(1, distillation.teachers + 1):
        changes = {"distillation": None, "seed": 1000 * (recipe.training.seed + 1) + number}
        training = recipe.training.model_copy(update=changes)
        name = f"{recipe.name[:28]}-teacher-{number}"
        networks[f"teacher_{number}"] = recipe.model_copy(
            update={"name": name, "training": training}
        )
    network = recipe.network.model_copy(update={"dropout": distillation.dropout})
    training = recipe.training.model_copy(update={"learning_rate": distillation.learning_rate})
    taught = recipe.model_copy(update={"network": network, "training": training})
    return {**networks, "student": taught}


def mean_law(laws: list[StudentT]) -> dict[str, Float[np.ndarray, "row horizon"]]:
    """The law that several agree on: means of location, log scale and log(df - 2).

    Args:
        laws: Of the scaled targets, of each row and horizon.

    Returns:
        `teacher_loc`, `teacher_scale` and `teacher_df`.
    """
    scale = np.mean([np.log(law.scale) for law in laws], axis=0)
    df = np.mean([np.log(law.df - 2) for law in laws], axis=0)
    loc = np.mean([law.loc for law in laws], axis=0)
    return {"teacher_loc": loc, "teacher_scale": np.exp(scale), "teacher_df": 2 + np.exp(df)}
