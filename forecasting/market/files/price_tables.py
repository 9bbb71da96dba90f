"""One table of a file into one frame a ticker: long, wide or a single ticker's bars."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.errors import DataError
from forecasting.market.files.layout import Layout
from forecasting.market.panel import PRICE_COLUMNS, as_times, check_frame, day
from forecasting.market.symbols import check_label

_BLANKS = ("", "nan", "na", "n/a", "null", "none", "-", ".")


def tickers_in(table: pa.Table, layout: Layout, stem: str, where: str) -> tuple[str, ...]:
    """The tickers of a table, in the order in which they come.

    Args:
        table: A file's rows.
        layout: What its columns are.
        stem: The ticker of a table that holds only one, without naming it.
        where: The file, for messages.

    Raises:
        DataError: A name that cannot be a ticker, or a row without one.
    """
    if layout.series:
        return tuple(layout.series)
    if layout.ticker is None:
        return (check_label(stem, where),)
    return tuple(check_label(name, where) for name in _ticker_column(table, layout)[1])


def frames_of(
    table: pa.Table,
    times: np.ndarray,
    layout: Layout,
    wanted: Collection[str],
    *,
    mask_missing: bool,
    stem: str,
    where: str,
) -> dict[str, pd.DataFrame]:
    """The bars of the wanted tickers, checked.

    Args:
        table: A file's rows.
        times: Bar time of each row.
        layout: What the columns are.
        wanted: Tickers to read; others are not looked at.
        mask_missing: Leave out rows with a blank price; otherwise they are an error.
        stem: The ticker of a table that holds only one, without naming it.
        where: The file, for messages.

    Raises:
        DataError: A cell is no number or a price is blank; and all of `check_frame`.
    """
    frames: dict[str, pd.DataFrame] = {}
    if layout.series:
        for ticker, position in layout.series.items():
            if ticker in wanted:
                values = _numbers(table, position, where)
                frame = _listed_span(pd.DataFrame({"adj_close": values}, times), ticker, where)
                frames[ticker] = _without_blanks(frame, ticker, mask_missing, where)
    else:
        whole = _bars(table, times, layout, where)
        for ticker, rows in _rows_by_ticker(table, layout, stem).items():
            if ticker in wanted:
                frames[ticker] = _without_blanks(whole.iloc[rows], ticker, mask_missing, where)
    for ticker, frame in frames.items():
        try:
            check_frame(ticker, frame)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
    return frames


def _bars(table: pa.Table, times: np.ndarray, layout: Layout, where: str) -> pd.DataFrame:
    columns = {name: _numbers(table, at, where) for name, at in layout.fields.items()}
    columns.setdefault("adj_close", columns.get("close", np.empty(0)))
    return pd.DataFrame(columns, index=pd.DatetimeIndex(times))


def _rows_by_ticker(table: pa.Table, layout: Layout, stem: str) -> dict[str, np.ndarray]:
    if layout.ticker is None:
        return {stem: np.arange(table.num_rows)}
    codes, names = _ticker_column(table, layout)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {name: order[starts[k] : starts[k + 1]] for k, name in enumerate(names)}


def _ticker_column(table: pa.Table, layout: Layout) -> tuple[np.ndarray, list[str]]:
    assert layout.ticker is not None
    column = table.column(layout.ticker).cast(pa.string()).fill_null("")
    encoded = pc.utf8_trim_whitespace(column).combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _numbers(table: pa.Table, position: int, where: str) -> np.ndarray:
    """One column as float64, blanks as NaN."""
    column = table.column(position)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        try:
            return column.cast(pa.float64(), safe=False).to_pandas().to_numpy(dtype=float)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError(
                f"{where}: column {table.column_names[position]!r} is of type {column.type}: "
                "expected numbers. Convert it."
            ) from None
    text = pc.utf8_trim_whitespace(column)
    blank = pc.is_in(pc.utf8_lower(text), value_set=pa.array(_BLANKS))
    text = pc.if_else(blank, pa.scalar(None, column.type), text)
    try:
        return text.cast(pa.float64()).to_pandas().to_numpy(dtype=float)
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(text.to_pandas(), errors="coerce")
        bad = (numbers.isna() & text.to_pandas().notna()).to_numpy()
        row = int(bad.argmax())
        raise DataError(
            f"{where}: row {row + 1} of column {table.column_names[position]!r} is "
            f"{str(column[row])[:40]!r}: expected a number such as 1234.5. Correct the file."
        ) from None


def _listed_span(frame: pd.DataFrame, ticker: str, where: str) -> pd.DataFrame:
    """From the first to the last price: blanks outside are days on which it was not listed."""
    listed = np.flatnonzero(frame["adj_close"].notna())
    if not len(listed):
        raise DataError(f"{where}: {ticker} has no price at all: expected one. Drop the column.")
    return frame.iloc[listed[0] : listed[-1] + 1]


def _without_blanks(
    frame: pd.DataFrame, ticker: str, mask_missing: bool, where: str
) -> pd.DataFrame:
    prices = frame[[name for name in PRICE_COLUMNS if name in frame]]
    blank = prices.isna().to_numpy().any(axis=1)
    if blank.any() and not mask_missing:
        row = int(blank.argmax())
        column = prices.columns[prices.iloc[row].isna()][0]
        when = day(as_times(frame.index)[row])
        raise DataError(
            f"{where}: {ticker} has no {column} on {when} ({int(blank.sum())} "
            "such bars): expected a price on every bar. Correct the file, or load it with "
            "--missing mask (missing='mask' in Python), which leaves these bars out."
        )
    return frame.iloc[np.flatnonzero(~blank)] if blank.any() else frame
