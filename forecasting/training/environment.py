"""What a result on a CPU depends on, in its last bits, beside code, prices, recipe and seed."""

import platform

import numpy as np
import torch

from forecasting.kernels.backends import requested, status


def environment() -> dict[str, str]:
    """The packages and the hardware that compute.

    How torch parts a product of matrices among threads moves its last bits, and so do its
    instruction set and the back-end of the scan.

    Raises:
        ConfigError: The environment asks for a scan back-end that there is not.
    """
    scan = requested()
    if scan == "auto":
        scan = "torch" if status("cpp", "cpu").reason else "cpp"
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": str(torch.get_num_threads()),
        "scan": scan,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "machine": f"{platform.system()} {platform.machine()}",
    }
