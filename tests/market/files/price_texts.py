"""Small files of prices, as people send them."""

from pathlib import Path

import pandas as pd
from conftest import make_frames

from forecasting.market.files.source import PriceFiles
from forecasting.market.panel import Panel

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
ROWS = "2020-01-02,10,11,9,10.5,5.25,100\n2020-01-03,10.5,12,10,11.5,5.75,200\n"


def write(folder: Path, text: str, name: str = "AAA.csv") -> Path:
    """Write a file of prices."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path | str, **options: str) -> Panel:
    """Load all that a path holds."""
    return PriceFiles(str(path), **options).load()


def long_table() -> pd.DataFrame:
    """Several tickers below each other."""
    parts = [frame.assign(ticker=ticker) for ticker, frame in make_frames(80).items() if len(frame)]
    return pd.concat(parts).rename_axis("date").reset_index()
