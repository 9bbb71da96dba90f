"""Every binary that a scan can start, compiled without a GPU for compute capability 8.0 and 9.0.

With `-s` and `SHOW=1` in the environment it prints registers, stack and shared memory of each.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, CompiledKernel

from forecasting.kernels import triton_kernels, triton_scan

CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
REGISTERS = 65_536  # of one multiprocessor, 8.0 and 9.0 alike
SHARED_BYTES = 48 * 1024  # what a kernel may take without asking
SIZES = ("length", "channels", "n_states", "chunk")
SERIES = ("u", "dt", "B", "C", "z", "y", "dy", "du", "ddt", "dz")
STATES = [2**k for k in range(9)]


def compile_kernel(name: str, series: str, state: int, capability: int) -> CompiledKernel:
    """As `triton_scan` would start it; its face hides alignment, so none is promised here."""
    launch = triton_scan.launch_for(state)
    kernel = getattr(triton_kernels, name)
    constants = {"BLOCK_N": launch.block_n, "BLOCK_D": launch.block_d}
    warps = launch.backward_warps
    if name == "forward_kernel":
        constants["UNROLL"] = triton_scan.UNROLL
        warps = launch.forward_warps

    def kind(argument: str) -> str:
        if argument in constants:
            return "constexpr"
        if argument in SIZES:
            return "i32"
        return f"*{series}" if argument in SERIES else "*fp32"

    signature = {argument: kind(argument) for argument in kernel.arg_names}
    positions = {(kernel.arg_names.index(k),): value for k, value in constants.items()}
    target = GPUTarget("cuda", capability, 32)
    source = ASTSource(kernel, signature, positions)
    return triton.compile(source, target=target, options={"num_warps": warps})


def resources(compiled: CompiledKernel, folder: Path) -> dict[str, int]:
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(compiled.asm["cubin"])
    command = [str(CUOBJDUMP), "-res-usage", str(cubin)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", shown)}


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("series", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["forward_kernel", "backward_kernel"])
def test_fits_and_spills_nothing(name, series, state, capability, tmp_path):
    compiled = compile_kernel(name, series, state, capability)
    used = resources(compiled, tmp_path)
    shared, threads = compiled.metadata.shared, 32 * compiled.metadata.num_warps
    if os.environ.get("SHOW"):
        print(name, series, state, capability, used, f"shared {shared} threads {threads}")
    # Spilled registers lie on the stack; local memory would be an array indexed at run time.
    assert (used["STACK"], used["LOCAL"]) == (0, 0)
    assert used["REG"] * threads <= REGISTERS
    assert shared <= SHARED_BYTES


@pytest.mark.parametrize("name", ["forward_kernel", "backward_kernel"])
def test_nothing_but_type_and_tile_picks_a_binary(name):
    """Else a run could start a binary that the test above has not seen."""
    for parameter in getattr(triton_kernels, name).params:
        if not parameter.is_constexpr:
            hidden = parameter.do_not_specialize or parameter.do_not_specialize_on_alignment
            assert hidden, parameter.name


def test_other_states_share_the_binaries():
    launches = {triton_scan.launch_for(state) for state in range(1, triton_scan.MAX_STATE + 1)}
    assert launches == {triton_scan.launch_for(state) for state in STATES}
