"""The recipe: everything that decides a model, as one strict, frozen tree read from YAML.

A recipe holds values only; code chooses classes.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from forecasting.config.network import NetworkConfig, Task
from forecasting.config.section import Fraction, NotNegative, Positive, Section


def _date_or_fraction(value: Any) -> float | str:
    # YAML reads an unquoted date as one.
    text = value.isoformat() if isinstance(value, date) else value
    if isinstance(text, float) and 0 < text < 1:
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except (TypeError, ValueError) as error:
        raise ValueError("expected a date YYYY-MM-DD, or a fraction between 0 and 1") from error


DateOrFraction = Annotated[float | str, BeforeValidator(_date_or_fraction)]


def _features(value: Any) -> str:
    # A list is for the reader of a recipe; one text is what travels.
    names = value if isinstance(value, list | tuple) else [value]
    text = "+".join(name if isinstance(name, str) else "" for name in names)
    if not re.fullmatch(r"\w+(\+\w+)*", text) or ("auto" in text.split("+") and text != "auto"):
        raise ValueError(
            "expected auto, or a list of variants (close, ohlc, ohlcv), groups and features, as "
            "`forecasting features` lists them"
        )
    return text


Features = Annotated[str, BeforeValidator(_features)]
"""Names joined by `+`; a list of names is read as well."""


class DataConfig(Section):
    """Which features and targets, and where training ends."""

    features: Features = "auto"
    """A variant (`close`, `ohlc`, `ohlcv`), or a list of variants and features, of which a variant
    stands for its own; `auto` is the richest variant that every ticker has the columns for and, of
    daily bars, the groups `echo_square` and `echo_range` that they allow. The volatility and the
    calendar gap belong to every set."""
    horizons: tuple[Positive, ...] = (1, 5, 21)
    """Bars ahead, ascending."""
    volatility_decay: Annotated[float, Field(gt=0, lt=1)] = 0.94
    """Weight of the past in the EWMA volatility that scales the targets."""
    validation_start: DateOrFraction = 0.6
    """First bar of the validation span: a date, or a fraction of the panel's bars."""
    test_start: DateOrFraction = 0.7
    """First bar that neither training nor validation sees."""
    holdout: DateOrFraction | None = None
    """First day of the sealed hold-out: a date, or a fraction of the panel's bars. From it on
    nothing is trained on or judged, except by `--open-holdout`; the fractions above count only the
    bars before it. None seals nothing."""

    @model_validator(mode="after")
    def _ascending(self) -> "DataConfig":
        if list(self.horizons) != sorted(set(self.horizons)) or not self.horizons:
            raise ValueError(f"horizons must ascend without repeats, got {list(self.horizons)}")
        return self

    @model_validator(mode="after")
    def _test_before_holdout(self) -> "DataConfig":
        dates = [d for d in (self.test_start, self.holdout) if isinstance(d, str)]
        if len(dates) == 2 and dates[0] >= dates[1]:
            raise ValueError(f"holdout is {dates[1]}: expected a day after test_start, {dates[0]}")
        return self

    @model_serializer(mode="wrap")
    def _without_empty_seal(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return _without_none(serialize(self), "holdout")


class DistillationConfig(Section):
    """How a network learns from others, its teachers, that were trained before it."""

    teachers: Positive = 4
    """Networks like it, each from a seed of its own."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the teachers' word in the loss; the rest is that of the returns."""
    dropout: Fraction = 0.1
    """Dropout of the network that they teach: their word is less noisy than the returns."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Of the network that they teach."""


class TrainingConfig(Section):
    """How the network is fitted."""

    context_length: Annotated[int, Field(ge=8)] = 256
    """Bars in a training window."""
    batch_size: Positive = 16
    """Windows in an optimiser step; with attention across tickers, tickers at most."""
    max_steps: Positive = 300
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 30
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    validate_every: Positive = 25
    """Optimiser steps in an epoch: between two validations, checkpoints and log lines."""
    patience: Positive = 4
    """Validations without improvement after which training stops."""
    sampling: Literal["random", "epoch"] = "random"
    """Windows drawn anew for each step, or each shown once before any is shown again."""
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of the matrix products while training; weights, states and the loss stay float32."""
    adapter_rank: Positive = 4
    """Rank of the low-rank adapters of `--from MODEL --tune adapters`."""
    horizon_weights: tuple[NotNegative, ...] | None = None
    """Weight of each of `data.horizons` in the loss and in the choice of the best weights; null for
    equal ones."""
    task_weights: dict[Task, NotNegative] = Field(default_factory=dict)
    """Weight in the loss of each of `network.tasks`; the return itself has weight 1."""
    distillation: DistillationConfig | None = None
    """Whether the network learns from the mean of several like it instead of the returns alone."""

    @model_serializer(mode="wrap")
    def _without_what_is_unset(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return _without_none(serialize(self), "horizon_weights", "distillation")


class Recipe(Section):
    """A whole model: its data, its network and its training."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _batches_are_possible(self) -> "Recipe":
        if self.training.sampling == "epoch" and self.network.cross_asset != "none":
            raise _disagreement(
                "training.sampling epoch shows each window once: expected random with "
                f"network.cross_asset {self.network.cross_asset}, whose batches are spans of dates",
                "training.sampling=random",
                "network.cross_asset=none",
            )
        return self

    @model_validator(mode="after")
    def _horizons_are_weighted(self) -> "Recipe":
        weights, horizons = self.training.horizon_weights, self.data.horizons
        if weights is not None and (len(weights) != len(horizons) or not any(weights)):
            raise _disagreement(
                f"training.horizon_weights is {list(weights)}: expected one weight for each of the "
                f"horizons {list(horizons)}, not all of them 0",
                "training.horizon_weights=null",
            )
        return self

    @model_validator(mode="after")
    def _can_be_taught(self) -> "Recipe":
        if self.training.distillation is not None and self.network.distribution != "student_t":
            raise _disagreement(
                "training.distillation teaches a Student-t law: expected network.distribution "
                f"student_t, got {self.network.distribution}",
                "training.distillation=null",
                "network.distribution=student_t",
            )
        return self

    @model_validator(mode="after")
    def _tasks_are_weighted(self) -> "Recipe":
        tasks, weights = set(self.network.tasks), set(self.training.task_weights)
        if tasks != weights:
            known = self.training.task_weights
            each = ", ".join(f"{task}: {known.get(task, 1):g}" for task in self.network.tasks)
            raise _disagreement(
                f"training.task_weights has {_listed(weights)}, network.tasks has "
                f"{_listed(tasks)}: expected a weight for each task and for nothing else",
                f"training.task_weights={{{each}}}",
                f"network.tasks=[{', '.join(known)}]",
            )
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML that `load_recipe` reads back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def _disagreement(message: str, *ways_out: str) -> PydanticCustomError:
    """Two settings that do not go together, and changes of one of them after which they do."""
    context = {"message": message, "ways_out": ways_out}
    return PydanticCustomError("disagreement", "{message}", context)


def _without_none(tree: dict[str, Any], *keys: str) -> dict[str, Any]:
    # So that recipes, digests and checkpoints without these settings stay what they always were.
    return {key: value for key, value in tree.items() if value is not None or key not in keys}


def _listed(names: set[Task]) -> str:
    return ", ".join(sorted(names)) or "none"
