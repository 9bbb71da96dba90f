"""What happens between steps: exact resume, a progress line with time left, metrics per epoch."""

import random
import time
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Metrics = dict[str, float]


class ExactResume(L.Callback):
    """Makes a checkpoint that is written at the end of an epoch resume bit for bit.

    It carries torch's random state, for dropout. And it says that the epoch is complete: Lightning,
    which writes it a moment earlier, would otherwise end that epoch a second time, without metrics,
    and count it twice.
    """

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The state of torch's generators, one on the CPU and one a GPU."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state until training starts, as Lightning itself draws in between."""
        self._restored = state_dict

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Complete the epoch, and leave its batches behind."""
        loop = checkpoint["loops"]["fit_loop"]
        for progress in (loop["epoch_progress"]["current"], loop["epoch_progress"]["total"]):
            progress["completed"] = progress["processed"]
        batches = loop["epoch_loop.batch_progress"]
        batches["current"] = dict.fromkeys(batches["current"], 0)
        batches["is_last_batch"] = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the restored state back, once."""
        if self._restored is not None:
            torch.set_rng_state(self._restored["cpu"])
            torch.cuda.set_rng_state_all(self._restored["cuda"])
            self._restored = None


class Patience(EarlyStopping):
    """Early stopping that, killed after its last epoch, does not train another one on resuming."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once if patience had run out."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class EpochMetrics(L.Callback):
    """Hands the metrics of each epoch to a function, and keeps them all."""

    def __init__(self, report: Callable[[Metrics, int], None]) -> None:
        self.report = report
        self.history: list[Metrics] = []
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Called after the epoch's validation."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        metrics["seconds"] = time.perf_counter() - self._started
        self.history.append({"step": float(trainer.global_step), **metrics})
        self.report(metrics, trainer.global_step)


class StepProgress(L.Callback):
    """A progress bar over all optimiser steps, on stderr, with the time left."""

    def __init__(self, title: str, total: int, baseline: float, *, visible: bool) -> None:
        self.baseline = baseline
        self.best_gain = 0.0
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[score]}"),
            console=Console(stderr=True),
            disable=not visible,
        )
        self.task = self.progress.add_task(title, total=total, score="")

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar, at the step a resumed run starts from."""
        self.progress.start()
        self.progress.update(self.task, completed=trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """One step further."""
        self.progress.update(self.task, completed=trainer.global_step)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the gain over the untrained network, now and at its best."""
        score = trainer.callback_metrics.get("validation_nll")
        if score is not None:
            gain = self.baseline - float(score)
            self.best_gain = max(self.best_gain, gain)
            words = f"validation gain {gain:+.4f} nats, best {self.best_gain:+.4f}"
            self.progress.update(self.task, score=words)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the finished bar standing, full even where patience ended the training."""
        self.progress.update(self.task, total=trainer.global_step)
        self.progress.stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        self.progress.stop()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
