"""Seconds of the comparison of many forecasters: tests, confidence set, bootstraps, mixtures.

The losses are simulated: a factor that all tickers share, a persistent spread of each forecaster,
and noise of each cell. Nothing is fitted or forecast here.
"""

import time

import numpy as np
from arch.bootstrap import StationaryBootstrap
from jaxtyping import Float

from benchmarks.outcome import Row
from forecasting.evaluation.comparison.blocks import REPETITIONS, block_length
from forecasting.evaluation.comparison.confidence_set import confidence_set
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.comparison.superior_ability import superior_ability
from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.mixture import Mixture
from forecasting.forecast.student_t import StudentT

HORIZONS = (1, 5, 21)
FLOOR = 10.0
"""Seconds for all horizons together."""

Losses = Float[np.ndarray, "model date ticker"]


def simulated_losses(models: int, dates: int, tickers: int) -> Losses:
    """Log losses of each forecaster on each cell, nats."""
    rng = np.random.default_rng(0)
    shared = rng.standard_t(4, (1, dates, 1))
    spread = np.linspace(0, 0.02, models)[:, None, None] + rng.normal(0, 0.1, (models, dates, 1))
    return shared + spread + rng.normal(0, 0.5, (models, dates, tickers))


def by_date(losses: Losses) -> Float[np.ndarray, "date model"]:
    """Means over the tickers of each date."""
    _, dates, tickers = losses.shape
    date = np.repeat(np.arange(dates), tickers)
    return np.column_stack([date_means(each.ravel(), date) for each in losses])


def interval(gains: Float[np.ndarray, "date rival"], horizon: int) -> np.ndarray:
    """Block-bootstrap 95 % intervals of the mean gains."""
    draws = StationaryBootstrap(block_length(gains, horizon), gains, seed=0)
    intervals: np.ndarray = draws.conf_int(
        lambda x: x.mean(axis=0), reps=REPETITIONS, method="percentile"
    )
    return intervals


def measure(*, models: int = 10, tickers: int = 40, dates: int = 1_000) -> list[Row]:
    """Times of each part for all horizons, and of all together."""
    case = f"{models} models, {tickers} tickers, {dates} dates"
    seconds = dict.fromkeys(("date means", "pairwise", "SPA", "MCS", "intervals"), 0.0)
    losses = simulated_losses(models, dates, tickers)
    for horizon in HORIZONS:
        parts = {}
        started = time.perf_counter()
        means = by_date(losses)
        parts["date means"] = time.perf_counter()
        gains = means[:, 1:] - means[:, :1]
        for gain in gains.T:
            diebold_mariano(gain, horizon)
        parts["pairwise"] = time.perf_counter()
        superior_ability(gains, horizon)
        parts["SPA"] = time.perf_counter()
        confidence_set({str(k): loss for k, loss in enumerate(means.T)}, horizon)
        parts["MCS"] = time.perf_counter()
        interval(gains, horizon)
        parts["intervals"] = time.perf_counter()
        for name, ended in parts.items():
            seconds[name] += ended - started
            started = ended
    rows = [Row(case, name, value, "s") for name, value in seconds.items()]
    rows.append(Row(case, "all", sum(seconds.values()), "s", "horizons 1, 5, 21", FLOOR))
    return [*rows, _mixture_row(tickers * dates)]


def _mixture_row(cells: int) -> Row:
    """The joint forecast of three seeds: quantile and CRPS of every cell."""
    rng = np.random.default_rng(1)
    members = [
        StudentT(rng.normal(0, 1e-3, cells), rng.uniform(0.009, 0.011, cells), np.full(cells, 5.0))
        for _ in range(3)
    ]
    mixture, outcome = Mixture(tuple(members)), rng.normal(0, 0.01, cells)
    started = time.perf_counter()
    mixture.quantile(0.05)
    mixture.crps(outcome)
    seconds = time.perf_counter() - started
    return Row(f"mixture of 3 on {cells} cells", "quantile, CRPS", seconds, "s")
