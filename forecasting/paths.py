"""Where things lie, in a checkout and in an installed wheel.

Read-only things (`sample`, shipped `models`) travel with the package; things that a run makes
(`data/store`, `data/tables`, `runs`) go below the home folder: `FORECASTING_HOME` if set, the
checkout if there is one, else the current folder.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_SHARE = PACKAGE / "_share"
_CHECKOUT = PACKAGE.parent


def _is_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file() and not _SHARE.is_dir()


def home() -> Path:
    """Folder below which a run writes."""
    if value := os.environ.get("FORECASTING_HOME"):
        return Path(value).expanduser().resolve()
    return _CHECKOUT if _is_checkout() else Path.cwd()


def sample() -> Path:
    """Folder of the bundled real prices."""
    return _CHECKOUT / "data" / "sample" if _is_checkout() else _SHARE / "sample"


def shipped_models() -> Path:
    """Folder of the recipes and models that come with the package."""
    return _CHECKOUT / "models" if _is_checkout() else _SHARE / "models"


def store() -> Path:
    """Folder of fetched prices.

    `forecasting fetch` fills it again if it is deleted; the earlier histories that old runs are
    read again from are then gone.
    """
    return home() / "data" / "store"


def tables() -> Path:
    """Folder of the feature tables of large panels; safe to delete, they are computed again."""
    return home() / "data" / "tables"


def runs() -> Path:
    """Folder of trained models, reports and the embedded MLflow store."""
    return home() / "runs"
