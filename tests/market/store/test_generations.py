import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market.store.answers import make_bars, pay_dividend, store

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import QUOTED_COLUMNS, Panel
from forecasting.market.store import parquet
from forecasting.market.store.folders import present
from forecasting.market.store.generations import DamagedHistoryError, manifest, read
from forecasting.market.store.history import History
from forecasting.market.store.manifest import Manifest

PRICES = st.floats(1e-300, 1e300)
VALUES = st.lists(st.tuples(*[PRICES | st.just(np.nan)] * len(QUOTED_COLUMNS)), min_size=1)


@settings(max_examples=30)
@given(values=VALUES, seconds=st.integers(-(10**9), 10**9))
def test_round_trip(values: list[tuple[float, ...]], seconds: int) -> None:
    times = np.datetime64(seconds, "s").astype("datetime64[ns]") + np.arange(len(values))
    history = History(times, np.array(values))
    content = parquet.encode(history)
    back = parquet.decode(content, hashlib.sha256(content).hexdigest())
    np.testing.assert_array_equal(back.times, history.times)
    np.testing.assert_array_equal(back.values, history.values)
    assert parquet.encode(back) == content


def test_manifest() -> None:
    bars = make_bars(100)
    said = store(bars, start="2010-01-01").manifest
    place = paths.store() / "1d" / "AAA"
    assert sorted(path.name for path in place.iterdir()) == ["1-100.parquet", "1.json"]
    assert said.sha256 == hashlib.sha256((place / "1-100.parquet").read_bytes()).hexdigest()
    assert (said.generation, said.rows, said.start) == (1, 100, "2010-01-01")
    assert (said.first, said.last) == ("2010-01-04", "2010-05-21")
    assert said.vintage == Panel.from_frames({"AAA": bars}).vintage
    assert manifest("AAA") == said
    assert manifest("BBB") is manifest("AAA", "1h") is None
    assert (said.source, present(), present("1h")) == ("test", ("AAA",), ())


def test_pages_are_compressed_and_have_checksums() -> None:
    store(make_bars(100))
    file = pq.ParquetFile(paths.store() / "1d" / "AAA" / "1-100.parquet")
    assert file.schema_arrow.equals(parquet.SCHEMA)
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_absent_columns_stay_absent() -> None:
    store(make_bars(100)[["adj_close"]], "^VIX")
    assert list(read("^VIX")[0].columns) == ["adj_close"]
    assert present() == ("^VIX",)
    assert (paths.store() / "1d" / "%5EVIX").is_dir()


def test_intraday_bars_keep_their_times() -> None:
    bars = make_bars(30).set_axis(pd.date_range("2020-03-02 10:30", periods=30, freq="h"))
    said = store(bars, interval="1h").manifest
    assert (said.first, said.last) == ("2020-03-02T10:30:00", "2020-03-03T15:30:00")
    assert list(read("AAA", "1h")[0].index) == list(bars.index)
    assert (present(), present("1h")) == ((), ("AAA",))


def test_earlier_states_can_be_read() -> None:
    bars = make_bars(100)
    store(bars.iloc[:80])
    store(bars)
    store(pay_dividend(bars, 0.99))
    earlier = read("AAA", generation=1, rows=80)[0]
    assert list(earlier.index) == list(bars.index[:80])
    np.testing.assert_array_equal(earlier[bars.columns], bars.iloc[:80])
    assert read("AAA")[1].generation == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ticker": "BBB"}, r"BBB \(1d\) is not in the store .*: fetch it first"),
        ({"ticker": "AAA", "interval": "5m"}, r"AAA \(5m\) is not in the store"),
        ({"ticker": "AAA", "generation": 7}, r"generation 7 of AAA .* it has 1"),
        ({"ticker": "AAA", "rows": 101}, "101 bars of generation 1 of AAA .* has 100"),
        ({"ticker": "AAA", "interval": "../1d"}, "is no bar length"),
        ({"ticker": "../../etc/passwd"}, "is no symbol"),
    ],
)
def test_what_is_not_there(arguments: dict, message: str) -> None:
    store(make_bars(100))
    with pytest.raises(DataError, match=message):
        read(**arguments)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_and_sign(path: Path) -> None:
    """Damage that the manifest agrees with: only the page checksum tells."""
    flip(path, path.stat().st_size // 2)
    place = path.with_name("1.json")
    said = json.loads(place.read_text())
    del said["checksum"]
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    place.write_bytes(Manifest(**said).encode())


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bars cut off": half,
    "bars empty": lambda path: path.write_bytes(b""),
    "bars gone": lambda path: path.unlink(),
    "bars with another byte": lambda path: flip(path, path.stat().st_size // 3),
    "page with another byte": flip_and_sign,
    "manifest cut off": lambda path: half(path.with_name("1.json")),
    "manifest with another byte": lambda path: flip(path.with_name("1.json"), 40),
    "manifest empty": lambda path: path.with_name("1.json").write_bytes(b""),
    "manifest foreign": lambda path: path.with_name("1.json").write_text('{"ticker": "AAA"}'),
    "manifest a list": lambda path: path.with_name("1.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_names_the_next_step_and_is_healed_by_it(damage: Callable[[Path], object]) -> None:
    bars = make_bars(100)
    before = store(bars).manifest
    damage(paths.store() / "1d" / "AAA" / "1-100.parquet")
    with pytest.raises(DamagedHistoryError, match=r"AAA.* is damaged .*`forecasting fetch AAA`"):
        read("AAA")
    healed = store(bars)
    assert healed.difference is not None
    assert "damaged history" in healed.difference.summary
    assert (healed.manifest.generation, healed.manifest.vintage) == (2, before.vintage)
    assert read("AAA")[1] == healed.manifest


@pytest.mark.parametrize("name", ["1.json", "1-12.parquet"])
def test_every_flipped_byte_is_noticed(name: str) -> None:
    said = store(make_bars(12)).manifest
    decode = Manifest.decode if name == "1.json" else partial(parquet.decode, sha256=said.sha256)
    content = bytearray((paths.store() / "1d" / "AAA" / name).read_bytes())
    for at in range(len(content)):
        content[at] ^= 1 << at % 8
        with pytest.raises(ValueError, match=r"."):
            decode(bytes(content))
        content[at] ^= 1 << at % 8
    decode(bytes(content))


def test_damage_to_an_old_generation_leaves_the_new_one_alone() -> None:
    bars = make_bars(100)
    store(bars)
    store(pay_dividend(bars, 0.99))
    half(paths.store() / "1d" / "AAA" / "1-100.parquet")
    assert read("AAA")[1].generation == 2
    with pytest.raises(DamagedHistoryError, match=r"another history now: restore the file"):
        read("AAA", generation=1)
