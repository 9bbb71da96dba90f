"""Where a verb writes: known to be possible before the work, whole or not there after it."""

import os
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from forecasting.errors import ConfigError
from forecasting.market.atomic_file import write_atomically


def require_writable(path: Path, what: str) -> None:
    """Refuse a file that cannot be written, before there is anything to write.

    Args:
        path: File to write later; folders above it need not be there yet.
        what: What it will hold, for the message.

    Raises:
        ConfigError: The path is a folder, or the nearest folder above it cannot be written to.
    """
    if path.is_dir():
        raise _refused(path, what, "it is a folder")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise _refused(path, what, f"{above} is a file")
    if not os.access(above, os.W_OK | os.X_OK):
        raise _refused(path, what, f"{above} is not writable")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file.

    Raises:
        ConfigError: The path cannot be written.
    """
    require_writable(path, "figure")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise _refused(path, "figure", error.strerror or str(error)) from error


def _refused(path: Path, what: str, why: str) -> ConfigError:
    return ConfigError(
        f"the {what} {path} cannot be written ({why}): expected a file in a writable folder. "
        "Choose another path."
    )
