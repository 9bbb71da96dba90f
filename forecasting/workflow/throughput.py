"""Bars a second of training: an optimiser step on windows of the recipe's own shape."""

import time

import torch

from forecasting.config import Recipe
from forecasting.forecaster.network_forecaster import build_network

_STEPS = 3


def training_rate(recipe: Recipe, features: tuple[str, ...]) -> float:
    """Bars (tokens) of all windows that a training of the recipe digests in a second, here.

    The fastest of three steps after a first one, each forward, backward and optimiser, on noise;
    without validation, and whatever the seed.

    Args:
        recipe: What would be trained, and on windows of which shape.
        features: Names of the network's inputs.
    """
    training = recipe.training
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng():
        network = build_network(recipe, features).to(device).train()
        bars = (training.batch_size, training.context_length)
        inputs = torch.randn(*bars, len(features), device=device)
        targets = torch.randn(*bars, len(recipe.data.horizons), device=device)
        bar = torch.arange(bars[1], device=device).expand(bars)
        optimizer = torch.optim.AdamW(network.parameters(), lr=training.learning_rate)
        seconds = []
        for _ in range(1 + _STEPS):
            started = time.perf_counter()
            with torch.autocast(
                device.type, torch.bfloat16, enabled=training.precision == "bfloat16"
            ):
                law, routing = network(inputs, bar)
            loss = network.head.loss(law, targets).mean() + routing.loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    return training.batch_size * training.context_length / min(seconds[1:])
