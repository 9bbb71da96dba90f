"""A report on the scan's back-ends: which exist, which runs, why the others do not."""

import os
import platform
from typing import Any

import torch

from forecasting.errors import ConfigError
from forecasting.kernels.backends import DEVICES, MODULES, VARIABLE, Status, requested, status
from forecasting.kernels.cpp_library import LibraryError, cache_folder, library


def examine() -> dict[str, Any]:
    """Run the start-up check of every back-end on every kind of device.

    Returns:
        `backends`, a row each: device, backend, state (`runs`, `ready` or `not used`), error (the
        largest relative one against the float64 reference) and reason; and the facts that decide.
    """
    asked = _asked()
    rows = []
    for device in ("cpu", "cuda"):
        names = [name for name in MODULES if DEVICES.get(name, device) == device]
        found = [_status(name, device) for name in names]
        usable = [each.name for each in found if each.reason is None]
        runs = asked if asked in usable else usable[0] if usable and asked == "auto" else None
        for each in found:
            state = "not used" if each.reason else "runs" if each.name == runs else "ready"
            rows.append(
                {
                    "device": device,
                    "backend": each.name,
                    "state": state,
                    "error": each.error,
                    "reason": each.reason or "",
                }
            )
    return {
        "backends": rows,
        VARIABLE: os.environ.get(VARIABLE, "not set"),
        "instruction set": _instruction_set(),
        "library": _library_path(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _status(name: str, device: str) -> Status:
    if device == "cuda" and not torch.cuda.is_available():
        return Status(name, "torch finds no NVIDIA GPU", None)
    return status(name, device)


def _asked() -> str:
    try:
        return requested()
    except ConfigError as error:
        return str(error)


def _instruction_set() -> str | None:
    try:
        return library().forecasting_isa().decode()
    except LibraryError:
        return None


def _library_path() -> str:
    try:
        return str(library()._name)
    except LibraryError as error:
        return f"none ({error}); cache {cache_folder()}"
