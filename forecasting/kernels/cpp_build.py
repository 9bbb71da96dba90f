"""Compile the C++ kernels into one shared library; standard library only, for the wheel's build.

One library holds the kernels of every instruction set of its machine; it chooses when it is loaded.
So nothing is tuned to the machine that compiles, and a library may travel to another.
`FORECASTING_CXXFLAGS` adds flags, such as those of a sanitizer.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent / "cpp"

_FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
]
_X86 = {
    "sse2": "",
    "avx2": "-mavx2 -mfma",
    "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512",
}
_SECONDS = 300


class BuildError(Exception):
    """Why there is no library; one line."""


def library_name() -> str:
    """File name of the library that belongs to these sources, flags and kind of machine."""
    digest = hashlib.sha256(repr((_flags(), _X86)).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    kind = f"{platform.system()}-{platform.machine()}".lower()
    return f"forecasting-kernels-{kind}-{digest.hexdigest()[:16]}.so"


def compiler() -> str:
    """Path of the C++ compiler: `CXX`, or the first of g++, clang++ and c++ on the PATH.

    Raises:
        BuildError: There is none.
    """
    if asked := os.environ.get("CXX"):
        if found := shutil.which(asked.split()[0]):
            return found
        raise BuildError(f"CXX is {asked!r}, which is not on the PATH")
    for name in ("g++", "clang++", "c++"):
        if found := shutil.which(name):
            return found
    raise BuildError("no C++ compiler on the PATH (looked for g++, clang++ and c++)")


def build(folder: Path) -> Path:
    """Make sure that the library lies in `folder`, and return its path.

    Of several processes that come at once, one compiles and the others wait; the finished file
    appears in one piece, by renaming.

    Raises:
        BuildError: No compiler, it failed, or the folder cannot be written.
    """
    target = folder / library_name()
    if target.is_file():
        return target
    using = compiler()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{target.stem}.lock"):
            if not target.is_file():
                _compile(using, target)
    except OSError as error:
        raise BuildError(f"cannot build in {folder}: {error}") from error
    return target


def _compile(using: str, target: Path) -> None:
    flags = _flags()
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
        folder = Path(scratch)

        def compile_unit(unit: tuple[str, str, list[str]]) -> str:
            name, source, options = unit
            made = str(folder / f"{name}.o")
            _call([using, *flags, *options, "-c", str(SOURCES / source), "-o", made])
            return made

        with ThreadPoolExecutor(os.cpu_count()) as compilers:
            objects = list(compilers.map(compile_unit, _units()))
        linked = folder / target.name
        _call([using, *flags, "-shared", *objects, "-o", str(linked)])
        os.replace(linked, target)


def _flags() -> list[str]:
    return [*_FLAGS, *os.environ.get("FORECASTING_CXXFLAGS", "").split()]


def _units() -> Iterator[tuple[str, str, list[str]]]:
    """Name, source and options of each object file."""
    yield "library", "library.cpp", []
    yield "pool", "pool.cpp", []
    if platform.machine().lower() in ("x86_64", "amd64"):
        for isa, options in _X86.items():
            yield isa, "isa.cpp", [f"-DISA={isa}", *options.split()]
    else:
        yield "neon", "isa.cpp", ["-DISA=neon"]


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"the compiler did not finish within {_SECONDS} s") from error
    if done.returncode != 0:
        said = done.stderr.splitlines()
        lines = [line for line in said if "error" in line] or said or ["no message"]
        raise BuildError(f"the compiler failed: {lines[0]}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time through, where the system knows file locks."""
    try:
        import fcntl
    except ImportError:
        yield  # Two may then compile at once; the renaming keeps that harmless.
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
