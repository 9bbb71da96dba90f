"""GJR-GARCH-t: one asymmetric GARCH(1,1) a ticker, fitted once and filtered forward.

v_t = omega + (alpha + gamma [r_t < 0]) r_t^2 + beta v_{t-1} is the variance of the next bar, known
at the close of bar t. With the persistence p = alpha + gamma / 2 + beta, the variance of the bar
after it is expected to be omega + p v, and so on; the h-bar variance is their sum. The parameters
are maximum likelihood by `arch`; the Student-t of the h-bar returns around it is then calibrated on
the training rows, pooled over tickers, as it is for every other baseline.

Source: Glosten, Jagannathan & Runkle (1993), On the Relation between the Expected Value and the
Volatility of the Nominal Excess Return on Stocks, Journal of Finance 48(5).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from arch import arch_model
from jaxtyping import Bool, Float
from scipy import signal

from forecasting.errors import DataError
from forecasting.evaluation.baselines.baseline import Baseline, Calibration, RowLaws
from forecasting.forecast.student_t import StudentT
from forecasting.market.features import look_back
from forecasting.market.features.history import ticker_bars
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.market.volatility import WARM_UP

MIN_RETURNS = 250
"""Training returns below which a ticker gets no GARCH."""
_SECOND_START = np.array([0.05, 0.03, 0.06, 0.9, 8.0])

Series = Float[np.ndarray, " bar"]


@dataclass(frozen=True)
class GjrParameters:
    """Parameters of one ticker's recursion; `omega` in decimal squared."""

    omega: float
    alpha: float
    gamma: float
    beta: float
    converged: bool = True

    @property
    def persistence(self) -> float:
        """Share of a variance that is left one bar later, if returns are symmetric."""
        return self.alpha + self.gamma / 2 + self.beta


@dataclass(eq=False, kw_only=True)
class GjrGarchT(Baseline):
    """A GJR-GARCH(1,1) a ticker, calibrated; no forecast of tickers that it was not fitted on."""

    name: str = "GJR-GARCH-t"
    parameters: dict[str, GjrParameters]
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "GjrGarchT":
        """Fit each ticker on the bars that its training rows and their labels span.

        Raises:
            DataError: No ticker has enough training bars.
        """
        parameters = {}
        for k, ticker in enumerate(sequences.panel.tickers):
            known = _training_returns(sequences, rows, k, decay)
            if len(known) >= MIN_RETURNS and known.std() > 0:
                parameters[ticker] = fit_gjr(known)
        if not parameters:
            raise DataError(
                f"no ticker has {MIN_RETURNS} bars to fit GJR-GARCH on before the test starts: "
                "expected a longer history. Start the test later, or use more bars."
            )
        scale = _return_scale(sequences, parameters, decay)
        residuals = (sequences.targets * sequences.return_scale() / scale)[rows]
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            parameters=parameters,
            calibration=Calibration.of(residuals[np.isfinite(residuals).all(axis=1)]),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location zero, scale from the filtered variance, constant degrees of freedom."""
        scale = _return_scale(sequences, self.parameters, self.decay) * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.zeros_like(scale), scale, df)

    def notes(self, sequences: Sequences) -> tuple[str, ...]:
        """Which tickers have no forecast, and whose fit stopped before its optimum."""
        tickers = sequences.panel.tickers
        absent = [ticker for ticker in tickers if ticker not in self.parameters]
        stopped = [t for t in tickers if t in self.parameters and not self.parameters[t].converged]
        notes = []
        if absent:
            notes.append(
                f"No {self.name} for {', '.join(absent)}: it was not fitted on them, for which it "
                f"needs {MIN_RETURNS} bars of training."
            )
        if stopped:
            notes.append(
                f"The {self.name} fit of {', '.join(stopped)} did not converge; its last "
                "parameters are used."
            )
        return tuple(notes)


def fit_gjr(log_return: Series) -> GjrParameters:
    """Maximum likelihood of a zero-mean GJR-GARCH(1,1) with Student-t innovations.

    The returns are measured in units of their own standard deviation while they are fitted, so that
    the result scales exactly with them. If the search does not converge, it is tried once more from
    another start.
    """
    unit = float(log_return.std())
    model = arch_model(
        log_return / unit, mean="Zero", vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False
    )
    found = _search(model, None)
    if found.convergence_flag != 0:
        again = _search(model, _SECOND_START)
        if again.convergence_flag == 0 or again.loglikelihood > found.loglikelihood:
            found = again
    omega, alpha, gamma, beta = (float(value) for value in found.params.iloc[:4])
    return GjrParameters(omega * unit**2, alpha, gamma, beta, found.convergence_flag == 0)


def _search(model: Any, start: np.ndarray | None) -> Any:
    return model.fit(disp="off", show_warning=False, starting_values=start)


def filter_variance(log_return: Series, parameters: GjrParameters) -> Series:
    """Variance of the next bar, decimal squared, known at the close of each bar.

    The recursion starts with the mean of the first `WARM_UP` squared returns and knows no later
    bar; before that it is NaN.

    Args:
        log_return: Decimal log return of each bar; the first one is NaN.
        parameters: Of this ticker.
    """
    variance = np.full(len(log_return), np.nan)
    if len(log_return) > WARM_UP:
        variance[WARM_UP] = seed = np.mean(log_return[1 : WARM_UP + 1] ** 2)
        later = log_return[WARM_UP + 1 :]
        impact = parameters.alpha + parameters.gamma * (later < 0)
        variance[WARM_UP + 1 :], _ = signal.lfilter(
            [1.0],
            [1.0, -parameters.beta],
            parameters.omega + impact * later**2,
            zi=np.array([parameters.beta * seed]),
        )
    return variance


def sum_variance(variance: Series, parameters: GjrParameters, horizon: int) -> Series:
    """Expected variance of the next h bars together, given that of the next one."""
    constant, slope, total_constant, total_slope = 0.0, 1.0, 0.0, 0.0
    for _ in range(horizon):
        total_constant += constant
        total_slope += slope
        constant = parameters.omega + parameters.persistence * constant
        slope *= parameters.persistence
    return total_constant + total_slope * variance


def _training_returns(
    sequences: Sequences, rows: Bool[np.ndarray, " row"], ticker: int, decay: float
) -> Series:
    """Returns of one ticker from its first training row to the last label of its training rows.

    Where these are too few because it joined the universe late, those of before, which were public.
    """
    own = sequences.rows(ticker)
    mine = rows[own]
    origins, bars = ticker_bars(sequences.panel, ticker, decay)
    known = np.array([])
    if mine.any():
        first = sequences.origin[own][mine].min()
        last = sequences.label_end[own][mine].max()
        known = bars.log_return[(origins >= first) & (origins <= last)]
    if sequences.panel.member is None or len(known) >= MIN_RETURNS or not rows.any():
        return known
    warm = np.arange(len(origins)) >= look_back(sequences.variant) - 1
    return bars.log_return[warm & (origins <= sequences.label_end[rows].max())]


def _return_scale(
    sequences: Sequences, parameters: dict[str, GjrParameters], decay: float
) -> RowLaws:
    """Square root of the summed variance, decimal; NaN for tickers without parameters."""
    scale = np.full(sequences.targets.shape, np.nan)
    for k, ticker in enumerate(sequences.panel.tickers):
        if ticker not in parameters:
            continue
        own, mine = sequences.rows(k), parameters[ticker]
        origins, bars = ticker_bars(sequences.panel, k, decay)
        variance = filter_variance(bars.log_return, mine)
        at = np.searchsorted(origins, sequences.origin[own])
        for j, h in enumerate(sequences.horizons):
            scale[own, j] = np.sqrt(sum_variance(variance[at], mine, h))
    return scale
