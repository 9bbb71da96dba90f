"""Tables below the home folder: found again, made anew when damaged, the oldest deleted."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market import sequences
from forecasting.market.features import feature_names, resolve_variant
from forecasting.market.panel import Panel
from forecasting.market.tables.cache import KEPT, cached_table
from forecasting.market.tables.files import MANIFEST, MappedTable


def tables() -> list[Path]:
    return sorted(path for path in paths.tables().iterdir() if path.is_dir())


def test_a_table_is_written_once(prices):
    first = cached_table(prices, "ohlcv", 0.94)
    written = (first.folder / "features").stat()
    again = cached_table(replace(prices), "ohlcv", 0.94)
    assert again.folder == first.folder
    assert (again.folder / "features").stat().st_ino == written.st_ino
    assert tables() == [first.folder]


def test_other_prices_features_or_decay_are_another_table(prices):
    values = prices.values.copy()
    values[-1, 0, 4] += 1
    asked = [
        (prices, "ohlcv", 0.94),
        (prices, "close", 0.94),
        (prices, "ohlcv", 0.97),
        (replace(prices, values=values), "ohlcv", 0.94),
    ]
    assert len({cached_table(*each).folder for each in asked}) == 4


@pytest.mark.parametrize("name", ["features", "time", MANIFEST])
def test_a_damaged_table_is_made_anew(prices, name):
    table = cached_table(prices, "ohlcv", 0.94)
    path = table.folder / name
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert cached_table(prices, "ohlcv", 0.94).folder == table.folder
    assert path.read_bytes() == good


def test_the_tables_used_last_stay(prices):
    for k in range(KEPT):
        table = cached_table(prices, "close", 0.9 + 0.01 * k)
        os.utime(table.folder / MANIFEST, (k, k))
    oldest = cached_table(prices, "close", 0.9)  # used again
    second = cached_table(prices, "close", 0.91)
    os.utime(second.folder / MANIFEST, (1, 1))
    newest = cached_table(prices, "close", 0.99)
    assert len(tables()) == KEPT
    assert oldest.folder in tables()
    assert newest.folder in tables()
    assert second.folder not in tables()
    assert np.isfinite(second.features).all()  # still mapped


def test_what_a_killed_process_left_is_deleted(prices):
    left = paths.tables() / ".abc.xyz.part"
    left.mkdir(parents=True)
    (left / "0.spool").write_bytes(b"half")
    cached_table(prices, "ohlcv", 0.94)
    assert not left.exists()


def test_several_at_once_write_one_table(prices):
    panels = [replace(prices) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda panel: cached_table(panel, "ohlcv", 0.94), panels))
    assert tables() == [found[0].folder]
    for table in found:
        np.testing.assert_array_equal(table.features, found[0].features)


def test_a_full_disk_is_one_line_and_leaves_nothing(prices):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"features of test prices cannot be put .* Make room"):
            cached_table(prices, "ohlcv", 0.94)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tables() == []
    assert len(cached_table(prices, "ohlcv", 0.94).features)


def test_the_size_of_the_features_decides(prices: Panel, monkeypatch: pytest.MonkeyPatch):
    size = 4 * int(prices.mask.sum()) * len(feature_names(resolve_variant(prices, "auto")))
    monkeypatch.setattr(sequences, "MAPPED_BYTES", size)
    assert not isinstance(sequences.make_sequences(prices).table, MappedTable)
    monkeypatch.setattr(sequences, "MAPPED_BYTES", size - 1)
    assert isinstance(sequences.make_sequences(prices).table, MappedTable)
    assert not isinstance(sequences.make_sequences(prices, mapped=False).table, MappedTable)
