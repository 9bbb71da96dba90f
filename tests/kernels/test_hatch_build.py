import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import forecasting
from forecasting.kernels import cpp_build, cpp_scan

pytest.importorskip("hatchling", reason="hatchling is not installed")
ROOT = Path(forecasting.__file__).parent.parent


@pytest.fixture
def build(tmp_path):
    """Run the hook on a checkout of its own; returns what it says and what it asks for."""
    specification = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    kernels = tmp_path / "forecasting" / "kernels"
    shutil.copytree(cpp_build.SOURCES, kernels / "cpp")
    shutil.copy(cpp_build.__file__, kernels)

    def run():
        said = []
        hook = module.KernelsBuildHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
        hook._BuildHookInterface__app = SimpleNamespace(display_warning=said.append)
        asked = {"artifacts": []}
        hook.initialize("standard", asked)
        return said, asked

    return run


def test_without_a_compiler_the_package_is_still_built(build, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    said, asked = build()
    assert asked == {"artifacts": []}
    assert "no C++ compiler" in said[0]


@pytest.mark.skipif(cpp_scan.available() is not None, reason="no compiler")
def test_the_wheel_carries_the_library(build, tmp_path):
    stale = tmp_path / "forecasting/kernels/_library/forecasting-kernels-old.so"
    stale.parent.mkdir()
    stale.touch()
    said, asked = build()
    assert not said
    assert asked["artifacts"] == [f"/forecasting/kernels/_library/{cpp_build.library_name()}"]
    assert asked["tag"].startswith("py3-none-")
    assert not asked["pure_python"]
    assert (tmp_path / asked["artifacts"][0][1:]).is_file()
    assert not stale.exists()
