"""The structural tests of a fitted pipeline: the same past, whatever is done to the rest."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.strategies.user_strategy import LooksAheadError
from forecasting.evaluation.audit.finding import Finding, Outcome, worst_of
from forecasting.evaluation.audit.future_perturbation import (
    FUTURE_PERTURBATION,
    future_perturbation,
)
from forecasting.evaluation.audit.panel_independence import panel_independence
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.truncation import carried_state, truncation
from forecasting.evaluation.audit.warm_up import warm_up
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import feature_set, look_back
from forecasting.market.panel import Panel
from forecasting.workflow.audit.answers import (
    NETWORK_TOLERANCE,
    Remembered,
    WithoutNoise,
    calibration_stage,
    filter_stage,
    forecast_stage,
    order_stage,
    stepped_stage,
    width_stage,
)
from forecasting.workflow.audit.held import held_stage
from forecasting.workflow.audit.spans import AuditSpan, audit_spans
from forecasting.workflow.audit.stages import feature_stages, source_stage, window_stage

_STEPS = 20
_TRUNCATIONS = 6
_SOURCE_CUTS = 2
_LONGEST_HISTORY = 5_000


@dataclass(frozen=True, eq=False)
class Structure:
    """The structural tests of one model on some prices.

    Attributes:
        model: A trained model.
        prices: From before its test span into it.
        strategy: The strategy whose orders are looked at; None for all built-in ones that need no
            optional dependency.
    """

    model: NetworkForecaster
    prices: Panel
    strategy: str | None = None

    @cached_property
    def spans(self) -> tuple[AuditSpan, ...]:
        """The stretches of bars that are looked at."""
        longest = max(self.model.horizons)
        first = np.datetime64(self.model.corpus.test_start, "ns")
        return audit_spans(self.prices, self.needed, longest, first)

    @property
    def needed(self) -> int:
        """Bars before the first forecast, and some with one."""
        return look_back(self.model.corpus.features) + max(self.model.horizons) + 1

    @cached_property
    def market(self) -> str:
        """What a forecast openly takes from other tickers, in words."""
        *_, scaled = feature_stages(self.model)
        across = self.model.files.recipe.network.cross_asset != "none"
        taken = [scaled.market] if scaled.market else []
        return ", ".join([*taken, *(["attention across tickers"] if across else [])])

    def stages(self, panel: Panel) -> tuple[Stage, ...]:
        """From features to scored cells, in the order of the pipeline."""
        asked = Remembered(self.model)
        exact = Remembered(WithoutNoise(asked, asked.forecast(panel)))
        return (
            *self._until_network(asked),
            calibration_stage(exact),
            *(order_stage(exact, panel, name) for name in self._strategies(panel)),
            filter_stage(exact),
        )

    def future_perturbation(self) -> tuple[Finding, ...]:
        """Later bars changed, on every stretch; the source is asked for less."""
        if (finding := self._peeking()) is not None:
            return (finding,)
        found = list(self._source())
        for k, span in enumerate(self.spans):
            if span is self.spans[-1]:
                stages = self._until_network(Remembered(self.model))
                found += future_perturbation(stages, span.panel, span.cuts, seed=k)
                continue
            found += future_perturbation(self.stages(span.panel), span.panel, span.cuts, seed=k)
            stepped = [self._stepped(span.panel)]
            cut = len(span.panel.times) - 1 - _STEPS // 2
            found += future_perturbation(stepped, span.panel, [cut], seed=k)
        return worst_of(found)

    def truncation(self) -> tuple[Finding, ...]:
        """Histories that end at many bars, and one that is stepped through."""
        found: list[Finding] = []
        for span in self.spans[:-1]:
            n_bars = len(span.panel.times)
            cuts = np.linspace(span.cuts[0], n_bars - 2, _TRUNCATIONS).astype(int).tolist()
            stages = self.stages(span.panel)
            found += truncation(stages, span.panel, cuts)
            [network] = [stage for stage in stages if stage.name == "network"]
            found.append(carried_state(network, self._stepped(span.panel), span.panel))
        return worst_of(found)

    def warm_up(self) -> tuple[Finding, ...]:
        """Shorter histories before the last bar of the prices."""
        few = self.spans[1].panel.tickers
        panel = self.prices.select(few).at(slice(-_LONGEST_HISTORY, None))
        n_bars = len(panel.times)
        least, most = self.needed + 1, max(n_bars // 2, min(self._remembered(panel), n_bars - 1))
        lengths = np.unique(np.geomspace(min(least, most), most, 8).astype(int)).tolist()
        width = width_stage(self.model, self.market)
        return warm_up([*feature_stages(self.model), width], panel, lengths)

    def panel_independence(self) -> tuple[Finding, ...]:
        """Other orders of the tickers, and fewer of them."""
        panel = self.spans[1].panel
        *before, tested = self.stages(panel)
        if self.market and self.model.files.recipe.network.cross_asset == "none":
            at = [stage.name for stage in before].index("network")
            before.insert(at, held_stage(self.model, panel))
        return panel_independence([*before, tested], panel)

    def _remembered(self, panel: Panel) -> int:
        """Last bars of a panel in which each ticker has all that its features look back on."""
        lags = feature_set(self.model.corpus.features).lags
        own = panel.mask[::-1].cumsum(axis=0)
        return int((own >= np.minimum(lags, own[-1])).all(axis=1).argmax()) + 1

    def _until_network(self, asked: Forecaster) -> tuple[Stage, ...]:
        network = forecast_stage(asked, market=self.market, tolerance=NETWORK_TOLERANCE)
        return (*feature_stages(self.model), window_stage(self.model), network)

    def _source(self) -> tuple[Finding, ...]:
        request, span = self.prices.request, self.spans[0]
        if request is None:
            why = "the prices were made in memory: there is no source to ask again"
            return (Finding(FUTURE_PERTURBATION, "source", Outcome.NOT_RUN, why),)
        return future_perturbation([source_stage(request)], span.panel, span.cuts[:_SOURCE_CUTS])

    def _stepped(self, panel: Panel) -> Stage:
        return stepped_stage(self.model, self.market, panel.times[-_STEPS])

    def _strategies(self, panel: Panel) -> tuple[str, ...]:
        if self.strategy is not None:
            return (self.strategy,)
        return tuple(
            name
            for name, strategy in STRATEGIES.items()
            if strategy.extra is None and strategy.least_tickers <= len(panel.tickers)
        )

    def _peeking(self) -> Finding | None:
        """A user's strategy that is caught before any price is changed."""
        if self.strategy is None:
            return None
        panel = self.spans[0].panel
        try:
            order_stage(self.model, panel, self.strategy).compute(panel)
        except LooksAheadError as error:
            name = f"strategy orders ({self.strategy})"
            return Finding(FUTURE_PERTURBATION, name, Outcome.FAILED, str(error))
        return None
