"""Models that come with the package: everybody's, so that no judging verb writes in their folders.

They lie in the repository, or in an installed package that may be read-only. What a verb finds out
about one is printed and tracked in MLflow; the files that it makes go below `runs/`.
"""

from pathlib import Path

from forecasting import paths


def is_shipped(folder: Path) -> bool:
    """Whether a model or recipe folder is one that comes with the package."""
    return folder.resolve().is_relative_to(paths.shipped_models().resolve())


def results_folder(folder: Path) -> Path:
    """Where the files go that a verb makes of a model: into its folder, or below `runs/`."""
    return paths.runs() / folder.name if is_shipped(folder) else folder
