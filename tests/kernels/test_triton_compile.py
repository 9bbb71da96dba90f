import importlib.util
from pathlib import Path

import pytest
from own_process import run_alone

HERE = Path(__file__).parent


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="triton is not installed; `pip install triton` into an environment for oracles",
)
def test_every_binary_compiles_without_spilling(tmp_path):
    run_alone(HERE / "alone" / "binaries.py", TRITON_CACHE_DIR=str(tmp_path))
