"""Run a file of tests in a process of its own, for packages that change what they touch.

Such files lie in a folder `alone`, where pytest does not look for tests by itself.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_alone(file: Path, **environment: str) -> None:
    """Pass if all tests in `file` pass there, without the import hook: it rewrites kernels."""
    command = [sys.executable, "-m", "pytest", "-q", str(file), "--noconftest", "-o", "addopts="]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
