"""The statistical tests of a fitted pipeline: is it too good, and what does it find in markets?"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.fold_audit import FOLD_AUDIT, fold_audit
from forecasting.evaluation.audit.information import feature_alarm, information_alarm
from forecasting.evaluation.audit.label_shift import label_shift, selection_shift
from forecasting.evaluation.audit.null_market import null_market
from forecasting.evaluation.audit.planted_market import PLANTED_MARKET, planted_market
from forecasting.evaluation.audit.vintages import vintage_audit
from forecasting.evaluation.scores.cells import common_cells
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.corpus import describe_corpus
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import compute_features
from forecasting.market.panel import Panel, start_of
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import SplitDates, split_rows
from forecasting.training.normalisation import feature_moments
from forecasting.workflow.audit.retraining import TEST_START, Retraining

_NULL_SEEDS, _NULL_STEPS = range(3), 60
_PLANTED_SEEDS, _PLANTED_STEPS, _PLANTED_BARS, _PLANTED_TICKERS = range(2), 120, 4_000, 8
# Sums in single precision, of as many rows as a training has.
_REFIT_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Statistics:
    """The statistical tests of one model on some prices.

    Attributes:
        model: A trained model.
        prices: From before its test span into it.
    """

    model: NetworkForecaster
    prices: Panel

    @cached_property
    def lock(self) -> np.datetime64:
        """First bar that the model has not seen."""
        return np.datetime64(self.model.corpus.test_start, "ns")

    @cached_property
    def tested(self) -> Forecast:
        """The model's forecasts of its test span."""
        return self.model.forecast(self.prices).between(self.lock)

    @cached_property
    def span(self) -> Panel:
        """The prices of its test span."""
        return self.prices.between(self.lock)

    def information_alarm(self) -> tuple[Finding, ...]:
        """Features and forecasts that go together with what happens next."""
        data, corpus = self.model.files.recipe.data, self.model.corpus
        features, _ = compute_features(self.prices, corpus.features, data.volatility_decay)
        rows = slice(start_of(self.prices.times, self.lock), None)
        return (
            feature_alarm(features[rows], corpus.feature_names, self.span),
            information_alarm(self.tested, self.span),
        )

    def label_shift(self) -> tuple[Finding, ...]:
        """Forecasts against labels that are shifted, and which cells a test leaves out."""
        cells, _ = common_cells(self.span, [self.tested])
        scored = np.zeros(self.span.mask.shape, dtype=bool)
        scored[cells[0].date, cells[0].ticker] = True
        # The last bars have no outcome yet, and are no choice.
        known = slice(None, -max(self.model.horizons))
        return (
            label_shift(self.tested, self.span),
            selection_shift(scored[known], self.span.at(known)),
        )

    def null_market(self) -> tuple[Finding, ...]:
        """The recipe trained again where there is nothing to find."""
        retrain = Retraining(self.model, _NULL_STEPS)
        return (null_market(retrain, _NULL_SEEDS, test_start=TEST_START),)

    def planted_market(self) -> tuple[Finding, ...]:
        """The recipe trained again where volatility can be foreseen."""
        if 1 not in self.model.horizons:
            why = "the model does not forecast one bar ahead, where the truth is known"
            return (Finding(PLANTED_MARKET, "network", Outcome.NOT_RUN, why),)
        found = planted_market(
            Retraining(self.model, _PLANTED_STEPS),
            _PLANTED_SEEDS,
            test_start=TEST_START,
            n_bars=_PLANTED_BARS,
            n_tickers=_PLANTED_TICKERS,
        )
        return (found,)

    def fold_audit(self) -> tuple[Finding, ...]:
        """What was learnt from, proven from its rows; and what the scalers were fitted on."""
        corpus = self.model.corpus
        there = [ticker for ticker in self.prices.tickers if ticker in corpus.members]
        if not there:
            why = "no ticker that it was trained on is there"
            return (Finding(FOLD_AUDIT, "windows", Outcome.NOT_RUN, why),)
        data = self.model.files.recipe.data
        sequences = make_sequences(
            self.prices.select(there),
            variant=corpus.features,
            horizons=data.horizons,
            decay=data.volatility_decay,
            tasks=self.model.files.recipe.network.tasks,
        )
        validation = np.datetime64(corpus.validation_start, "ns")
        dates = SplitDates(validation, self.lock)
        split = split_rows(sequences, dates)
        fold = fold_audit([split], sequences.origin, sequences.last_label)
        return fold, self._scalers(sequences, split.train, dates)

    def vintages(self) -> tuple[Finding, ...]:
        """Whether the prices are still those of the training."""
        return (vintage_audit(self.model.corpus.members, self.prices),)

    def _scalers(self, sequences: Sequences, rows: np.ndarray, dates: SplitDates) -> Finding:
        """Whether mean and deviation of the features are those of the training rows."""
        corpus = self.model.corpus
        if corpus.parents:
            why = f"they are those of {corpus.parents[-1].name}, where the weights come from"
            return Finding(FOLD_AUDIT, "scalers", Outcome.NOT_RUN, why)
        if describe_corpus(sequences, dates).members != corpus.members:
            why = "the bars before the test span are not those of the training"
            return Finding(FOLD_AUDIT, "scalers", Outcome.NOT_RUN, why)
        mean, deviation = feature_moments(sequences.features, rows)
        network = self.model.network
        stored = [
            each.cpu().double().numpy() for each in (network.feature_mean, network.feature_std)
        ]
        unit = np.where(deviation > 0, deviation, 1.0)
        gap = np.abs(np.array(stored) - [mean, unit]) / unit
        worst = int(gap.max(axis=0).argmax())
        if gap.max() > _REFIT_TOLERANCE * (1 + np.abs(mean / unit).max()):
            said = (
                f"{corpus.feature_names[worst]}: mean and deviation are not those of the "
                f"{int(rows.sum()):,} training rows ({gap.max():.2g} deviations apart): they were "
                "fitted on other bars"
            )
            return Finding(FOLD_AUDIT, "scalers", Outcome.FAILED, said)
        said = f"fitted again on the {int(rows.sum()):,} training rows they are the same"
        return Finding(FOLD_AUDIT, "scalers", Outcome.PASSED, said)
