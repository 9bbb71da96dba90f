"""One fold of a walk-forward: a training span, its validation slice, and the test block behind."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from forecasting.errors import DataError
from forecasting.market.folds.audit import FoldAudit, audit_fold
from forecasting.market.panel import Panel, day
from forecasting.market.sequences import Sequences
from forecasting.market.splits import Split, SplitDates


@dataclass(frozen=True)
class Fold:
    """Where the spans of a fold begin, as indices into the panel's times.

    Attributes:
        index: From 0, the earliest test first.
        train_start: First bar that the fold knows.
        validation_start: First bar of the validation slice.
        test_start: First bar of the test block; what is fitted knows only earlier bars.
        test_end: The bar after the last one of the test block.
    """

    index: int
    train_start: int
    validation_start: int
    test_start: int
    test_end: int

    def dates(self, times: np.ndarray) -> SplitDates:
        """First bars of validation and of the test, as times."""
        return SplitDates(times[self.validation_start], times[self.test_start])

    def describe(self, times: np.ndarray) -> str:
        """The fold in words: its number and the first and last day of its test."""
        first, last = times[self.test_start], times[self.test_end - 1]
        return f"fold {self.index} ({day(first)} to {day(last)})"

    def in_history(self) -> "Fold":
        """The same fold of a panel that begins with its first bar."""
        begin = self.train_start
        return replace(
            self,
            train_start=0,
            validation_start=self.validation_start - begin,
            test_start=self.test_start - begin,
            test_end=self.test_end - begin,
        )

    def training_prices(self, prices: Panel, least_bars: int = 1) -> Panel:
        """All that may be fitted on: the bars before the test, of tickers that are known by then.

        Args:
            prices: The panel that the fold was made for.
            least_bars: Bars before the test that make a ticker known, see `known`.

        Raises:
            DataError: None is.
        """
        return self._of_known(prices, least_bars).at(slice(self.train_start, self.test_start))

    def test_prices(self, prices: Panel, least_bars: int = 1) -> Panel:
        """The same tickers, with the bars of the test block behind.

        Raises:
            DataError: No ticker is known.
        """
        return self._of_known(prices, least_bars).at(slice(self.train_start, self.test_end))

    def known(self, prices: Panel, least_bars: int = 1) -> Bool[np.ndarray, " ticker"]:
        """Tickers with so many bars before the test, on which their price moves.

        Who is listed later is nobody's knowledge, and a constant series has no volatility to scale
        by. With a universe, tickers that have been a member on one of these bars.
        """
        span = slice(self.train_start, self.test_start)
        mask, price = prices.mask[span], prices.column("adj_close")[span]
        counted = mask if prices.member is None else mask & prices.member[span]
        # fmax and fmin leave missing bars out; a ticker without a bar does not move.
        moves = np.fmax.reduce(price, axis=0) > np.fmin.reduce(price, axis=0)
        known: np.ndarray = (mask.sum(axis=0) >= least_bars) & counted.any(axis=0) & moves
        return known

    def _of_known(self, prices: Panel, least_bars: int) -> Panel:
        # Not `Panel.select`, which would leave out bars and so move the others' indices.
        known = self.known(prices, least_bars)
        if not known.any():
            raise DataError(
                f"{self.describe(prices.times)} has no training data: from "
                f"{day(prices.times[self.train_start])} on no ticker has {least_bars} bars with a "
                "price that moves before its test. Start the test later, or make the window longer."
            )
        return replace(
            prices,
            tickers=tuple(np.array(prices.tickers)[known].tolist()),
            values=prices.values[:, known],
            member=None if prices.member is None else prices.member[:, known],
        )

    def split(self, sequences: Sequences) -> Split:
        """The fold's rows, purged by the bar at which each label is known, halts included.

        A row is trained on if its label is known before validation begins, and validated on if it
        is known before the test begins; rows between are used by nobody.

        Args:
            sequences: Rows of the panel that the fold was made for, or of its bars so far.

        Raises:
            DataError: Nothing is left to train or to validate on.
        """
        origin, last_label = sequences.origin, sequences.last_label
        split = Split(
            train=(origin >= self.train_start) & (last_label < self.validation_start),
            validation=(origin >= self.validation_start) & (last_label < self.test_start),
            test=(origin >= self.test_start) & (origin < self.test_end),
        )
        times = sequences.panel.times
        for name, begin, end in (
            ("training", self.train_start, self.validation_start),
            ("validation", self.validation_start, self.test_start),
        ):
            if not getattr(split, name.removesuffix("ing")).any():
                raise DataError(
                    f"fold {self.index} has no {name} rows: from {day(times[begin])} to "
                    f"{day(times[end - 1])} no bar has all its features and a label of "
                    f"{max(sequences.horizons)} bars that is known by then. Start the test later, "
                    "or make the window or the validation slice longer."
                )
        return split

    def audit(self, sequences: Sequences) -> FoldAudit:
        """Prove from the index arrays of its rows that the fold is honest.

        Raises:
            FoldLeak: It is not.
        """
        split = self.split(sequences)
        return audit_fold(split, sequences.origin, sequences.last_label, fold=self.index)
