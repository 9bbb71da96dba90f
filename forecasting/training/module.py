"""The one training loop's module: loss at every valid bar, AdamW, warm-up and cosine."""

import math
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from forecasting.config import TrainingConfig
from forecasting.nn.network import ForecastNetwork, Law
from forecasting.nn.routing import RouterReport
from forecasting.nn.student_t_head import StudentT, student_t_divergence
from forecasting.nn.task_heads import TaskHead
from forecasting.training.windows import Batch

# Share of the mean load under which an expert counts as dead.
_DEAD = 0.1


def masked_nll(
    network: ForecastNetwork, features: Tensor, targets: Tensor, bar: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Summed negative log likelihood a horizon, and the number of targets behind each sum.

    Args:
        network: The network.
        features: (window, bar, feature).
        targets: Scaled targets (window, bar, horizon); NaN is masked.
        bar: As in a `Batch`.

    Returns:
        Sums (horizon,) in nats, counts (horizon,), and the routers' loss is left out.
    """
    law, _ = network(features, bar)
    return _law_sums(network.head.nll, law, targets)


def _law_sums(
    score: Callable[[Law, Tensor], Tensor], law: Law, targets: Tensor
) -> tuple[Tensor, Tensor]:
    known = torch.isfinite(targets)
    return _masked_sums(score(law, torch.where(known, targets, 0.0)), known)


def divergence_sums(law: Law, batch: Batch) -> tuple[Tensor, Tensor]:
    """Summed divergence from the teachers' law a horizon, and the number of cells behind each."""
    assert isinstance(law, StudentT)
    known = torch.isfinite(batch.tasks["teacher_loc"])
    parts = (torch.where(known, batch.tasks[f"teacher_{name}"], 3.0) for name in StudentT._fields)
    return _masked_sums(student_t_divergence(law, StudentT(*parts)), known)


def task_sums(
    heads: nn.ModuleDict, answers: dict[str, Tensor], targets: dict[str, Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Summed loss a horizon and the number of targets behind each sum, of every task with a head.

    Args:
        heads: A `TaskHead` each.
        answers: What they said, (window, bar, horizon).
        targets: The same; NaN is masked.
    """
    sums = {}
    for task, head in heads.items():
        assert isinstance(head, TaskHead)
        known = torch.isfinite(targets[task])
        loss = head.loss(answers[task], torch.where(known, targets[task], 0.0))
        sums[task] = _masked_sums(loss, known)
    return sums


def _masked_sums(loss: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(known, loss, 0.0).sum(dim=(0, 1)), known.sum(dim=(0, 1))


def mean_over_horizons(sums: Tensor, counts: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean NLL over the horizons that have targets; NaN if one of them has gone.

    Args:
        sums: Summed NLL (horizon,).
        counts: Number of targets behind each sum.
        weights: Of the horizons, equal if None.
    """
    known = counts > 0
    means = sums[known] / counts[known]
    if weights is None:
        return means.mean()
    return (means * weights[known]).sum() / weights[known].sum()


def horizon_weights(config: TrainingConfig) -> Tensor | None:
    """Weights of the horizons as (horizon,), None for equal ones."""
    if config.horizon_weights is None:
        return None
    return torch.tensor(config.horizon_weights, dtype=torch.float64)


def router_metrics(layers: tuple[int, ...], reports: list[RouterReport]) -> dict[str, Tensor]:
    """How evenly the routers used their experts over several batches.

    Args:
        layers: Layer of each router, for the names.
        reports: What the network said of each batch.

    Returns:
        `expert_load_l<layer>_e<expert>`, the share of the layer's picks, 1 / n_experts at perfect
        balance; `router_entropy_l<layer>`, of the router's probabilities, the mean over bars in
        nats, log n_experts where it is undecided; and `dead_experts`, of all layers, with less than
        a tenth of the mean load. Empty without experts.
    """
    if not layers:
        return {}
    _, bars, picks, entropy = (
        torch.stack(parts).sum(dim=0) for parts in zip(*reports, strict=True)
    )
    load = picks / picks.sum(dim=1, keepdim=True)
    metrics = {"dead_experts": (load < _DEAD * load.mean(dim=1, keepdim=True)).sum().float()}
    for i, layer in enumerate(layers):
        metrics[f"router_entropy_l{layer}"] = entropy[i] / bars
        for expert, share in enumerate(load[i]):
            metrics[f"expert_load_l{layer}_e{expert}"] = share
    return metrics


class NetworkModule(L.LightningModule):
    """Lightning module around a `ForecastNetwork`: makes the loss of its head small.

    Logs `train_nll`, `validation_nll` and `validation_nll_h<h>`, each in nats per bar of the
    volatility-scaled target, averaged over horizons by `config.horizon_weights`, and
    `router_metrics` of the validation bars; `train_<task>` and `validation_<task>`, the loss of
    each task before weighting, unless all its targets are masked. After each optimiser step it
    balances the experts by the loads of that step.
    """

    def __init__(
        self,
        network: ForecastNetwork,
        config: TrainingConfig,
        horizons: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.horizons = horizons
        self._horizon_weights = horizon_weights(config)
        self._task_weights = {str(task): weight for task, weight in config.task_weights.items()}
        self._sums = torch.zeros(len(horizons), dtype=torch.float64)
        self._counts = torch.zeros(len(horizons), dtype=torch.float64)
        self._task_sums: dict[str, Tensor] = {}
        self._picks: list[Tensor] = []
        self._reports: list[RouterReport] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Mean NLL over the valid (bar, horizon) cells, plus the losses of routers and tasks."""
        law, report, answers = self.network.answer(batch.features, batch.bar)
        sums, counts = _law_sums(self.network.head.loss, law, batch.targets)
        loss = self._mean(sums, counts)
        if self.config.distillation is not None:
            weight = self.config.distillation.weight
            loss = (1 - weight) * loss + weight * self._mean(*divergence_sums(law, batch))
        with torch.no_grad():
            nll, _ = _law_sums(self.network.head.nll, law, batch.targets)
        self.log("train_nll", self._mean(nll, counts), on_step=False, on_epoch=True)
        self._picks.append(report.picks)
        loss = loss + report.loss
        losses = task_sums(self.network.task_heads, answers, batch.tasks)
        for task, (task_sum, known) in losses.items():
            task_loss = self._mean(task_sum, known)
            if known.any():
                self.log(f"train_{task}", task_loss.detach(), on_step=False, on_epoch=True)
            loss = loss + self._task_weights[task] * task_loss
        return loss

    def _mean(self, sums: Tensor, counts: Tensor) -> Tensor:
        """Mean loss of the cells of a batch, each weighted by its horizon; 0 without cells."""
        if self._horizon_weights is None:
            return sums.sum() / counts.sum().clamp(min=1)
        weights = self._horizon_weights.to(sums.device, sums.dtype)
        total = (weights * counts).sum()
        return (weights * sums).sum() / torch.where(total > 0, total, 1)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """A step of the weights, then one of the routers' biases."""
        super().optimizer_step(*args, **kwargs)
        self.network.balance_experts(torch.stack(self._picks).sum(dim=0))
        self._picks.clear()

    def on_validation_epoch_start(self) -> None:
        """Start new sums."""
        self._sums.zero_()
        self._counts.zero_()
        self._task_sums.clear()
        self._reports.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the sums."""
        law, report, answers = self.network.answer(batch.features, batch.bar)
        sums, counts = _law_sums(self.network.head.nll, law, batch.targets)
        self._sums += sums.double().cpu()
        self._counts += counts.double().cpu()
        losses = task_sums(self.network.task_heads, answers, batch.tasks)
        for task, parts in losses.items():
            found = torch.stack(parts).double().cpu()
            self._task_sums[task] = self._task_sums.get(task, 0) + found
        self._reports.append(report)

    def on_validation_epoch_end(self) -> None:
        """Log the mean NLL a horizon and over horizons, and how the experts were used."""
        for horizon, mean in zip(self.horizons, self._sums / self._counts, strict=True):
            self.log(f"validation_nll_h{horizon}", mean.float())
        self.log("validation_nll", self._mean_over_horizons(self._sums, self._counts))
        for task, (sums, counts) in self._task_sums.items():
            if counts.any():
                self.log(f"validation_{task}", self._mean_over_horizons(sums, counts))
        self.log_dict(router_metrics(self.network.expert_layers, self._reports))

    def _mean_over_horizons(self, sums: Tensor, counts: Tensor) -> Tensor:
        return mean_over_horizons(sums, counts, self._horizon_weights).float()

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW without decay on norms, biases and state-space parameters; warm-up and cosine."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.network.parameter_groups(config.weight_decay),
            lr=config.learning_rate,
            betas=(0.9, 0.95),
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(config))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def warmup_cosine(config: TrainingConfig) -> Callable[[int], float]:
    """Factor of the learning rate at a step: linear warm-up, then half a cosine to zero."""

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / config.warmup_steps
        span = max(1, config.max_steps - config.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - config.warmup_steps) / span)))

    return factor
