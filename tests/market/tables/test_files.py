"""Tables on disk: equal to those in memory, whole or not there, and never copied."""

import json
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from future import KINDS, change_future
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.tables.feature_table import FeatureTable, compute_table
from forecasting.market.tables.files import BAR_FILES, MANIFEST, ROW_FILES, open_table
from forecasting.market.tables.writing import write_table

DECAY = 0.94


def cut(panel: Panel, ends: list[int]) -> Iterator[Panel]:
    for first, stop in zip([0, *ends], [*ends, len(panel.times)], strict=True):
        yield replace(panel, times=panel.times[first:stop], values=panel.values[first:stop])


def assert_same_table(found: FeatureTable, expected: FeatureTable) -> None:
    for name in ("volatility", "bar", "offsets", "log_price", "time", "bar_offsets", "n_times"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)
    np.testing.assert_allclose(found.features, expected.features, rtol=1e-6, atol=1e-6)


@pytest.fixture
def folder(prices: Panel, tmp_path: Path) -> Path:
    write_table(tmp_path / "table", cut(prices, [100, 350]), "ohlcv", DECAY)
    return tmp_path / "table"


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ends=st.lists(st.integers(1, 599), max_size=4, unique=True).map(sorted))
def test_any_chunks_of_bars_give_the_table_in_memory(prices, tmp_path, ends):
    folder = tmp_path / f"table-{ends}"
    if not folder.exists():
        write_table(folder, cut(prices, ends), "ohlcv", DECAY)
    assert_same_table(open_table(folder, verify=True), compute_table(prices, "ohlcv", DECAY))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", KINDS)
def test_later_bars_change_nothing_of_a_table_before_them(prices, tmp_path, kind):
    after = 400
    tables = []
    for name, panel in (("whole", prices), ("changed", change_future(prices, after, kind))):
        write_table(tmp_path / name, cut(panel, [150, 390]), "ohlcv", DECAY)
        tables.append(open_table(tmp_path / name))
    for k in range(len(prices.tickers)):
        whole, changed = (slice(t.rows(k).start, t.stop(k, after)) for t in tables)
        for name in ("features", "volatility"):
            found, expected = getattr(tables[1], name)[changed], getattr(tables[0], name)[whole]
            np.testing.assert_array_equal(found, expected)
        assert whole.stop - whole.start > 150


def test_a_row_that_is_not_complete_is_left_out_and_its_price_stays(prices, tmp_path):
    values = prices.values.copy()
    values[300:303, 1, 4] = np.nan  # no volume, and no feature of it for a while
    holey = replace(prices, values=values)
    write_table(tmp_path / "table", cut(holey, [301]), "ohlcv", DECAY)
    found, expected = open_table(tmp_path / "table"), compute_table(holey, "ohlcv", DECAY)
    assert_same_table(found, expected)
    assert np.diff(found.bar[found.rows(1)]).max() > 1
    assert len(found.log_price) == prices.mask.sum()


@pytest.mark.parametrize("name", [*ROW_FILES, *BAR_FILES, MANIFEST])
@pytest.mark.parametrize("harm", ["missing", "short", "flipped"])
def test_a_damaged_table_is_refused(folder, name, harm):
    path = folder / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if harm == "short":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flipped":
        content[len(content) // 2] ^= 0x20
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"no feature table can be read in .*table: .*Delete"):
        open_table(folder, verify=True)


def test_another_format_is_refused(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(DataError, match="format 99, expected 1"):
        open_table(folder)


def test_a_write_that_fails_leaves_nothing(prices, tmp_path):
    def breaking() -> Iterator[Panel]:
        yield from cut(prices, [300])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_table(tmp_path / "table", breaking(), "ohlcv", DECAY)
    assert list(tmp_path.iterdir()) == []


def test_chunks_of_other_tickers_are_refused(prices, tmp_path):
    first, second = cut(prices, [300])
    with pytest.raises(
        DataError, match="has the tickers AAA, BBB, the first chunk had AAA, BBB, C"
    ):
        write_table(tmp_path / "table", [first, second.select(["AAA", "BBB"])], "ohlcv", DECAY)


def test_a_pickled_table_is_the_name_of_its_folder(folder):
    table = open_table(folder)
    content = pickle.dumps(table)
    assert len(content) < 500 < table.features.nbytes
    assert_same_table(pickle.loads(content), table)


def test_what_is_written_to_a_table_stays_with_the_process(folder):
    before = (folder / "features").read_bytes()
    table = open_table(folder)
    table.features[:] = 0.0
    assert (folder / "features").read_bytes() == before
    assert (open_table(folder).features != 0).any()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="reads Linux' memory maps")
def test_reading_a_table_copies_nothing(folder):
    table = open_table(folder)
    assert np.isfinite(table.features).all()
    maps = Path("/proc/self/smaps").read_text().split(f"{folder / 'features'}\n")
    assert len(maps) == 2
    sizes = dict(line.split(":", 1) for line in maps[1].splitlines()[:20] if ":" in line)
    assert int(sizes["Rss"].split()[0]) * 1024 >= table.features.nbytes // os.sysconf("SC_PAGESIZE")
    assert sizes["Private_Dirty"].split() == ["0", "kB"]
