"""Purged walk-forward: fit on the past, test on the next bars, move on, fit again.

Pure index logic on the unique dates of a panel, never on its rows, so that all tickers of a date
fall on the same side of every cut. Training never lies after a test block, so that there is nothing
to embargo; cross-validation, where it does, is in `forecasting.market.folds.combinatorial`.

Source: Lopez de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12.
"""

from dataclasses import dataclass

from forecasting.errors import ConfigError, DataError
from forecasting.market.folds.fold import Fold
from forecasting.market.panel import Panel, day
from forecasting.market.splits import resolve_date


@dataclass(frozen=True)
class WalkForwardSettings:
    """How often to refit, and on what.

    Attributes:
        start: First bar that is tested: a date, or a fraction of the panel's bars.
        refit_every: Bars of a test block; the last one may be shorter. Years are about 252.
        window_bars: Bars of a rolling training window, its validation slice and the look-back of
            the features included; None for an expanding one, which begins with the panel.
        validation: The last part of the training window, on which weights are chosen: a number of
            bars, or a fraction of the window.

    Raises:
        ConfigError: A number is out of range.
    """

    start: str | float
    refit_every: int = 252
    window_bars: int | None = None
    validation: int | float = 0.2

    def __post_init__(self) -> None:
        if self.refit_every < 1:
            raise ConfigError(
                f"refit every {self.refit_every} bars: expected at least 1. Pass a larger "
                "--refit-every."
            )
        if self.window_bars is not None and self.window_bars < 2:
            raise ConfigError(
                f"a rolling window of {self.window_bars} bars: expected at least 2, one to train "
                "and one to validate on. Pass more --window-bars."
            )
        if isinstance(self.start, float) and not 0 < self.start < 1:
            raise ConfigError(
                f"start {self.start:g}: expected a date YYYY-MM-DD, or a fraction between 0 and 1."
            )
        fraction = isinstance(self.validation, float)
        if not (0 < self.validation < 1 if fraction else self.validation >= 1):
            raise ConfigError(
                f"validation {self.validation:g}: expected a number of bars from 1, or a fraction "
                "between 0 and 1."
            )

    @property
    def window(self) -> str:
        """`expanding` or `rolling`."""
        return "expanding" if self.window_bars is None else "rolling"


def walk_forward_folds(
    panel: Panel, settings: WalkForwardSettings, horizons: tuple[int, ...]
) -> tuple[Fold, ...]:
    """Cut a panel into folds whose test blocks follow each other from the start to the last bar.

    Args:
        panel: Prices; only its times are looked at.
        settings: How to cut.
        horizons: Bars ahead of the labels.

    Raises:
        DataError: The start lies outside the panel, the test span has no label of the longest
            horizon, or a fold has no room for training and validation.
    """
    times, n_bars = panel.times, len(panel.times)
    start = resolve_date(panel, settings.start)
    if not times[0] < start <= times[-1]:
        raise DataError(
            f"the walk-forward starts on {day(start)}: expected a day after {day(times[0])}, up to "
            f"{day(times[-1])}. Pass another --start."
        )
    first = int(times.searchsorted(start))
    if n_bars - first <= max(horizons):
        raise DataError(
            f"the test span has {n_bars - first} bars from {day(times[first])} on: expected more "
            f"than {max(horizons)}, the longest horizon. Pass an earlier --start."
        )
    begins = range(first, n_bars, settings.refit_every)
    return tuple(
        _fold(panel, settings, index, begin, min(begin + settings.refit_every, n_bars))
        for index, begin in enumerate(begins)
    )


def _fold(
    panel: Panel, settings: WalkForwardSettings, index: int, test_start: int, test_end: int
) -> Fold:
    window = settings.window_bars or test_start
    if window > test_start:
        raise DataError(
            f"fold {index} tests from {day(panel.times[test_start])} on: expected {window} bars "
            f"before it for the rolling window, got {test_start}. Pass a later --start, or fewer "
            "--window-bars."
        )
    wanted = settings.validation
    slice_bars = max(1, round(wanted * window)) if isinstance(wanted, float) else wanted
    if slice_bars >= window:
        raise DataError(
            f"fold {index} has no training data: its window from "
            f"{day(panel.times[test_start - window])} to {day(panel.times[test_start - 1])} has "
            f"{window} bars, of which {slice_bars} are for validation. Pass a later --start, or a "
            "smaller --validation."
        )
    return Fold(index, test_start - window, test_start - slice_bars, test_start, test_end)
