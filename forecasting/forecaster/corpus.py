"""The corpus manifest: which prices a model has seen, and up to when.

It travels with the weights, so that a later evaluation knows which dates are out of sample. What
the pre-trained model saw, whose weights a training started from, counts as seen.
"""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import ConfigError
from forecasting.market.bar_digest import bars_sha256
from forecasting.market.features import feature_set
from forecasting.market.panel import Panel, day
from forecasting.market.sequences import Sequences
from forecasting.market.splits import SplitDates


def _time(text: str) -> str:
    if np.isnat(np.datetime64(text, "ns")):
        raise ValueError("expected a time")
    return text


def _features(text: str) -> str:
    try:
        return feature_set(text).text
    except ConfigError as error:
        raise PydanticCustomError(
            "features",
            "Input should be 'close', 'ohlc' or 'ohlcv', or features of the catalogue: {why}",
            {"why": str(error)},
        ) from error


Time = Annotated[str, AfterValidator(_time)]
Features = Annotated[str, AfterValidator(_features)]


class Member(BaseModel):
    """One ticker of a corpus: its first and last bar, their number, and a hash of its prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: Time
    last: Time
    bars: int
    sha256: str


class Parent(BaseModel):
    """A pre-trained model whose weights a training started from, and what it had seen.

    Attributes:
        name: Name of its recipe.
        weights: Hash of the weights.
        tune: What of them the training changed: see `forecasting.nn.adapters`.
        source: Its prices' source, in words.
        vintage: Hash of its prices.
        tickers: Tickers that it was trained on.
        first: First bar that it saw.
        last: Last bar that it saw.
        test_start: Its as-of lock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: str
    tune: str
    source: str
    vintage: str
    tickers: tuple[str, ...]
    first: Time
    last: Time
    test_start: Time


class Corpus(BaseModel):
    """What a model was trained and validated on.

    Attributes:
        source: The prices' source, in words.
        interval: Bar length.
        vintage: Hash of the whole panel.
        features: Text of the resolved feature set.
        feature_names: Order of the feature axis.
        validation_start: First bar of the validation span.
        test_start: First bar that neither this training nor one of `parents` has seen: the as-of
            lock.
        members: Ticker to what this training and its validation saw of it.
        parents: The pre-trained models that the weights descend from, the oldest first.
        universe: Hash of the membership table that said who counted when; None without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    interval: str
    vintage: str
    features: Features
    feature_names: tuple[str, ...]
    validation_start: Time
    test_start: Time
    members: dict[str, Member]
    parents: tuple[Parent, ...] = ()
    universe: str | None = None

    @model_validator(mode="after")
    def _locked(self) -> "Corpus":
        if any(_instant(parent.test_start) > _instant(self.test_start) for parent in self.parents):
            raise ValueError("test_start lies before that of a parent")
        return self

    @property
    def tickers(self) -> tuple[str, ...]:
        """Tickers that the model was trained on."""
        return tuple(self.members)

    def seen(self, start: np.datetime64) -> bool:
        """Whether a span that begins at `start` reaches back into the corpus."""
        return bool(start < _instant(self.test_start))

    def knows(self, ticker: str) -> bool:
        """Whether this training or one of its parents' has seen a ticker."""
        return ticker in self.members or any(ticker in parent.tickers for parent in self.parents)

    def notes(self) -> tuple[str, ...]:
        """What flatters the validation score: a pre-trained model that saw bars of its span."""
        return tuple(
            f"The validation score flatters: {parent.name}, where the weights come from, had seen "
            f"bars before {parent.test_start[:10]}, and validation begins on "
            f"{self.validation_start[:10]}."
            for parent in self.parents[-1:]  # its lock is that of all its own parents too
            if _instant(parent.test_start) > _instant(self.validation_start)
        )

    def as_parent(self, name: str, weights: str, tune: str) -> Parent:
        """The entry of this corpus' model in the corpus of a training that starts from it."""
        members = self.members.values()
        return Parent(
            name=name,
            weights=weights,
            tune=tune,
            source=self.source,
            vintage=self.vintage,
            tickers=self.tickers,
            first=min(members, key=lambda member: _instant(member.first)).first,
            last=max(members, key=lambda member: _instant(member.last)).last,
            test_start=self.test_start,
        )


def describe_corpus(
    sequences: Sequences, dates: SplitDates, parents: tuple[Parent, ...] = ()
) -> Corpus:
    """The manifest of a training panel, cut at the first test bar.

    Args:
        sequences: Rows of the panel.
        dates: Its split.
        parents: The models that the weights descend from; the lock is the latest of all.
    """
    panel = sequences.panel
    seen = panel.times < dates.test_start
    counted = panel.mask if panel.member is None else panel.mask & panel.member
    lock = max([dates.test_start, *(_instant(parent.test_start) for parent in parents)])
    return Corpus(
        source=panel.source,
        interval=panel.interval,
        vintage=panel.vintage,
        features=sequences.variant,
        feature_names=sequences.feature_names,
        validation_start=str(dates.validation_start),
        test_start=str(lock),
        members={
            ticker: _member(panel, k, seen)
            for k, ticker in enumerate(panel.tickers)
            if (counted[:, k] & seen).any()
        },
        parents=parents,
        universe=panel.membership.sha256 if panel.membership else None,
    )


def _instant(time: str) -> np.datetime64:
    return np.datetime64(time, "ns")


def _member(panel: Panel, ticker: int, seen: np.ndarray) -> Member:
    rows = panel.mask[:, ticker] & seen
    times = panel.times[rows]
    return Member(
        first=day(times[0]),
        last=day(times[-1]),
        bars=len(times),
        sha256=bars_sha256(panel, ticker, rows),
    )
