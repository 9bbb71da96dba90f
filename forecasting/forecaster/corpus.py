"""The corpus manifest: which prices a model has seen, and up to when.

It travels with the weights, so that a later evaluation knows which dates are out of sample.
"""

import hashlib
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict

from forecasting.market.panel import Panel, day
from forecasting.market.sequences import Sequences
from forecasting.market.splits import SplitDates


def _time(text: str) -> str:
    if np.isnat(np.datetime64(text, "ns")):
        raise ValueError("expected a time")
    return text


Time = Annotated[str, AfterValidator(_time)]


class Member(BaseModel):
    """One ticker of a corpus: its first and last bar, their number, and a hash of its prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: Time
    last: Time
    bars: int
    sha256: str


class Corpus(BaseModel):
    """What a model was trained and validated on.

    Attributes:
        source: The prices' source, in words.
        interval: Bar length.
        vintage: Hash of the whole panel.
        features: Resolved feature variant.
        feature_names: Order of the feature axis.
        validation_start: First bar of the validation span.
        test_start: First bar that neither training nor validation has seen: the as-of lock.
        members: Ticker to what was seen of it, bars before `test_start` only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    interval: str
    vintage: str
    features: Literal["close", "ohlc", "ohlcv"]
    feature_names: tuple[str, ...]
    validation_start: Time
    test_start: Time
    members: dict[str, Member]

    @property
    def tickers(self) -> tuple[str, ...]:
        """Tickers that the model was trained on."""
        return tuple(self.members)

    def seen(self, start: np.datetime64) -> bool:
        """Whether a span that begins at `start` reaches back into the corpus."""
        return bool(start < np.datetime64(self.test_start, "ns"))


def describe_corpus(sequences: Sequences, dates: SplitDates) -> Corpus:
    """The manifest of a training panel, cut at the first test bar."""
    panel = sequences.panel
    seen = panel.times < dates.test_start
    return Corpus(
        source=panel.source,
        interval=panel.interval,
        vintage=panel.vintage,
        features=sequences.variant,
        feature_names=sequences.feature_names,
        validation_start=str(dates.validation_start),
        test_start=str(dates.test_start),
        members={
            ticker: _member(panel, k, seen)
            for k, ticker in enumerate(panel.tickers)
            if (panel.mask[:, k] & seen).any()
        },
    )


def _member(panel: Panel, ticker: int, seen: np.ndarray) -> Member:
    rows = panel.mask[:, ticker] & seen
    times, values = panel.times[rows], panel.values[rows, ticker]
    digest = hashlib.sha256(times.astype("datetime64[ns]").tobytes() + values.tobytes())
    return Member(
        first=day(times[0]), last=day(times[-1]), bars=len(times), sha256=digest.hexdigest()
    )
