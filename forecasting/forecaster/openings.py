"""Every look into a model's sealed hold-out, kept in its folder for ever after.

An opening is written down before the first bar is scored, so that one that fails or is interrupted
counts too. A new training in the same folder leaves the file: what was seen stays seen.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from forecasting.errors import ModelFileError
from forecasting.forecaster.shipped import is_shipped
from forecasting.market.atomic_file import write_atomically

OPENINGS = "holdout.json"


class Opening(BaseModel):
    """One command that scored a hold-out.

    Attributes:
        when: When it began, UTC.
        command: The verb.
        first: First day that was scored.
        last: Last day.
        headline: What the user saw; None of a command that never came to a result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str
    command: str
    first: str
    last: str
    headline: str | None = None


def read_openings(folder: Path) -> tuple[Opening, ...]:
    """The openings of a model's hold-out, the oldest first.

    Raises:
        ModelFileError: The file is damaged.
    """
    path = folder / OPENINGS
    if not path.is_file():
        return ()
    try:
        return TypeAdapter(tuple[Opening, ...]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelFileError(
            f"{path} is damaged: expected the list of hold-out openings that was written there. "
            "Restore the file; whoever deletes it hides how often the hold-out was seen."
        ) from error


def begin_opening(folder: Path, command: str, first: str, last: str) -> Opening:
    """Write down that a command is about to score the hold-out.

    Raises:
        ModelFileError: The folder cannot be written to, or comes with the package; then nothing
            may be scored.
    """
    if is_shipped(folder):
        raise ModelFileError(
            f"{folder} comes with the package: expected a folder of your own to log there that the "
            "hold-out is opened, so it stays sealed. Copy the model to one."
        )
    when = datetime.now(UTC).isoformat(timespec="microseconds")
    opening = Opening(when=when, command=command, first=first, last=last)
    try:
        with _locked(folder):
            _write(folder, [*read_openings(folder), opening])
    except OSError as error:
        raise ModelFileError(
            f"{folder} cannot be written to ({error.strerror}): expected to log there that the "
            "hold-out is opened, so it stays sealed. Copy the model to a folder of your own."
        ) from error
    return opening


def end_opening(folder: Path, opening: Opening, headline: str) -> None:
    """Add what an opening showed."""
    done = opening.model_copy(update={"headline": headline})
    with _locked(folder):
        _write(folder, [done if each == opening else each for each in read_openings(folder)])


def openings_note(openings: Sequence[Opening]) -> str:
    """The openings in a sentence."""
    times = "once" if len(openings) == 1 else f"{len(openings)} times"
    listed = ", ".join(f"{each.when[:10]} ({each.command})" for each in openings)
    return f"HOLD-OUT opened {times} before: {listed}. Each look makes the next one worth less."


def _write(folder: Path, openings: Sequence[Opening]) -> None:
    content: list[dict[str, Any]] = [each.model_dump() for each in openings]
    write_atomically(folder / OPENINGS, json.dumps(content, indent=1).encode())


def _locked(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(folder / f".{OPENINGS}.lock", timeout=30)
