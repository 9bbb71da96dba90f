"""Linear-t: location and log scale linear in every feature, by maximum likelihood.

z_{t,h} ~ t(a + b'x_t, exp(c + d'x_t), df) with z the scaled target and x the standardised features,
pooled over tickers, one fit a horizon. What the features say without any memory or interaction.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from forecasting.evaluation.baselines.baseline import Baseline, weighted_sum
from forecasting.forecast.fit import DF_BOUNDS, fit_student_t, likelihood, require_converged
from forecasting.forecast.student_t import StudentT
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences

_RIDGE = 1e-4

Weights = Float[np.ndarray, "horizon feature"]
PerHorizon = Float[np.ndarray, " horizon"]


@dataclass(frozen=True)
class LinearFit:
    """One horizon: intercepts and weights of location and log scale, and degrees of freedom."""

    loc: np.ndarray
    log_scale: np.ndarray
    df: float


@dataclass(eq=False, kw_only=True)
class LinearT(Baseline):
    """Heteroscedastic Student-t regression on the features of the variant."""

    name: str = "linear-t"
    center: Float[np.ndarray, " feature"]
    spread: Float[np.ndarray, " feature"]
    fits: tuple[LinearFit, ...]

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "LinearT":
        """Maximise the likelihood of the training rows, horizon after horizon."""
        features = sequences.features[rows].astype(float)
        center, spread = features.mean(axis=0), features.std(axis=0)
        # A feature that never changes says nothing: its standardised value is zero throughout.
        spread[spread == 0] = 1.0
        design = np.column_stack([np.ones(len(features)), (features - center) / spread])
        targets = sequences.targets[rows]
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            center=center,
            spread=spread,
            fits=tuple(fit_linear_t(design, z) for z in np.ascontiguousarray(targets.T)),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location and scale linear and log-linear in the row's features."""
        x = (sequences.features - self.center) / self.spread
        unit = sequences.return_scale()
        loc = np.column_stack([fit.loc[0] + weighted_sum(x, fit.loc[1:]) for fit in self.fits])
        log_scale = np.column_stack(
            [fit.log_scale[0] + weighted_sum(x, fit.log_scale[1:]) for fit in self.fits]
        )
        df = np.array([fit.df for fit in self.fits])
        return StudentT(loc * unit, np.exp(log_scale) * unit, np.broadcast_to(df, unit.shape))


def fit_linear_t(
    design: Float[np.ndarray, "row column"], z: Float[np.ndarray, " row"]
) -> LinearFit:
    """Maximum likelihood of z ~ t(design b, exp(design d), df) with a ridge on all but intercepts.

    Args:
        design: A column of ones, then standardised features.
        z: Targets, finite.

    Raises:
        DataError: The search did not converge.
    """
    start, n, width = fit_student_t(z), *design.shape
    penalty = np.full(2 * width, _RIDGE)
    penalty[[0, width]] = 0.0

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        linear, df = parameters[:-1], np.exp(parameters[-1])
        loc, log_scale = np.ascontiguousarray((design @ linear.reshape(2, width).T).T)
        terms = likelihood(z, loc, log_scale, df)
        slopes = np.stack([terms.d_loc, terms.d_log_scale]) @ design / n
        value = terms.nll.mean() + 0.5 * penalty @ linear**2
        return float(value), np.append(slopes.ravel() + penalty * linear, terms.d_df.mean() * df)

    x0 = np.zeros(2 * width + 1)
    x0[width], x0[-1] = np.log(start.scale), np.log(start.df)
    found = optimize.minimize(
        objective,
        x0=x0,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * (2 * width) + [tuple(np.log(DF_BOUNDS))],
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-5},
    )
    require_converged(found, "linear-t")
    return LinearFit(found.x[:width], found.x[width:-1], float(np.exp(found.x[-1])))
