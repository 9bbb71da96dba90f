"""Which bars a model is judged on: those that it has not seen, short of the sealed hold-out."""

from dataclasses import dataclass

import numpy as np

from forecasting.errors import ConfigError, DataError
from forecasting.forecaster.audit_stamp import read_stamp
from forecasting.forecaster.holdout import before
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.openings import openings_note, read_openings
from forecasting.market.panel import Panel, day, start_of
from forecasting.market.span import check_span
from forecasting.report.captions import IN_SAMPLE

OPTION = "--open-holdout"
IN_SAMPLE_OPTION = "--in-sample"


@dataclass(frozen=True, eq=False)
class JudgedSpan:
    """Prices to judge a model on, and what has to be said of them.

    Attributes:
        prices: From before `start` to the last bar that is scored.
        start: First bar that is scored.
        opened: Whether this is the hold-out, opened.
        audit: Headline of the model's leak audit.
        notes: As-of lock, hold-out.
    """

    prices: Panel
    start: np.datetime64
    opened: bool
    audit: str
    notes: tuple[str, ...]

    @property
    def end(self) -> np.datetime64:
        """Last bar that is scored."""
        return self.prices.times[-1]


def judged_span(
    model: NetworkForecaster,
    prices: Panel,
    *,
    start: str | None = None,
    end: str | None = None,
    open_holdout: bool = False,
    in_sample: bool = True,
) -> JudgedSpan:
    """Choose the bars; without `open_holdout` none of the hold-out, so no label reaches into it.

    Args:
        model: Its corpus says what it has seen, its recipe what is sealed.
        prices: Of any length.
        start: First day; the model's first out-of-sample bar by default.
        end: Last day.
        open_holdout: Score the hold-out, all of it and nothing else.
        in_sample: Whether the span may begin on bars that the model has seen; it is then said.

    Raises:
        ConfigError: There is no hold-out to open, or dates would open a part of it.
        DataError: A date is none, no bar is left, or the span begins in the model's corpus and may
            not.
        ModelFileError: The list of openings is damaged.
    """
    check_span(start, end)
    # A date by now, even where the recipe gave a fraction of the training's bars.
    holdout = model.files.recipe.data.holdout
    audit, notes = read_stamp(model.folder), []
    if open_holdout:
        holdout = _require_openable(model, prices, (start, end))
        first = np.datetime64(holdout, "ns")
        notes += [*_lock(model, first), f"HOLD-OUT: {_bars(prices, holdout)}, opened by {OPTION}."]
        return JudgedSpan(prices, first, True, audit, (*notes, *_openings(model)))
    prices = prices.between(None, end)
    first = np.datetime64(start or model.corpus.test_start, "ns")
    if first > prices.times[-1]:
        raise DataError(
            f"no bars from {day(first)} on: {prices.source} ends {day(prices.times[-1])}. Choose "
            "an earlier --start, or newer prices."
        )
    if not in_sample:
        _require_unseen(model, first)
    notes += _lock(model, first)
    if holdout is not None:
        if first >= np.datetime64(str(holdout), "ns"):
            raise DataError(
                f"{day(first)} lies in the hold-out, which is sealed from {holdout}: expected an "
                f"earlier --start. {OPTION} opens it, once and for all to see."
            )
        if start_of(prices.times, str(holdout)) < len(prices.times):
            notes.append(f"Sealed hold-out: {_bars(prices, str(holdout))}, not looked at here.")
            prices = before(prices, str(holdout))
    return JudgedSpan(prices, first, False, audit, (*notes, *_openings(model)))


def _require_openable(
    model: NetworkForecaster, prices: Panel, dates: tuple[str | None, str | None]
) -> str:
    """The hold-out's first day."""
    holdout = model.files.recipe.data.holdout
    if holdout is None:
        raise ConfigError(
            f"{model.name} has no hold-out to open: expected a model trained with data.holdout in "
            f"its recipe. Leave {OPTION} out, or train with --set data.holdout=DATE."
        )
    if dates != (None, None):
        raise ConfigError(
            f"{OPTION} scores the whole hold-out, from {holdout} on: expected no --start and no "
            "--end. Leave them out."
        )
    if start_of(prices.times, str(holdout)) == len(prices.times):
        raise DataError(
            f"{prices.source} ends {day(prices.times[-1])}, before the hold-out begins on "
            f"{holdout}: expected bars to open. Use prices that reach there."
        )
    return str(holdout)


def _bars(prices: Panel, holdout: str) -> str:
    bars = len(prices.times) - start_of(prices.times, holdout)
    return f"{bars} bar{'s' if bars > 1 else ''} from {holdout} to {day(prices.times[-1])}"


def _openings(model: NetworkForecaster) -> tuple[str, ...]:
    openings = () if model.folder is None else read_openings(model.folder)
    return (openings_note(openings),) if openings else ()


def _require_unseen(model: NetworkForecaster, start: np.datetime64) -> None:
    """Refuse a span that reaches into what the model has seen."""
    if model.corpus.seen(start):
        first = day(np.datetime64(model.corpus.test_start, "ns"))
        raise DataError(
            f"--start {day(start)}: {model.name} was trained and chosen on bars before {first}, "
            f"on which it earns by memory: expected {first} or later. {IN_SAMPLE_OPTION} "
            "(in_sample=True) trades them all the same, and says so."
        )


def _lock(model: NetworkForecaster, start: np.datetime64) -> tuple[str, ...]:
    """The as-of lock: a warning if a span reaches into what the model has seen."""
    if not model.corpus.seen(start):
        return ()
    first = day(np.datetime64(model.corpus.test_start, "ns"))
    return (
        f"{IN_SAMPLE}: the span starts {day(start)}, but {model.name} was trained and chosen on "
        f"bars before {first}. Nothing here shows skill; start at {first} or later.",
    )
