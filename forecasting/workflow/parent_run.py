"""The MLflow run above those of many trainings, found again from the folder that they lie in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forecasting.training.past_runs import known_run
from forecasting.training.tracking import Run, open_run


@contextmanager
def open_parent_run(name: str, folder: Path, *, resume: bool) -> Iterator[Run]:
    """Open a new run for the trainings in a folder, or on `resume` the one that they had.

    Its id is kept in the folder, in `<name>_run`.

    Args:
        name: What is done, `comparison` or `walk_forward`.
        folder: Where the trainings lie; it is made.
        resume: Whether they go on.

    Raises:
        TrackingError: The store cannot be reached.
    """
    note = _note(name, folder)
    known = note.read_text(encoding="utf-8").strip() if resume and note.is_file() else None
    with open_run(name, known) as run:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(run.run_id, encoding="utf-8")
        yield run


def run_of(folder: Path, name: str = "walk_forward") -> str | None:
    """Id of the run of the trainings in a folder; None if the store does not have it.

    Args:
        folder: Where the trainings lie.
        name: What was done.

    Raises:
        TrackingError: The store cannot be reached.
    """
    note = _note(name, folder)
    known = known_run(note.read_text(encoding="utf-8").strip()) if note.is_file() else None
    return None if known is None else known.run_id


def _note(name: str, folder: Path) -> Path:
    return folder / f"{name}_run"
