"""Fit one network: from rows of features to the best weights on purged validation bars."""

import logging
import math
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from forecasting.config import Recipe
from forecasting.forecaster.network_forecaster import build_network
from forecasting.market.features import GAP_FEATURE
from forecasting.market.sequences import Sequences
from forecasting.market.splits import Split
from forecasting.nn.adapters import finish_tuning
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.task_heads import RangeVarianceHead
from forecasting.training.callbacks import (
    EpochMetrics,
    ExactResume,
    Metrics,
    Patience,
    StepProgress,
    seed_everything,
)
from forecasting.training.checkpoints import LAST, begin, find_checkpoint
from forecasting.training.examples import Pretrained, starting_laws
from forecasting.training.module import (
    NetworkModule,
    horizon_weights,
    masked_nll,
    mean_over_horizons,
)
from forecasting.training.normalisation import feature_moments
from forecasting.training.window_loader import WindowLoader
from forecasting.training.windows import Batch, Windows, evaluation_length, evaluation_starts

# Windows of the validation span that go through the network at once.
_VALIDATION_BATCH = 16


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted network and how the fit went.

    Attributes:
        network: Best weights on validation; those that it started with if nothing improved on them.
        baseline_nll: Validation NLL of EWMA-t, which an untrained network is, nats a bar.
        start_nll: Validation NLL of the network before the first step; from a pre-trained model
            its own (zero-shot), else that of EWMA-t.
        best_nll: Validation NLL of `network`.
        best_step: Optimiser step of the best weights, 0 for those that it started with.
        n_learning: Numbers that learnt.
        history: Metrics of each epoch since the last start.
        teacher_nll: Validation NLL of each network that it learnt from.
    """

    network: ForecastNetwork
    baseline_nll: float
    start_nll: float
    best_nll: float
    best_step: int
    n_learning: int
    history: list[Metrics] = field(repr=False)
    teacher_nll: tuple[float, ...] = ()


class _Batches:
    """A re-iterable of batches; a bare list would mean several loaders to Lightning."""

    def __init__(self, windows: Windows, parts: list[np.ndarray]) -> None:
        self.windows = windows
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Batch]:
        return (self.windows.batch(starts) for starts in self.parts)


class WindowData(L.LightningDataModule):
    """Training and validation windows of one table; the former with what teachers say of it."""

    def __init__(
        self,
        sequences: Sequences,
        split: Split,
        recipe: Recipe,
        teaching: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        training = recipe.training
        own = Windows.over(sequences, split.train, training.context_length)
        self.training_windows = replace(own, tasks={**own.tasks, **(teaching or {})})
        length = evaluation_length(sequences.table, split.validation, training.context_length)
        windows = Windows.over(sequences, split.validation, length)
        starts = evaluation_starts(windows, training.context_length)
        self.across = recipe.network.cross_asset != "none"
        n_batches = 1 if self.across else math.ceil(len(starts) / _VALIDATION_BATCH)
        self.validation_batches = _Batches(windows, np.array_split(starts, n_batches))

    def train_dataloader(self) -> WindowLoader:
        """The windows of the trainer's current epoch."""
        training = self.recipe.training
        epoch = self.trainer.current_epoch if self.trainer else 0
        first = epoch * training.validate_every
        return WindowLoader(
            self.training_windows,
            batch_size=training.batch_size,
            first_step=first,
            steps=min(training.validate_every, training.max_steps - first),
            seed=training.seed,
            across=self.across,
            sampling=training.sampling,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=self.trainer.world_size if self.trainer else 1,
        )

    def val_dataloader(self) -> Iterable[Batch]:
        """Every validation bar once, each ticker with its context before it."""
        return self.validation_batches


def fit(
    recipe: Recipe,
    sequences: Sequences,
    split: Split,
    *,
    checkpoints: Path,
    start: Pretrained | None = None,
    teaching: Mapping[str, np.ndarray] | None = None,
    resume: bool = False,
    report: Callable[[Metrics, int], None] = lambda metrics, step: None,
    progress: bool = True,
) -> Fit:
    """Fit a recipe's network on the training rows, choosing weights on the validation rows.

    Args:
        recipe: Network and training settings.
        sequences: Features and targets.
        split: Purged training and validation rows.
        checkpoints: Folder for resumable checkpoints; the caller removes it once the weights are
            safe.
        start: Model to start from instead of an untrained network.
        teaching: Law that it learns from beside the returns, of each row and horizon; see
            `forecasting.training.distillation`.
        resume: Continue from `checkpoints` if there are any.
        report: Called with each epoch's metrics and the optimiser step.
        progress: Show a progress bar on stderr.

    Raises:
        ConfigError: `resume`, but the checkpoints are of another recipe, start or prices.
        DataError: The training rows do not suffice.
        ModelFileError: `resume`, but a checkpoint is damaged.
    """
    network = starting_network(recipe, sequences, split)
    data = WindowData(sequences, split, recipe, teaching)
    baseline = start_nll = _validation_nll(network, data)
    if start is not None:
        network = start.network(recipe.training.adapter_rank)
        start_nll = _validation_nll(network, data)
    first_weights = deepcopy(network.state_dict())
    n_learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    identity = (recipe, sequences.panel.vintage, start.lineage if start else ())
    last = find_checkpoint(checkpoints, *identity) if resume else None
    if last is None:
        begin(checkpoints, *identity)
    module = NetworkModule(network, recipe.training, recipe.data.horizons)
    metrics = EpochMetrics(report)
    best = ModelCheckpoint(
        checkpoints, "best", monitor="validation_nll", enable_version_counter=False
    )
    latest = ModelCheckpoint(checkpoints, Path(LAST).stem, enable_version_counter=False)
    bar = StepProgress(recipe.name, recipe.training.max_steps, start_nll, visible=progress)
    stop = Patience("validation_nll", patience=recipe.training.patience, check_finite=True)
    _run_trainer(module, data, [ExactResume(), metrics, stop, bar, best, latest], last)
    saved = torch.load(best.best_model_path, weights_only=True)
    module.load_state_dict(saved["state_dict"])
    best_nll, best_step = _validation_nll(network, data), int(saved["global_step"])
    if not best_nll < start_nll:
        network.load_state_dict(first_weights)
        best_nll, best_step = start_nll, 0
    finish_tuning(network)
    return Fit(
        network.eval(), baseline, start_nll, best_nll, best_step, n_learning, metrics.history
    )


def starting_network(recipe: Recipe, sequences: Sequences, split: Split) -> ForecastNetwork:
    """The untrained network: random inside, equal to EWMA-t outside."""
    seed_everything(recipe.training.seed)
    network = build_network(recipe, sequences.feature_names)
    mean, deviation = feature_moments(sequences.features, split.train)
    network.set_normalisation(
        torch.tensor(mean, dtype=torch.float32), torch.tensor(deviation, dtype=torch.float32)
    )
    gaps = sequences.feature(GAP_FEATURE)[split.train].astype(np.float64)
    network.usual_gap.fill_(float(np.median(gaps)))
    laws = starting_laws(sequences, split)
    scale, df = (torch.tensor(values, dtype=torch.float32) for values in zip(*laws, strict=True))
    network.set_baseline(scale, df)
    for task, head in network.task_heads.items():
        if isinstance(head, RangeVarianceHead):
            head.set_baseline(torch.from_numpy(sequences.tasks[task][split.train]))
    return network


def _validation_nll(network: ForecastNetwork, data: WindowData) -> float:
    """Weighted mean NLL over horizons on the validation rows, as `NetworkModule` logs it."""
    network.eval()
    with torch.inference_mode():
        parts = [
            masked_nll(network, batch.features, batch.targets, batch.bar)
            for batch in data.validation_batches
        ]
    network.train()
    sums = torch.stack([part[0].double() for part in parts]).sum(dim=0)
    counts = torch.stack([part[1].double() for part in parts]).sum(dim=0)
    return float(mean_over_horizons(sums, counts, horizon_weights(data.recipe.training)))


def _run_trainer(
    module: NetworkModule, data: WindowData, callbacks: list[L.Callback], last: Path | None
) -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Lightning advises worker processes and log intervals; ours are chosen.
        warnings.filterwarnings("ignore", module="lightning")
        trainer = L.Trainer(
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if module.config.precision == "bfloat16" else "32-true",
            max_steps=module.config.max_steps,
            gradient_clip_val=module.config.gradient_clip,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            callbacks=callbacks,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        before = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
        except SystemExit:
            if trainer.received_sigterm:
                sys.exit(128 + signal.SIGTERM)
            # Lightning answers an interrupt by ending the process, deaf to further ones.
            signal.signal(signal.SIGINT, before)
            raise KeyboardInterrupt from None
