import os
import subprocess
import sys
from pathlib import Path

import pytest

import forecasting
from forecasting.kernels import cpp_build, cpp_library, cpp_scan

ROOT = Path(forecasting.__file__).parent.parent

needs_compiler = pytest.mark.skipif(
    cpp_scan.available() is not None, reason=f"no library: {cpp_scan.available()}"
)

# An installed package carries its library; these processes shall have none yet.
_SCAN = """
import pathlib, warnings, torch
warnings.simplefilter("error")
from forecasting.kernels import cpp_library
cpp_library.PACKAGED = pathlib.Path("/nonexistent")
from forecasting.kernels import backends, causal_conv_silu, selective_scan
u, A, B, d = torch.ones(1, 9, 3), -torch.ones(3, 2), torch.ones(1, 9, 2), torch.zeros(3)
y, h = selective_scan(u, u, A, B, B, d, u, d)
print(backends.status("cpp", "cpu").reason, float(y.sum()))
"""


def python(code: str, **environment: str) -> subprocess.Popen:
    variables = {"PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_a_compiler_torch_scans_and_says_so_once(tmp_path):
    code = _SCAN.replace('simplefilter("error")', 'simplefilter("always")')
    code += "selective_scan(u, u, A, B, B, d, u, d)\ncausal_conv_silu(u, A, d)\n"
    process = python(code, PATH="", FORECASTING_CACHE=str(tmp_path))
    said, warned = process.communicate(timeout=120)
    assert process.returncode == 0, warned
    assert said.startswith("no C++ compiler on the PATH")
    assert warned.count("RuntimeWarning") == 1
    assert "Install a C++ compiler" in warned
    process = python(_SCAN, PATH="", FORECASTING_CACHE=str(tmp_path), FORECASTING_SCAN="torch")
    _, warned = process.communicate(timeout=120)
    assert process.returncode == 0, f"torch was asked for, nothing to warn of: {warned}"


@needs_compiler
def test_processes_that_race_for_the_first_build_all_get_it(tmp_path):
    given = {"PATH": os.environ["PATH"], "FORECASTING_CACHE": str(tmp_path)}
    racers = [python(_SCAN, **given) for _ in range(3)]
    answers = [racer.communicate(timeout=240) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], answers
    assert len({said for said, _ in answers}) == 1
    assert answers[0][0].startswith("None ")
    left = [path.name for path in (tmp_path / "kernels").iterdir() if path.name[0] != "."]
    assert left == [cpp_build.library_name()]


def test_a_compiler_that_fails_is_quoted(tmp_path, monkeypatch):
    broken = tmp_path / "cxx"
    broken.write_text("#!/bin/sh\necho 'x.cpp:1: error: no such thing' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(cpp_build.BuildError, match="error: no such thing"):
        cpp_build.build(tmp_path / "cache")
    assert not [*(tmp_path / "cache").glob("*.so")]
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(cpp_build.BuildError, match="not on the PATH"):
        cpp_build.build(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    if cpp_scan.available() is not None:
        pytest.skip("no compiler")
    (tmp_path / "file").write_text("")
    with pytest.raises(cpp_build.BuildError, match="cannot build in"):
        cpp_build.build(tmp_path / "file" / "cache")


def test_a_file_that_is_no_library_is_refused(tmp_path):
    (tmp_path / "x.so").write_bytes(b"not a library")
    with pytest.raises(cpp_library.LibraryError, match="cannot be loaded"):
        cpp_library.open_library(tmp_path / "x.so")


def test_the_name_follows_sources_and_flags(monkeypatch):
    before = cpp_build.library_name()
    monkeypatch.setattr(cpp_build, "_FLAGS", ["-O0"])
    assert cpp_build.library_name() != before


@needs_compiler
def test_a_library_that_disagrees_is_refused(tmp_path):
    """The same sources with one sign wrong: it loads, it runs, and it must not be used."""
    code = f"""
import pathlib, shutil, torch, warnings
from forecasting.kernels import cpp_build
wrong = pathlib.Path({str(tmp_path)!r}) / "cpp"
shutil.copytree(cpp_build.SOURCES, wrong)
text = (wrong / "scan_backward.h").read_text()
assert text.count("Vec grad = C[") == 1
(wrong / "scan_backward.h").write_text(text.replace("Vec grad = C[", "Vec grad = -C["))
cpp_build.SOURCES, cpp_build._FLAGS = wrong, ["-std=c++17", "-O1", "-fPIC", "-pthread"]
from forecasting.kernels import backends, selective_scan
from forecasting.errors import ConfigError
found = backends.status("cpp", "cpu")
assert found.reason.startswith("disagrees with the reference"), found
assert found.error > 0.1
u, A, B, d = torch.ones(1, 9, 3), -torch.ones(3, 2), torch.ones(1, 9, 2), torch.zeros(3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    selective_scan(u, u, A, B, B, d, u, d)
assert "disagrees" in str(caught[0].message)
try:
    selective_scan(u, u, A, B, B, d, u, d, backend="cpp")
except ConfigError as error:
    print(error)
"""
    process = python(code, PATH=os.environ["PATH"], FORECASTING_CACHE=str(tmp_path))
    said, failed = process.communicate(timeout=240)
    assert process.returncode == 0, failed
    assert "cannot run: disagrees with the reference" in said
