"""Shared fixtures: no network but loopback, one thread, small prices with known defects."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import ipaddress
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.market.panel import Panel

# A process that a shell starts in the background is deaf to Ctrl-C, and so are its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = "127.0.0.1" if address[0] == "localhost" else str(address[0])
            if not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def home(tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that a test writes fall into its own folder."""
    monkeypatch.setenv("FORECASTING_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def make_frames(n_bars: int = 600, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Four OHLCV tickers with clustered volatility; DDD is listed late, CCC misses ten bars."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2010-01-04", periods=n_bars)
    log_vol = np.log(0.01) + 0.5 * np.sin(np.arange(n_bars) / 40)
    frames = {}
    for k, ticker in enumerate(("AAA", "BBB", "CCC", "DDD")):
        step = np.exp(log_vol)[:, None] * rng.standard_t(6, (n_bars, 4)) / np.sqrt(6)
        path = np.log(50 + 10 * k) + np.concatenate([[0], np.cumsum(step.sum(axis=1))[:-1]])
        inside = path[:, None] + np.cumsum(step, axis=1)
        quotes = np.exp(np.column_stack([path, inside]))
        frames[ticker] = pd.DataFrame(
            {
                "open": quotes[:, 1],
                "high": quotes[:, 1:].max(axis=1),
                "low": quotes[:, 1:].min(axis=1),
                "close": quotes[:, -1],
                "adj_close": quotes[:, -1],
                "volume": np.round(rng.lognormal(12, 0.4, n_bars)),
            },
            index=dates,
        )
    frames["CCC"] = frames["CCC"].drop(dates[300:310])
    frames["DDD"] = frames["DDD"].iloc[150:]
    return frames


@pytest.fixture(scope="session")
def prices() -> Panel:
    """Four OHLCV tickers, 600 daily bars, one listed late, one with missing bars."""
    return Panel.from_frames(make_frames(), source="test prices")


@pytest.fixture(scope="session")
def close_only() -> Panel:
    """The same tickers with nothing but an adjusted close."""
    frames = {ticker: frame[["adj_close"]] for ticker, frame in make_frames().items()}
    return Panel.from_frames(frames, source="test prices")


TINY = (
    "network.hidden_size=16",
    "network.mamba_d_state=4",
    "network.sliding_window=16",
    "training.context_length=48",
    "training.batch_size=4",
    "training.max_steps=6",
    "training.validate_every=3",
    "training.warmup_steps=2",
)


FASTEST = (
    "network.hidden_size=8",
    "network.mamba_d_state=4",
    "network.sliding_window=16",
    "training.context_length=32",
    "training.batch_size=4",
    "training.max_steps=4",
    "training.validate_every=2",
    "training.warmup_steps=1",
)
"""A training so short that a test can make many."""


@pytest.fixture(scope="session")
def untouched_home(tmp_path_factory: pytest.TempPathFactory, prices: Panel) -> Path:
    """The home in which the tiny model was trained, as it was then: copy it."""
    from forecasting.training.train import train

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        # Six steps on so few bars learn something, but not from echoes, which few of the bars have.
        overrides = (*TINY, "data.features=ohlcv")
        train(prices, "jamba-tiny", out=home / "model", overrides=overrides, progress=False)
    return home


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, untouched_home: Path) -> Path:
    """A tiny model and its twin, really trained for six steps on `prices`; do not change it."""
    return shutil.copytree(untouched_home, tmp_path_factory.mktemp("shared") / "home") / "model"
