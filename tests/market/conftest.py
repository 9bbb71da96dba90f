"""What several tests of prices need."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from market.yahoo_server import FakeYahoo, forget_yfinance, serve, through_proxy


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificate")


@pytest.fixture
def server(certificate_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    """Yahoo on loopback, without any symbol, met for the first time."""
    forget_yfinance()
    with serve(certificate_folder) as yahoo:
        for name, value in yahoo.environment.items():
            monkeypatch.setenv(name, value)
        yield yahoo
    forget_yfinance()


@pytest.fixture
def dead_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A proxy that is not there: port 1 refuses."""
    forget_yfinance()
    for name, value in through_proxy(port=1).items():
        monkeypatch.setenv(name, value)
    yield
    forget_yfinance()
