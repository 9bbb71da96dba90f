"""The file of a stream: what it remembers, and of which model. Nothing is unpickled.

One safetensors file. Its metadata holds the version of the format, a header in JSON, and the
SHA-256 of header and tensors, so that no damage goes unnoticed.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from forecasting.errors import ModelFileError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.atomic_file import write_atomically
from forecasting.nn.state import State

FORMAT_VERSION = "1"

_START_AGAIN = "start again from the whole history"


def _time(text: str) -> str:
    np.datetime64(text, "ns")
    return text


Time = Annotated[str, AfterValidator(_time)]
"""A time, or NaT where no bar has come yet."""


class StreamOrigin(BaseModel):
    """The model of a stream: no other one can go on with what is remembered.

    Attributes:
        model: Its name.
        digest: SHA-256 of its recipe and weights.
        interval: Bar length.
        variant: Feature variant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    digest: str
    interval: str
    variant: str


class StreamHeader(StreamOrigin):
    """What a stream remembers besides tensors.

    Attributes:
        time: Newest time that has come.
        tickers: In the order of the tensors' first axis.
        last_times: Each ticker's newest bar.
    """

    time: Time
    tickers: tuple[str, ...]
    last_times: tuple[Time, ...]


def describe_origin(model: NetworkForecaster) -> StreamOrigin:
    """What a stream of this model is known by."""
    return StreamOrigin(
        model=model.name,
        digest=_digest(model.files.recipe.to_yaml(), model.network.state_dict()),
        interval=model.corpus.interval,
        variant=model.corpus.features,
    )


def write_stream(path: Path, header: StreamHeader, tensors: State) -> None:
    """Write the file of a stream; a crash leaves the old file or the new one.

    Raises:
        ModelFileError: The file cannot be written.
    """
    # Copies: safetensors refuses views and shared memory.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = header.model_dump_json()
    metadata = {"format_version": FORMAT_VERSION, "header": text, "sha256": _digest(text, plain)}
    try:
        write_atomically(path, save(plain, metadata=metadata))
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be written ({error.strerror or error}): the stream was not saved. "
            "Choose a file in a folder that can."
        ) from error


def read_stream(path: Path, origin: StreamOrigin, pattern: State) -> tuple[StreamHeader, State]:
    """Read the file of a stream.

    Args:
        path: The file.
        origin: The model that is to go on.
        pattern: Tensors of that model's stream; their first axis may have any length.

    Returns:
        The header, and the tensors on the devices of `pattern`.

    Raises:
        ModelFileError: The file is missing, damaged, of another version or of another model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            version = metadata.get("format_version")
            if version != FORMAT_VERSION:
                raise ModelFileError(
                    f"{path} is a stream of format {version or 'unknown'}: expected format "
                    f"{FORMAT_VERSION}. Save it anew with this version, or {_START_AGAIN}."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from error
    text = metadata.get("header", "")
    if metadata.get("sha256") != _digest(text, tensors):
        raise _unreadable(path, "its content is not that of its SHA-256")
    try:
        header = StreamHeader.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(path, error.errors()[0]["msg"]) from error
    _require_origin(path, header, origin)
    _require_pattern(path, len(header.tickers), tensors, pattern)
    if len(header.last_times) != len(header.tickers):
        raise _unreadable(path, f"{len(header.last_times)} times, {len(header.tickers)} tickers")
    return header, {name: tensor.to(pattern[name].device) for name, tensor in tensors.items()}


def _digest(text: str, tensors: State) -> str:
    """SHA-256 over a text and over names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\x00{name}\x00{tensor.dtype}\x00{tuple(tensor.shape)}\x00".encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _unreadable(path: Path, why: str) -> ModelFileError:
    return ModelFileError(
        f"{path} cannot be read ({why}): expected a whole file of a stream. Copy it again, or "
        f"{_START_AGAIN}."
    )


def _require_origin(path: Path, found: StreamHeader, expected: StreamOrigin) -> None:
    for field in StreamOrigin.model_fields:
        came, wanted = getattr(found, field), getattr(expected, field)
        if came != wanted:
            if field == "digest":
                came, wanted = came[:16], wanted[:16]
            raise ModelFileError(
                f"{path} is a stream of {found.model} with {field} {came}: expected {wanted}, as "
                "of the model given. Load it with the model that it was saved with, or "
                f"{_START_AGAIN}."
            )


def _require_pattern(path: Path, rows: int, found: State, pattern: State) -> None:
    for name in sorted(found.keys() | pattern.keys()):
        came = wanted = "not there"
        if name in found:
            came = f"{found[name].dtype} of shape {tuple(found[name].shape)}"
        if name in pattern:
            wanted = f"{pattern[name].dtype} of shape {(rows, *pattern[name].shape[1:])}"
        if came != wanted:
            raise ModelFileError(
                f"{path}: {name} is {came}, expected {wanted}. It was saved by another version: "
                f"{_START_AGAIN}."
            )
