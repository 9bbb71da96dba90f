"""The one training loop's module: loss at every valid bar, AdamW, warm-up and cosine."""

import math
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor

from forecasting.config import TrainingConfig
from forecasting.nn.head import student_t_nll
from forecasting.nn.network import ForecastNetwork


def masked_nll(
    network: ForecastNetwork, features: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Summed negative log likelihood a horizon, and the number of targets behind each sum.

    Args:
        network: The network.
        features: (window, bar, feature).
        targets: Scaled targets (window, bar, horizon); NaN is masked.

    Returns:
        Sums (horizon,) in nats, counts (horizon,), and the router's auxiliary loss is left out.
    """
    params, _ = network(features)
    known = torch.isfinite(targets)
    nll = student_t_nll(params, torch.where(known, targets, 0.0))
    return torch.where(known, nll, 0.0).sum(dim=(0, 1)), known.sum(dim=(0, 1))


def mean_over_horizons(sums: Tensor, counts: Tensor) -> Tensor:
    """Mean NLL with equal weight on the horizons that have targets; NaN if one of them has gone."""
    known = counts > 0
    return (sums[known] / counts[known]).mean()


class NetworkModule(L.LightningModule):
    """Lightning module around a `ForecastNetwork`.

    Logs `train_nll`, `validation_nll` and `validation_nll_h<h>`, each in nats per bar of the
    volatility-scaled target, averaged over horizons with equal weight.
    """

    def __init__(
        self,
        network: ForecastNetwork,
        config: TrainingConfig,
        horizons: tuple[int, ...],
        aux: float,
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.horizons = horizons
        self.router_aux_loss_coef = aux
        self._sums = torch.zeros(len(horizons), dtype=torch.float64)
        self._counts = torch.zeros(len(horizons), dtype=torch.float64)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Mean NLL over the valid (bar, horizon) cells plus the router's balance loss."""
        features, targets = batch
        params, aux = self.network(features)
        known = torch.isfinite(targets)
        nll = student_t_nll(params, torch.where(known, targets, 0.0))
        loss = torch.where(known, nll, 0.0).sum() / known.sum().clamp(min=1)
        self.log("train_nll", loss.detach(), on_step=False, on_epoch=True)
        return loss + self.router_aux_loss_coef * aux

    def on_validation_epoch_start(self) -> None:
        """Start new sums."""
        self._sums.zero_()
        self._counts.zero_()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Add one batch to the sums."""
        sums, counts = masked_nll(self.network, *batch)
        self._sums += sums.double().cpu()
        self._counts += counts.double().cpu()

    def on_validation_epoch_end(self) -> None:
        """Log the mean NLL a horizon and over horizons."""
        for horizon, mean in zip(self.horizons, self._sums / self._counts, strict=True):
            self.log(f"validation_nll_h{horizon}", mean.float())
        self.log("validation_nll", mean_over_horizons(self._sums, self._counts).float())

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
