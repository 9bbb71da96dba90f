import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from market import rebuild_sample

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS
from forecasting.market.sample import DATASETS, MANIFEST, SampleSource, manifest_entry


@pytest.fixture
def copied_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sample"
    shutil.copytree(paths.sample(), folder)
    monkeypatch.setattr(paths, "sample", lambda: folder)
    return folder


@pytest.mark.parametrize("name", DATASETS)
def test_files_are_what_the_manifest_says(name: str) -> None:
    panel, entry = SampleSource(name).load(), manifest_entry(name)
    assert list(panel.tickers) == entry["tickers"] == list(SampleSource(name).tickers())
    assert int(panel.mask.sum()) == entry["rows"]
    assert [str(panel.times[k])[:10] for k in (0, -1)] == [entry["first"], entry["last"]]
    assert panel.interval == "1d"


def test_the_sample_is_small_and_has_a_card() -> None:
    assert sum(path.stat().st_size for path in paths.sample().iterdir()) < 1_500_000
    card = (paths.sample().parent / "README.md").read_text(encoding="utf-8")
    for file in DATASETS.values():
        assert file in card


def test_known_values() -> None:
    stocks = SampleSource("sample").load(["AAPL", "XOM"])
    assert stocks.values.shape == (8313, 2, len(COLUMNS))
    np.testing.assert_array_equal(stocks.column("adj_close")[0], [0.264, 4.068])
    assert stocks.mask.all()
    assert not stocks.has("close")
    ohlcv = SampleSource("sample-ohlcv").load(["AAPL"])
    assert ohlcv.values[0, 0, :6].tolist() == [
        118.56,
        132.06,
        118.5,
        130.31,
        9616100,
        4.186662803811,
    ]


@pytest.mark.parametrize(("ticker", "name"), [("^GSPC", "sp500"), ("^IXIC", "nasdaq")])
def test_indices_equal_those_of_arch(ticker: str, name: str) -> None:
    """Another way to the same numbers: the package that they came from."""
    import arch.data.nasdaq
    import arch.data.sp500

    theirs: pd.DataFrame = getattr(arch.data, name).load()
    ours = SampleSource("sample-indices").load([ticker])
    np.testing.assert_array_equal(ours.times, theirs.index.to_numpy().astype("datetime64[ns]"))
    for column in ("Open", "High", "Low", "Close", "Volume", "Adj Close"):
        np.testing.assert_array_equal(
            ours.column(column.lower().replace(" ", "_"))[:, 0], theirs[column]
        )


def test_vix_equals_that_of_arch() -> None:
    import arch.data.vix

    theirs = arch.data.vix.load()["vix"].dropna()
    ours = SampleSource("sample-vix").load()
    np.testing.assert_array_equal(ours.column("adj_close")[:, 0], theirs)


def flip_a_byte(folder: Path) -> None:
    path = folder / DATASETS["sample"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_byte, "the bundled prices were changed. Restore"),
        (lambda folder: (folder / DATASETS["sample"]).unlink(), "cannot be read .No such file"),
        (lambda folder: (folder / MANIFEST).unlink(), "does not describe sample"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "does not describe sample"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "does not describe sample"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), "does not describe sample"),
    ],
)
def test_damage_is_noticed(
    copied_sample: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(copied_sample)
    with pytest.raises(DataError, match=message):
        SampleSource("sample").load()


@pytest.mark.parametrize(
    ("ticker", "message"),
    [
        ("TSLA", "ticker 'TSLA' is not in sample: it has 20 "),
        ("aapl", "expected 'AAPL'"),
        ("../../etc/passwd", "is no symbol"),
    ],
)
def test_unknown_tickers(ticker: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SampleSource("sample").load([ticker])


def write_registry(folder: Path) -> None:
    """Source files of the same shape, with few rows."""
    stocks = "Date,AAA,BBB\n1990-01-02,0.264,4.125\n1990-01-03,0.266,4.0\n"
    ohlcv = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n"
    ohlcv += "AAA,2000-03-01,1.5,2.5,1.0,2.0,9616100,4.186662803811\n"
    index = "Date,Open,High,Low,Close,Adj Close,Volume\n1/4/1999,1.1,1.2,1.0,1.15,1.15,877000000\n"
    vix = "Date,vix\n1/3/2014,13.76\n1/20/2014,.\n1/21/2014,12.87\n"
    for name, text in {
        "us20_adjclose_1990_2022": stocks,
        "us5_ohlcv_2000_2013": ohlcv,
        "sp500_index_ohlcv_1999_2018": index,
        "nasdaq_index_ohlcv_1999_2018": index,
        "vix_close_2014_2019": vix,
    }.items():
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


def test_rebuilding_is_deterministic_and_exact(tmp_path: Path) -> None:
    write_registry(tmp_path)
    for out in ("one", "other"):
        rebuild_sample.rebuild(tmp_path, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted([*DATASETS.values(), MANIFEST])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    stocks = pq.read_table(tmp_path / "one" / DATASETS["sample"]).to_pydict()
    assert stocks["ticker"] == ["AAA", "AAA", "BBB", "BBB"]
    assert stocks["adj_close"] == [0.264, 0.266, 4.125, 4.0]
    vix = pq.read_table(tmp_path / "one" / DATASETS["sample-vix"]).to_pydict()
    assert vix["adj_close"] == [13.76, 12.87]
    manifest = json.loads((tmp_path / "one" / MANIFEST).read_text())
    assert manifest[DATASETS["sample-indices"]]["tickers"] == ["^GSPC", "^IXIC"]
