"""Where two answers differ that should be the same."""

from dataclasses import dataclass

import numpy as np

from forecasting.market.panel import Panel, day


@dataclass(frozen=True)
class Difference:
    """The first cell, in the order of time, at which two answers differ.

    Attributes:
        cell: Its index.
        expected: What stood there.
        found: What stands there now.
        shape: Of both answers.
    """

    cell: tuple[int, ...]
    expected: float
    found: float
    shape: tuple[int, ...]

    @property
    def row(self) -> int:
        """Its place along the first axis."""
        return self.cell[0]

    def describe(self, panel: Panel, times: np.ndarray | None = None) -> str:
        """Ticker, date and both values.

        Args:
            panel: Whose tickers stand along the second axis, if there is one of that length.
            times: Times along the first axis; the panel's by default.
        """
        bars = panel.times if times is None else times
        place = f"at {moment(bars[self.row])}"
        if self.shape[1:2] == (len(panel.tickers),):
            place = f"of {panel.tickers[self.cell[1]]} {place}"
        return f"the value {place} changes from {self.expected:.6g} to {self.found:.6g}"


def first_difference(
    expected: np.ndarray, found: np.ndarray, tolerance: float | int
) -> Difference | None:
    """The first cell at which two arrays of one shape differ, None if they agree.

    Values agree if both are NaN, or if |expected - found| <= tolerance * (|expected| + typical),
    where `typical` is the median of |expected| along the last axis of three or more, of the whole
    array otherwise; with a tolerance of 0 they have to be equal.

    Raises:
        ValueError: The shapes differ.
    """
    if expected.shape != found.shape:
        raise ValueError(f"shapes {expected.shape} and {found.shape} cannot be compared")
    expected, found = expected.astype(float), found.astype(float)
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    if tolerance and not same.all():
        with np.errstate(invalid="ignore"):  # of infinities
            gap = np.abs(expected - found)
        same |= gap <= tolerance * (np.abs(expected) + typical_size(expected))
    if same.all():
        return None
    cell = tuple(int(i) for i in np.unravel_index(int(same.argmin()), same.shape))
    return Difference(cell, float(expected[cell]), float(found[cell]), same.shape)


def typical_size(values: np.ndarray) -> np.ndarray:
    """Median magnitude of the finite values of each component, 0 where there are none."""
    columns = values.reshape(-1, values.shape[-1]) if values.ndim > 2 else values.reshape(-1, 1)
    finite = [column[np.isfinite(column)] for column in columns.T]
    return np.array([float(np.median(np.abs(each))) if len(each) else 0.0 for each in finite])


def moment(time: np.datetime64) -> str:
    """A bar's time as a person writes it: the day, and the clock if there is one."""
    clock = str(time.astype("datetime64[m]"))[11:]
    return day(time) if clock == "00:00" else f"{day(time)} {clock}"
