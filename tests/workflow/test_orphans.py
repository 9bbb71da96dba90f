"""No worker outlives its parent."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forecasting.workflow.orphans import end_with_parent

PARENT = """
import multiprocessing, time
from workflow.test_orphans import linger

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=linger)
    worker.start()
    worker.join()
"""


def linger() -> None:
    """A worker that has much to do."""
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 20
        while is_there(worker) and time.monotonic() < until:
            time.sleep(0.05)
        assert not is_there(worker)


def test_it_is_for_workers() -> None:
    assert multiprocessing.parent_process() is None
    with pytest.raises(AssertionError, match="no worker"):
        end_with_parent()
