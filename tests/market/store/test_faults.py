"""What must not lose a price: killed processes, full disks, competing writers, closed folders."""

import errno
import os
import resource
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from market.store.answers import make_bars, pay_dividend, store
from market.store.competing_writer import append_bars

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market import atomic_file
from forecasting.market.panel import Panel
from forecasting.market.store import folders
from forecasting.market.store.generations import manifest, read
from forecasting.market.store.refresh import refresh

HERE = Path(__file__).parent
BARS = make_bars(200)


def start(script: str, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    packages = os.pathsep.join([str(HERE.parents[2]), str(HERE.parents[1])])
    return subprocess.Popen(
        [*before, sys.executable, str(HERE / script), *arguments],
        env={**os.environ, "PYTHONPATH": packages},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    printed, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    return printed


@pytest.mark.skipif(os.name != "posix", reason="needs fork and kill -9")
def test_writers_that_are_killed() -> None:
    """Old or new state, each older generation whole, nothing left locked or lying about."""
    states, *_ = finish(start("killed_writers.py", "20", "1")).split()
    assert int(states) > 5
    assert not list((paths.store() / "1d" / "AAA").glob(".*.part"))


def test_two_processes_refresh_the_same_ticker() -> None:
    """Every bar is added once, by one of the two."""
    store(make_bars(40).iloc[:20])
    processes = [start("competing_writer.py", "40") for _ in range(2)]
    assert sum(int(finish(process)) for process in processes) == 20
    said = read("AAA")[1]
    assert (said.generation, said.rows) == (1, 40)
    assert said.vintage == Panel.from_frames({"AAA": make_bars(40)}).vintage


def test_readers_see_whole_states_while_others_write() -> None:
    store(BARS.iloc[:50])
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(append_bars, BARS, 70) for _ in range(2)]
        while not all(writer.done() for writer in writers):
            bars, said = read("AAA")
            assert len(bars) == said.rows
    assert sum(writer.result() for writer in writers) == 20


def on_own_mount(script: str, mount: str) -> str:
    """What a script prints that sees its own mounts; no user but root may make others."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        pytest.skip("needs Linux and unshare")
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no user may mount here")
    return finish(start(script, before=["unshare", "-rm", "sh", "-c", f'{mount} && "$@"', "sh"]))


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    home = shlex.quote(str(tmp_path))
    told = on_own_mount("full_disk.py", f"mount -t tmpfs -o size=256k tmpfs {home}")
    assert "cannot be written (No space left on device): AAA (1d) was not stored" in told


def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    store(BARS.iloc[:150])
    home = shlex.quote(str(tmp_path))
    mount = f"mount --bind {home} {home} && mount -o remount,bind,ro {home}"
    told = on_own_mount("read_only_disk.py", mount)
    assert "cannot be written (Read-only file system): AAA (1d) was not stored" in told


@contextmanager
def small_files(n_bytes: int) -> Iterator[None]:
    """A disk that takes no more than so many bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("dividend", [1.0, 0.99], ids=["append", "new generation"])
@pytest.mark.parametrize("n_bytes", [0, 100, 3000])
def test_full_disk(n_bytes: int, dividend: float) -> None:
    before = store(BARS.iloc[:150]).manifest
    longer = pay_dividend(BARS, dividend)
    with (
        small_files(n_bytes),
        pytest.raises(DataError, match=r"AAA \(1d\) was not stored") as error,
    ):
        store(longer)
    assert "Make room there" in str(error.value)
    assert read("AAA")[1] == before
    assert not list((paths.store() / "1d" / "AAA").glob(".*.part"))
    assert store(longer).manifest.rows == 200


@pytest.mark.parametrize("dividend", [1.0, 0.99], ids=["append", "new generation"])
@pytest.mark.parametrize(
    ("function", "calls"),
    [("fsync", 0), ("replace", 0), ("fsync", 1), ("fsync", 2), ("replace", 1), ("fsync", 3)],
)
def test_a_disk_that_fails_at_any_step(
    monkeypatch: pytest.MonkeyPatch, function: str, calls: int, dividend: float
) -> None:
    before = store(BARS.iloc[:150]).manifest
    works, left = getattr(os, function), iter(range(calls))

    def fails(*arguments: object) -> object:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return works(*arguments)

    longer = pay_dividend(BARS, dividend)
    with monkeypatch.context() as broken:
        broken.setattr(atomic_file.os, function, fails)
        with pytest.raises(DataError, match=r"written \(No space left on device\): AAA"):
            store(longer)
    # Only the last step, making the new manifest's name last, is beyond the point of no return.
    is_new = (function, calls) == ("fsync", 3)
    assert read("AAA")[1].rows == (200 if is_new else before.rows)
    assert store(longer).manifest.rows == 200
    n_generations = 1 if dividend == 1.0 else 2
    assert len(list((paths.store() / "1d" / "AAA").iterdir())) == 2 * n_generations


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder() -> None:
    before = store(BARS.iloc[:150]).manifest
    closed = [paths.store() / "1d" / "AAA", paths.store() / ".locks", paths.store()]
    lock = next((paths.store() / ".locks").iterdir())
    lock.unlink()
    for place in closed:
        place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(DataError, match=r"cannot be written \(Permission denied\): AAA"):
            store(BARS)
        assert read("AAA")[1] == before
    finally:
        for place in reversed(closed):
            place.chmod(stat.S_IRWXU)
    assert store(BARS).new_bars == 50


def test_a_file_where_the_store_should_be() -> None:
    paths.store().parent.mkdir(parents=True)
    paths.store().write_text("")
    with pytest.raises(DataError, match=r"cannot be written .* set FORECASTING_HOME"):
        store(BARS)


def test_a_lock_that_is_held_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LOCK_TIMEOUT_S", 0.05)

    def ask(_: str | None) -> pd.DataFrame:
        with pytest.raises(DataError, match=r"another process has been fetching AAA") as error:
            store(BARS)
        assert "Wait until it is done" in str(error.value)
        return BARS

    assert refresh("AAA", ask, source="test").new_bars == 200
    assert manifest("AAA") is not None
