"""What the GARCH family shares: one recursion a ticker, fitted once and filtered forward.

A recursion turns the returns up to bar t into the variance of bar t + 1 and the sum of variances
that is expected of the next h bars. Its parameters are maximum likelihood by `arch`; the Student-t
of the h-bar returns around it is then calibrated on the training rows, pooled over tickers, as it
is for every other baseline.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from arch import arch_model
from jaxtyping import Bool, Float

from forecasting.errors import DataError
from forecasting.evaluation.baselines.baseline import Baseline, Calibration, RowLaws
from forecasting.forecast.student_t import StudentT
from forecasting.market.features import look_back
from forecasting.market.features.history import ticker_bars
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.market.volatility import WARM_UP

MIN_RETURNS = 250
"""Training returns below which a ticker gets no GARCH."""
LEAST_DF = 2.1
"""Degrees of freedom below which an optimum is none."""

Series = Float[np.ndarray, " bar"]
Kind = TypeVar("Kind", bound="GarchBaseline")


class Recursion(ABC):
    """One ticker's variance, bar after bar; decimal squared."""

    converged: bool
    """Whether the search for the parameters ended at an optimum."""

    @classmethod
    @abstractmethod
    def fit(cls, log_return: Series, longest: int) -> "Recursion | None":
        """Maximum likelihood with Student-t innovations of mean zero; None if there is no optimum.

        Args:
            log_return: Decimal log returns of the training, not all equal.
            longest: Longest horizon that will be asked for.
        """

    @classmethod
    @abstractmethod
    def steady(cls, variance: float, longest: int) -> "Recursion":
        """A variance that never moves, where no fit is sound; arguments as of `fit`."""

    @abstractmethod
    def filter_variance(self, log_return: Series) -> Series:
        """Variance of the next bar, known at the close of each bar.

        It starts with the mean of the first `WARM_UP` squared returns and knows no later bar;
        before that it is NaN.

        Args:
            log_return: Decimal log return of each bar; the first one is NaN.
        """

    @abstractmethod
    def sum_variance(self, variance: Series, horizon: int) -> Series:
        """Expected variance of the next h bars together, given that of the next one."""


@dataclass(eq=False, kw_only=True)
class GarchBaseline(Baseline):
    """A recursion a ticker, calibrated; no forecast of tickers that it was not fitted on.

    Attributes:
        parameters: Ticker to its recursion.
        steady: Tickers of which no fit is sound: their variance is held constant.
        calibration: Scale and degrees of freedom, pooled over tickers.
    """

    recursion: ClassVar[type[Recursion]]
    parameters: dict[str, Recursion]
    steady: tuple[str, ...] = ()
    calibration: Calibration

    @classmethod
    def fit(
        cls: type[Kind],
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> Kind:
        """Fit each ticker on the bars that its training rows and their labels span.

        Raises:
            DataError: No ticker has enough training bars.
        """
        parameters: dict[str, Recursion] = {}
        steady, longest = [], max(sequences.horizons)
        for k, ticker in enumerate(sequences.panel.tickers):
            known = _training_moves(sequences, rows, k, decay)
            if len(known) >= MIN_RETURNS and known.std() > 0:
                found = cls.recursion.fit(known, longest)
                if found is None:
                    found = cls.recursion.steady(float(np.mean(known**2)), longest)
                    steady.append(ticker)
                parameters[ticker] = found
        if not parameters:
            raise DataError(
                f"no ticker has {MIN_RETURNS} bars to fit {cls.name.removesuffix('-t')} on before "
                "the test starts: expected a longer history. Start the test later, or use more "
                "bars."
            )
        scale = _return_scale(sequences, parameters, decay)
        residuals = (sequences.targets * sequences.return_scale() / scale)[rows]
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            parameters=parameters,
            steady=tuple(steady),
            calibration=Calibration.of(residuals[np.isfinite(residuals).all(axis=1)]),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location zero, scale from the filtered variance, constant degrees of freedom."""
        scale = _return_scale(sequences, self.parameters, self.decay) * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.zeros_like(scale), scale, df)

    def notes(self, sequences: Sequences) -> tuple[str, ...]:
        """Which tickers have no forecast, no sound fit, or one that stopped before its optimum."""
        tickers = sequences.panel.tickers
        absent = [ticker for ticker in tickers if ticker not in self.parameters]
        stopped = [t for t in tickers if t in self.parameters and not self.parameters[t].converged]
        notes = []
        if absent:
            notes.append(
                f"No {self.name} for {', '.join(absent)}: it was not fitted on them, for which it "
                f"needs {MIN_RETURNS} bars of training on which the price moves."
            )
        if steady := [ticker for ticker in tickers if ticker in self.steady]:
            notes.append(
                f"No sound {self.name} fit of {', '.join(steady)}: the variance is held constant."
            )
        if stopped:
            notes.append(
                f"The {self.name} fit of {', '.join(stopped)} did not converge; its last "
                "parameters are used."
            )
        return tuple(notes)


def search(
    standardised: Series, starts: tuple[tuple[float, ...], ...], **volatility: Any
) -> tuple[list[float], bool] | None:
    """Maximum likelihood by `arch`: parameters of the recursion, and whether the search converged.

    `arch` sometimes stops where it started (code 4 or 8), or, where prices stand still for long,
    runs into the least degrees of freedom that it allows: the innovations hardly have a variance
    then, and the recursion explodes. It is sent out again from other starts until it comes back
    with an optimum; else the likeliest of what it found is taken, None if that is nothing sound.

    Args:
        standardised: Returns in units of their own standard deviation, where the search works best.
        starts: Further starts; their last value is the degrees of freedom.
        volatility: Kind and orders of the recursion, as `arch_model` takes them.
    """
    model = arch_model(standardised, mean="Zero", dist="t", rescale=False, **volatility)
    sound = []
    for start in (None, *starts):
        found = _search(model, None if start is None else np.array(start))
        if found.params.iloc[-1] >= LEAST_DF:
            sound.append(found)
            if found.convergence_flag == 0:
                break
    if not sound:
        return None
    best = max(sound, key=lambda each: (each.convergence_flag == 0, each.loglikelihood))
    return [float(value) for value in best.params.iloc[:-1]], best.convergence_flag == 0


def _search(model: Any, start: np.ndarray | None) -> Any:
    return model.fit(disp="off", show_warning=False, starting_values=start)


def start_variance(log_return: Series) -> float:
    """Mean of the first `WARM_UP` squared returns: the variance with which a recursion starts."""
    return float(np.mean(log_return[1 : WARM_UP + 1] ** 2))


def _training_moves(
    sequences: Sequences, rows: Bool[np.ndarray, " row"], ticker: int, decay: float
) -> Series:
    """Moves of one ticker from its first training row to the last label of its training rows.

    Where these are too few because it joined the universe late, those of before, which were public.
    Returns of exactly zero are left out: where a price stands still for long, the likelihood grows
    without bound as the variance falls, and what a search finds there hangs on its rounding.
    """
    own = sequences.rows(ticker)
    mine = rows[own]
    origins, bars = ticker_bars(sequences.panel, ticker, decay)
    known = np.array([])
    if mine.any():
        first = sequences.origin[own][mine].min()
        last = sequences.last_label[own][mine].max()
        known = _moves(bars.log_return[(origins >= first) & (origins <= last)])
    if sequences.panel.member is None or len(known) >= MIN_RETURNS or not rows.any():
        return known
    warm = np.arange(len(origins)) >= look_back(sequences.variant) - 1
    return _moves(bars.log_return[warm & (origins <= sequences.last_label[rows].max())])


def _moves(log_return: Series) -> Float[np.ndarray, " move"]:
    return log_return[log_return != 0]


def _return_scale(sequences: Sequences, parameters: dict[str, Recursion], decay: float) -> RowLaws:
    """Square root of the summed variance, decimal; NaN for tickers without parameters."""
    scale = np.full((len(sequences.origin), len(sequences.horizons)), np.nan)
    for k, ticker in enumerate(sequences.panel.tickers):
        if ticker not in parameters:
            continue
        own, mine = sequences.rows(k), parameters[ticker]
        origins, bars = ticker_bars(sequences.panel, k, decay)
        variance = mine.filter_variance(bars.log_return)
        at = np.searchsorted(origins, sequences.origin[own])
        for j, h in enumerate(sequences.horizons):
            scale[own, j] = np.sqrt(mine.sum_variance(variance[at], h))
    return scale
