"""The shares that a paper account holds, from a small file that a person or a broker wrote."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from forecasting.errors import ConfigError, DataError
from forecasting.market.panel import Panel

HEADS = ["ticker", "shares"]


def read_positions(path: Path) -> dict[str, float]:
    """Ticker to shares held, signed, in any order.

    Args:
        path: CSV file with the columns ticker,shares; or a JSON object of tickers to shares.

    Raises:
        DataError: It cannot be read, a line is malformed, or a ticker comes twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"positions {path} cannot be read ({error}): expected a CSV file with the columns "
            f"{','.join(HEADS)}, or a JSON object. Check the path."
        ) from error
    held: dict[str, float] = {}
    for place, ticker, shares in _json(path, text) if path.suffix == ".json" else _csv(path, text):
        if ticker in held:
            raise DataError(
                f"{path}, {place}: {ticker} comes twice: expected each ticker once. Add the "
                "shares up, or drop a line."
            )
        held[ticker] = _number(path, place, ticker, shares)
    return held


def account_of(
    panel: Panel,
    capital: float | int,
    held: Mapping[str, float] | None,
    cash: float | int | None,
) -> tuple[Float[np.ndarray, " ticker"], float]:
    """Shares of each ticker, and cash.

    Args:
        panel: What is traded.
        capital: Cash of an account that begins.
        held: Ticker to shares held, signed; None for an account that begins.
        cash: Beside them; negative is borrowed.

    Raises:
        ConfigError: Holdings and cash do not come together, or cash is not finite.
        DataError: A ticker held is not traded, or a number of shares is not finite.
    """
    if held is None:
        if cash is not None:
            raise ConfigError(
                "--cash stands beside positions: expected --positions too, or --capital for an "
                "account that begins. Pass one of these."
            )
        return np.zeros(len(panel.tickers)), float(capital)
    if cash is None:
        raise ConfigError("--positions needs the cash beside them: expected --cash, 0 for none.")
    if not math.isfinite(cash):
        raise ConfigError(f"cash of {cash:g}: expected a finite number. Correct --cash.")
    if strangers := [ticker for ticker in held if ticker not in panel.tickers]:
        raise DataError(
            f"positions hold {', '.join(strangers[:5])}: expected tickers that are traded here "
            f"({panel.source}). Name them as TICKERS too, or leave them out of the positions."
        )
    shares = np.array([float(held.get(ticker, 0.0)) for ticker in panel.tickers])
    if not np.isfinite(shares).all():
        ticker = panel.tickers[int(np.flatnonzero(~np.isfinite(shares))[0])]
        raise DataError(
            f"positions hold {held[ticker]} shares of {ticker}: expected a finite number, negative "
            "if sold short. Correct it."
        )
    return shares, float(cash)


def _csv(path: Path, text: str) -> Iterator[tuple[str, str, object]]:
    rows = csv.reader(io.StringIO(text))
    heads = [head.strip().lower() for head in next(rows, [])]
    if heads != HEADS:
        raise DataError(
            f"{path} begins with {','.join(heads)[:60]!r}: expected the heading "
            f"{','.join(HEADS)}. Correct it."
        )
    for row in rows:
        if row:
            place = f"line {rows.line_num}"
            if len(row) != len(HEADS):
                raise DataError(
                    f"{path}, {place}: {len(row)} values: expected {','.join(HEADS)}. Correct it."
                )
            yield place, row[0].strip(), row[1].strip()


def _json(path: Path, text: str) -> Iterator[tuple[str, str, object]]:
    try:
        # Pairs, for a dictionary would keep the last of two equal keys.
        pairs = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is no JSON ({error}): expected an object. Correct it.") from error
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise DataError(
            f"{path} holds no JSON object: expected tickers to shares, such as "
            '{"AAPL": 10}. Correct it.'
        )
    for k, (ticker, shares) in enumerate(pairs):
        yield f"entry {k + 1}", ticker, shares


def _number(path: Path, place: str, ticker: str, shares: object) -> float:
    try:
        number = math.nan if isinstance(shares, bool | list) else float(str(shares))
    except ValueError:
        number = math.nan
    if not ticker or not math.isfinite(number):
        raise DataError(
            f"{path}, {place}: {ticker!r} with {str(shares)[:40]!r} shares: expected a ticker and "
            "a finite number, negative if sold short. Correct it."
        )
    return number
