"""Result files of a walk-forward: written whole or not at all, and refused if they are others'.

One safetensors file a task: the parameters of the laws of its test block as float64, and one JSON
header that says what they are of and what else was found. Equal results are equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.law import Law
from forecasting.forecast.mixture import Mixture
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecast.student_t import StudentT
from forecasting.forecaster.model_folder import WEIGHTS
from forecasting.market.atomic_file import write_atomically
from forecasting.market.folds.audit import FoldAudit
from forecasting.market.panel import Panel
from forecasting.workflow.walk_forward.task import FoldResult, FoldTask

RESULT = "result.safetensors"
_FORMAT = 1
_HEADER = "result"
_LAWS: dict[str, type[Law]] = {kind.__name__: kind for kind in (StudentT, QuantileLaw)}


def result_file(task: FoldTask, out: Path) -> Path:
    """Where the result of a task lies."""
    return task.folder(out) / RESULT


def write_result(task: FoldTask, prices: Panel, out: Path, result: FoldResult) -> None:
    """Write a result; the model folder of a network has to be there already.

    Raises:
        OSError: It cannot be written.
        ValueError: Its law is of a kind that has no file format.
    """
    members = _members(result.forecast.law)
    if strange := {type(law).__name__ for law in members} - set(_LAWS):
        raise ValueError(f"laws {sorted(strange)} of {task.name}: expected {sorted(_LAWS)}")
    tensors = {
        f"{k}.{name}": np.ascontiguousarray(values)
        for k, law in enumerate(members)
        for name, values in law.parameters().items()
    }
    header = {
        "format": _FORMAT,
        "identity": task.identity(prices),
        "forecaster": task.name,
        "laws": [type(law).__name__ for law in members],
        "values": _digest(tensors),
        "weights": _weights_digest(task, out),
        "notes": result.forecast.notes,
        "audit": asdict(result.audit),
        "tickers": result.tickers,
        "numbers": result.numbers,
    }
    # One key only: the order of several is not defined.
    content = save(tensors, {_HEADER: json.dumps(header, sort_keys=True)})
    write_atomically(result_file(task, out), content)


def read_result(
    task: FoldTask, prices: Panel, out: Path, *, code: Mapping[str, str] | None = None
) -> FoldResult | None:
    """The result of a task, None if it is not there.

    Args:
        task: What was fitted.
        prices: The panel that the folds were cut from.
        out: Folder of the walk-forward.
        code: Version and commit that made it; those of the running code by default.

    Raises:
        ConfigError: It is of another recipe, of other prices or of another fold.
        ModelFileError: It is damaged.
    """
    path = result_file(task, out)
    if not path.is_file():
        return None
    try:
        header, tensors = _read(path)
        foreign = header["identity"] != task.identity(prices, code)
        whole = header["values"] == _digest(tensors)
        whole = whole and header["weights"] == _weights_digest(task, out)
        members = [_LAWS[kind] for kind in header["laws"]]
        audit, numbers = FoldAudit(**header["audit"]), dict(header["numbers"])
        notes, tickers = tuple(header["notes"]), tuple(header["tickers"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(_damaged(path, str(error))) from error
    if foreign:
        raise ConfigError(
            f"{path} is of another recipe, of other prices or of another fold: expected the same "
            "to resume. Choose another --out."
        )
    if not whole:
        raise ModelFileError(_damaged(path, "its sum is wrong"))
    block = prices.at(slice(task.fold.test_start, task.fold.test_end))
    forecast = Forecast(
        name=task.name,
        times=block.times,
        tickers=block.tickers,
        horizons=task.recipe.data.horizons,
        price=np.where(np.isin(block.tickers, tickers), block.column("adj_close"), np.nan),
        law=_law(members, tensors),
        notes=notes,
    )
    return FoldResult(forecast, audit, tickers, numbers)


def seconds(task: FoldTask, out: Path) -> float:
    """How long the training of a network took; no part of its result, which is always the same."""
    path = task.folder(out) / "metrics.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["seconds"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()[_HEADER])
        if header["format"] != _FORMAT:
            raise ValueError(f"format {header['format']}, expected {_FORMAT}")
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _members(law: Law) -> tuple[Law, ...]:
    return law.laws if isinstance(law, Mixture) else (law,)


def _law(kinds: list[type[Law]], tensors: dict[str, np.ndarray]) -> Law:
    laws = tuple(
        kind(**{n.removeprefix(f"{k}."): x for n, x in tensors.items() if n.startswith(f"{k}.")})
        for k, kind in enumerate(kinds)
    )
    return laws[0] if len(laws) == 1 else Mixture(laws)


def _digest(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(tensors.items()):
        digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()


def _weights_digest(task: FoldTask, out: Path) -> str:
    """Hash of the weights beside the result; empty for a baseline, which has none."""
    if task.baseline:
        return ""
    return hashlib.sha256((task.folder(out) / WEIGHTS).read_bytes()).hexdigest()


def _damaged(path: Path, reason: str) -> str:
    return (
        f"{path} is damaged ({reason}): expected the file that the walk-forward wrote. Delete "
        f"{path.parent} to make it anew, or restore it."
    )
