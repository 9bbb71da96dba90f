"""The manifest: what the store says about one generation of a ticker's bars, and its file."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Manifest:
    """One generation of a ticker's bars.

    Attributes:
        ticker: Symbol.
        interval: Bar length.
        generation: 1 for the first history that was fetched; a history that the source rewrote is
            one generation more. Within a generation bars are only appended.
        rows: Number of bars.
        first: First bar, `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM:SS` unless it is midnight.
        last: Last bar, likewise.
        start: From which day on bars were asked for; None for all that the source has.
        source: Where they were fetched.
        fetched_at: When the source was last asked, ISO 8601 in UTC.
        sha256: Of the Parquet file.
        vintage: `Panel.vintage` of these bars alone: a hash of times and values.
    """

    ticker: str
    interval: str
    generation: int
    rows: int
    first: str
    last: str
    start: str | None
    source: str
    fetched_at: str
    sha256: str
    vintage: str

    @property
    def file_name(self) -> str:
        """Of the Parquet file, beside the manifest's."""
        return f"{self.generation}-{self.rows}.parquet"

    def encode(self) -> bytes:
        """The manifest's file: JSON that ends in its own checksum."""
        return _sealed(asdict(self))

    @classmethod
    def decode(cls, content: bytes) -> "Manifest":
        """Read what `encode` wrote.

        Raises:
            ValueError: Any byte of it is another one.
        """
        said = json.loads(content)
        if not isinstance(said, dict) or said.pop("checksum", None) is None:
            raise ValueError("its manifest is none")
        if _sealed(said) != content:
            raise ValueError("its manifest is not the one that was written")
        if said.keys() != cls.__dataclass_fields__.keys():
            raise ValueError("its manifest is of another version")
        return cls(**said)


def moment(time: np.datetime64) -> str:
    """A bar's time as manifests and messages spell it: the day alone if it is midnight."""
    return str(np.datetime_as_string(time, unit="s")).removesuffix("T00:00:00")


def _sealed(said: dict[str, Any]) -> bytes:
    checksum = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return json.dumps({**said, "checksum": checksum}, indent=2).encode() + b"\n"
