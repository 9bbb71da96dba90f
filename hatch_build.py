"""Compile the C++ kernels while the package is built, where a compiler is at hand.

Without one the build goes on: the package then compiles at first use, or scans in pure torch.
"""

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelsBuildHook(BuildHookInterface):
    """Put the library into `forecasting/kernels/_library`, from where the wheel carries it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as one of this platform; or say why not, and go on."""
        kernels = Path(self.root) / "forecasting" / "kernels"
        cpp_build = _module(kernels / "cpp_build.py")
        folder = kernels / "_library"
        for stale in folder.glob("forecasting-kernels-*"):
            if stale.name != cpp_build.library_name():
                stale.unlink()
        try:
            library = cpp_build.build(folder)
        except cpp_build.BuildError as error:
            self.app.display_warning(f"forecasting: the C++ kernels are not compiled: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/{library.relative_to(self.root)}")


def _module(path: Path) -> Any:
    """Load one file of the package without the package, which needs torch."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
