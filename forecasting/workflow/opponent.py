"""Another trained model that one is judged against: on bars that neither has seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.model_folder import weights_hash
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, day
from forecasting.workflow.judged_span import JudgedSpan


@dataclass(frozen=True, eq=False)
class Opponent:
    """A trained model as a `Forecaster` under a name that tells it from the one that is judged.

    Attributes:
        name: The end of its path, as `models/jamba-small`: recipes' names need not differ.
        model: The model.
        notes: What the two have in common, and what this one has seen of the scored tickers.
    """

    name: str
    model: NetworkForecaster
    notes: tuple[str, ...]

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars ahead."""
        return self.model.horizons

    def forecast(self, prices: Panel) -> Forecast:
        """Its forecast; what has to be known of the prices the judged model says."""
        return replace(self.model.forecast(prices), name=self.name, notes=())


def oppose(
    model: NetworkForecaster,
    other: NetworkForecaster,
    span: JudgedSpan,
    tickers: Sequence[str] | None = None,
) -> Opponent:
    """Make another model ready to be judged against on a span.

    Args:
        model: The one that is judged.
        other: The one beside it.
        span: The bars; those of a hold-out that the other model seals are for nobody.
        tickers: Those that are scored; all by default.

    Raises:
        DataError: The other model has seen bars of the span, or seals some.
    """
    name = _place(other)
    lock, holdout = other.corpus.test_start[:10], other.files.recipe.data.holdout
    if other.corpus.seen(span.start):
        raise DataError(
            f"{name} was trained and chosen on bars before {lock}, and the span begins "
            f"{day(span.start)}: expected bars that neither model has seen. Pass --start {lock}."
        )
    if holdout is not None and span.end >= np.datetime64(str(holdout), "ns"):
        raise DataError(
            f"{name} has sealed a hold-out from {holdout} on, and the span ends "
            f"{day(span.end)}: expected bars before it. Pass an earlier --end."
        )
    scored = tuple(tickers or span.prices.tickers)
    return Opponent(name, other, (_acquaintance(name, other, scored), *_kinship(model, other)))


def _place(model: NetworkForecaster) -> str:
    """The end of a model's path."""
    return "/".join(Path(str(model.folder)).absolute().parts[-2:])


def _acquaintance(name: str, other: NetworkForecaster, scored: Sequence[str]) -> str:
    known = sum(other.corpus.knows(ticker) for ticker in scored)
    rest = len(scored) - known
    if not rest:
        told = "all of these tickers, so that none is zero-shot"
    elif not known:
        told = "none of these tickers, so that all are zero-shot"
    else:
        are = "is" if rest == 1 else "are"
        told = f"{known} of these {len(scored)} tickers; zero-shot {are} the other {rest}"
    return f"{name}: trained before {other.corpus.test_start[:10]}, on {told}."


def _kinship(model: NetworkForecaster, other: NetworkForecaster) -> tuple[str, ...]:
    """What two models share that makes a comparison of them say less than it seems to."""
    weights = [weights_hash(each.network.state_dict()) for each in (model, other)]
    if weights[0] == weights[1]:
        return ("The two have the same weights: they are one model.",)
    if _saw(model) == _saw(other):
        return ("The two were trained on the same prices: they differ by settings and seed alone.",)
    return ()


def _saw(model: NetworkForecaster) -> tuple[object, ...]:
    corpus = model.corpus
    return (corpus.members, corpus.features, corpus.test_start, corpus.parents)
