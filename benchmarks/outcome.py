"""The shape of every benchmark's outcome: conditions, rows, and whether each floor was met."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from forecasting.training.tracking import provenance


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        case: What was run.
        metric: What was measured.
        value: The figure; None where the case could not be run.
        unit: Its unit.
        peer: What it is compared with, or why it could not be run.
        floor: What it has to reach.
        better: Whether smaller or larger figures are better.
    """

    case: str
    metric: str
    value: float | None
    unit: str
    peer: str = ""
    floor: float | None = None
    better: Literal["smaller", "larger"] = "smaller"

    @property
    def ok(self) -> bool:
        """Whether the floor is met; a case that could not be run misses nothing."""
        if self.value is None or self.floor is None:
            return True
        return self.value <= self.floor if self.better == "smaller" else self.value >= self.floor


def conclude(rows: Sequence[Row], *, as_json: bool) -> int:
    """Print the outcome; returns the exit status, 1 if a floor was missed."""
    conditions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        **provenance(),
    }
    if as_json:
        plain = [{k: v for k, v in asdict(row).items() if k != "better"} for row in rows]
        for row, each in zip(rows, plain, strict=True):
            each["ok"] = row.ok
        json.dump({"conditions": conditions, "rows": plain}, sys.stdout, indent=1)
        print()
    else:
        print(", ".join(f"{name} {value}" for name, value in conditions.items()))
        for row in rows:
            value = "missing" if row.value is None else f"{row.value:,.4g} {row.unit}"
            floor = "" if row.floor is None else f"  floor {row.floor:g}"
            print(
                f"{'ok  ' if row.ok else 'MISS'}  {row.case:34s} {row.metric:14s} {value:>16s}"
                f"{floor}  {row.peer}"
            )
    return 0 if all(row.ok for row in rows) else 1
