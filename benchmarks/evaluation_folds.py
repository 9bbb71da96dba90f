"""Forecasts of all folds of a walk-forward, against a package that reads every window again.

The panel has 40 tickers and 5,040 bars (20 years), real ones where they are present, else
simulated. Folds test from the middle on and are refitted every 252 bars; each has a network of its
own, of the recipe `jamba-tiny` and untrained, for the time does not depend on the weights. As in a
walk-forward, each fold's network reads the fold's history, from its first bar to the end of its
test block, once a ticker, and is exact. Folds are shared by as many workers as there are threads,
as the processes of a walk-forward share them.

The peer is neuralforecast's `cross_validation` with a forecast from every origin and one fit: it
reads 256 bars for each. Only its forecasting is timed, its fit is one step; it is compared, on one
thread each, with the middle fold. Its Transformer has as many parameters as `jamba-tiny`; its GRU,
with two thirds of them, stands beside it without a floor. Ours answers with laws at three horizons,
the peer with one path of 21 values.
"""

import importlib
import logging
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.outcome import Row
from benchmarks.timing import timed
from forecasting.config import load_recipe
from forecasting.forecaster.network_forecaster import build_network, network_law
from forecasting.market.folds.fold import Fold
from forecasting.market.folds.walk_forward import WalkForwardSettings, walk_forward_folds
from forecasting.market.panel import Panel
from forecasting.market.sequences import HORIZONS, Sequences, make_sequences
from forecasting.market.simulation import simulate
from forecasting.market.sources import load_prices
from forecasting.nn.network import ForecastNetwork

_BARS, _TICKERS, _REFIT = 5_040, 40, 252
_BESIDE = Path(__file__).parents[2] / "shared" / "data" / "bench"
_REAL = "us40_ohlcv_1999_2021.parquet"
_CONTEXT, _AHEAD = 256, max(HORIZONS)
_ORIGINS = 32
"""Origins a ticker that the peer forecasts from; its rate does not depend on their number."""
_LIMIT, _TIMES = 10.0, 20.0


def panel() -> Panel:
    """20 years of 40 tickers, real ones if there are any."""
    file = Path(os.environ.get("FORECASTING_BENCH_DATA", _BESIDE)) / _REAL
    if file.is_file():
        return load_prices(str(file), missing="mask").at(slice(-_BARS, None))
    return simulate("leverage", n_tickers=_TICKERS, n_bars=_BARS, seed=0)


def measure(threads: int = 2) -> list[Row]:
    """Seconds of all folds, and how much longer the peer takes for a window."""
    prices = panel()
    folds = walk_forward_folds(prices, WalkForwardSettings(0.5, _REFIT), HORIZONS)
    started = time.perf_counter()
    histories = [make_sequences(fold.test_prices(prices, 100)) for fold in folds]
    making = time.perf_counter() - started
    networks = [_network(sequences, k) for k, sequences in enumerate(histories)]
    network_law(networks[0], make_sequences(prices.at(slice(300))))  # loads and checks the kernels
    seconds = _forecast_all(networks, histories, threads)
    windows = sum(_tested(*each) for each in zip(folds, histories, strict=True))
    bars = sum(len(sequences.features) for sequences in histories)
    case = f"{len(folds)} folds, {len(prices.tickers)} x {len(prices.times):,}"
    size = sum(parameter.numel() for parameter in networks[0].parameters())
    told = f"{windows:,} origins, {bars:,} bars read; their features before, {making:.2g} s"
    middle = len(folds) // 2
    alone = _forecast_all(networks[middle : middle + 1], histories[middle : middle + 1], 1)
    rows = [Row(case, "forecasting", seconds, "s", told, _LIMIT)]
    return rows + _peer_rows(case, prices, alone / _tested(folds[middle], histories[middle]), size)


def _network(sequences: Sequences, seed: int) -> ForecastNetwork:
    torch.manual_seed(seed)
    return build_network(load_recipe("jamba-tiny"), sequences.feature_names).eval()


def _forecast_all(
    networks: list[ForecastNetwork], histories: list[Sequences], threads: int
) -> float:
    """Seconds of the passes of all folds, a fold a thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as workers:
            return timed(lambda: list(workers.map(network_law, networks, histories)))
    finally:
        torch.set_num_threads(before)


def _tested(fold: Fold, sequences: Sequences) -> int:
    return int((sequences.origin >= fold.in_history().test_start).sum())


def _peer_rows(case: str, prices: Panel, ours: float, size: int) -> list[Row]:
    """How many times longer each peer takes for the forecast from one origin."""
    peers: tuple[tuple[str, dict[str, Any], float | None], ...] = (
        (
            "VanillaTransformer",
            {"hidden_size": 32, "n_head": 4, "conv_hidden_size": 224, "encoder_layers": 2},
            _TIMES,
        ),
        (
            "GRU",
            {"encoder_hidden_size": 64, "encoder_n_layers": 2, "decoder_hidden_size": 32},
            None,
        ),
    )
    rows = []
    for name, sizes, floor in peers:
        found = _peer(name, sizes, prices)
        if found is None:
            told = "neuralforecast is not installed"
            rows.append(Row(case, f"over {name}", None, "x", told, floor, "larger"))
            continue
        theirs, parameters = found
        told = (
            f"neuralforecast {1e6 * theirs:,.0f} us an origin, ours {1e6 * ours:,.0f} us; "
            f"{parameters / 1e3:.0f}k and {size / 1e3:.0f}k parameters"
        )
        rows.append(Row(case, f"over {name}", theirs / ours, "x", told, floor, "larger"))
    return rows


def _peer(name: str, sizes: dict[str, Any], prices: Panel) -> tuple[float, int] | None:
    """Seconds of a peer's forecast from one origin, and its parameters; None if it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        try:
            core = importlib.import_module("neuralforecast")
            kind = getattr(importlib.import_module("neuralforecast.models"), name)
        except ImportError:
            return None
        for logger in ("lightning", "lightning.pytorch", "pytorch_lightning"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        spent: list[float] = []
        model = _watched(kind, spent)(
            h=_AHEAD,
            input_size=_CONTEXT,
            max_steps=1,
            batch_size=8,
            windows_batch_size=64,
            inference_windows_batch_size=1024,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            logger=False,
            **sizes,
        )
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            core.NeuralForecast([model], freq="B").cross_validation(
                _long(prices), n_windows=_ORIGINS, step_size=1
            )
        finally:
            torch.set_num_threads(before)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    return sum(spent) / (_ORIGINS * len(prices.tickers)), n_parameters


def _watched(kind: type, spent: list[float]) -> Callable[..., Any]:
    """The same model, which notes the seconds of its forecasting."""

    def predict(self: Any, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return kind.predict(self, *arguments, **options)  # type: ignore[attr-defined]
        finally:
            spent.append(time.perf_counter() - started)

    return type(kind.__name__, (kind,), {"predict": predict})


def _long(prices: Panel) -> pd.DataFrame:
    """The last bars as the peer reads them; a missing one takes the price before."""
    last = prices.at(slice(-(_CONTEXT + _AHEAD + _ORIGINS + 512), None))
    price = pd.DataFrame(np.log(last.column("adj_close"))).ffill().bfill().to_numpy()
    return pd.DataFrame(
        {
            "unique_id": np.repeat(last.tickers, len(last.times)),
            "ds": np.tile(pd.bdate_range("2000-01-03", periods=len(last.times)), len(last.tickers)),
            "y": price.T.ravel(),
        }
    )
