"""A backtest as plain values that `json.dumps` takes."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.market.panel import day

if TYPE_CHECKING:
    from forecasting.backtest.book import Backtest


def to_dict(book: "Backtest") -> dict[str, Any]:
    """Everything but weights and trades; what is not finite becomes None."""
    times, luck = book.ledger.times, book.luck
    return {
        "forecaster": book.forecaster,
        "strategy": book.strategy,
        "parameters": {name: plain(value) for name, value in book.parameters.items()},
        "start": day(times[0]),
        "end": day(times[-1]),
        "bars": len(times),
        "timing": book.timing,
        "costs": book.cost_words,
        "account": asdict(book.account),
        "notes": list(book.notes),
        "luck": {name: plain(value) for name, value in asdict(luck).items()}
        | {"verdict": luck.verdict.value},
        "stats": rows(book.stats),
        "intervals": rows(book.intervals),
        "relative": rows(book.relative),
        "trades": rows(book.trades),
        "verdicts": rows(book.verdicts),
        "costs_waterfall": _values(book.costs_waterfall.to_dict()),
        "equity": {
            "times": [time.isoformat() for time in book.equity.index],
            **{name: values.tolist() for name, values in book.equity.items()},
        },
    }


def rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A table as one dictionary a row, by its index."""
    return {str(name): _values(row) for name, row in table.to_dict(orient="index").items()}


def plain(value: Any) -> Any:
    """A JSON value: NumPy scalars unwrapped, what is not finite as None, anything else as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _values(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(column): plain(value) for column, value in row.items()}
