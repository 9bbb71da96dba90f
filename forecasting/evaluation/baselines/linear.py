"""Linear-t: location and log scale linear in every feature, by maximum likelihood.

z_{t,h} ~ t(a + b'x_t, exp(c + d'x_t) + 0.05, df), with z the scaled target and x the standardised
features; pooled over tickers, one fit a horizon. What the features say without any memory or
interaction. The ridge of b, which is nearly all noise, is chosen for each horizon on the last slice
of the training rows; d is as certain as the rows are many, and needs none.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from forecasting.evaluation.baselines.baseline import Baseline, weighted_sum
from forecasting.evaluation.baselines.tuning import tuning_slice
from forecasting.forecast.fit import DF_BOUNDS, fit_student_t, likelihood, require_converged
from forecasting.forecast.student_t import StudentT
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences

RIDGES = (1e-4, 0.1, 1.0, 10.0)
"""Penalties on half the squared weights of the location, nats a row."""
_SCALE_RIDGE = 1e-4
FLOOR = 0.05
"""Least scale, in EWMA volatilities. Where prices stand still, the likelihood of a return of zero
would otherwise grow without end."""

Rows = Float[np.ndarray, " row"]
Features = Float[np.ndarray, "row feature"]


@dataclass(frozen=True)
class LinearFit:
    """One horizon: intercepts and weights of location and of log scale above the floor, and df."""

    loc: np.ndarray
    log_scale: np.ndarray
    df: float

    def law(self, x: Float[np.ndarray, "row feature"]) -> StudentT:
        """The law of the scaled target of each row of standardised features."""
        loc = self.loc[0] + weighted_sum(x, self.loc[1:])
        log_scale = self.log_scale[0] + weighted_sum(x, self.log_scale[1:])
        return StudentT(loc, np.exp(log_scale) + FLOOR, np.full(len(x), self.df))


@dataclass(eq=False, kw_only=True)
class LinearT(Baseline):
    """Heteroscedastic Student-t regression on the features of the variant."""

    name: str = "linear-t"
    center: Float[np.ndarray, " feature"]
    spread: Float[np.ndarray, " feature"]
    fits: tuple[LinearFit, ...]
    ridges: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "LinearT":
        """Choose the ridge of each horizon, then fit all training rows with it."""
        fit_rows, choose_rows = (part[rows] for part in tuning_slice(sequences, rows))
        features = sequences.features[rows].astype(float)
        center, spread = features.mean(axis=0), features.std(axis=0)
        # A feature that never changes says nothing: its standardised value is zero throughout.
        spread[spread == 0] = 1.0
        x, targets = (features - center) / spread, np.ascontiguousarray(sequences.targets[rows].T)
        ridges = tuple(choose_ridge(x, z, fit_rows, choose_rows) for z in targets)
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            center=center,
            spread=spread,
            fits=tuple(fit_linear_t(x, z, each) for z, each in zip(targets, ridges, strict=True)),
            ridges=ridges,
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location and log scale above the floor linear in the row's features."""
        x = (sequences.features - self.center) / self.spread
        laws = [fit.law(x) for fit in self.fits]
        loc, scale, df = (
            np.column_stack([law.parameters()[name] for law in laws])
            for name in ("loc", "scale", "df")
        )
        return StudentT(loc, scale, df).scaled(sequences.return_scale())


def choose_ridge(
    x: Features, z: Rows, fit_rows: Bool[np.ndarray, " row"], choose_rows: Bool[np.ndarray, " row"]
) -> float:
    """The location's ridge of least loss on the rows to choose on."""
    losses = []
    for ridge in RIDGES:
        law = fit_linear_t(x[fit_rows], z[fit_rows], ridge).law(x[choose_rows])
        losses.append(-law.log_density(z[choose_rows]).mean())
    return RIDGES[int(np.argmin(losses))]


def fit_linear_t(x: Features, z: Rows, ridge: float = _SCALE_RIDGE) -> LinearFit:
    """Maximum likelihood of z ~ t(a + x b, exp(c + x d) + 0.05, df), ridges on b and, faint, on d.

    Args:
        x: Standardised features.
        z: Targets, finite.
        ridge: Penalty on half the squared b, nats a row.

    Raises:
        DataError: The search did not converge.
    """
    design = np.column_stack([np.ones(len(x)), x])
    start, n, width = fit_student_t(z), *design.shape
    penalty = np.repeat([ridge, _SCALE_RIDGE], width)
    penalty[[0, width]] = 0.0

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        linear, df = parameters[:-1], np.exp(parameters[-1])
        loc, log_scale = np.ascontiguousarray((design @ linear.reshape(2, width).T).T)
        above = np.exp(log_scale)
        terms = likelihood(z, loc, np.log(above + FLOOR), df)
        d_log_above = terms.d_log_scale * above / (above + FLOOR)
        slopes = np.stack([terms.d_loc, d_log_above]) @ design / n
        value = terms.nll.mean() + 0.5 * penalty @ linear**2
        return float(value), np.append(slopes.ravel() + penalty * linear, terms.d_df.mean() * df)

    x0 = np.zeros(2 * width + 1)
    x0[width], x0[-1] = np.log(max(start.scale - FLOOR, FLOOR)), np.log(start.df)
    found = optimize.minimize(
        objective,
        x0=x0,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * (2 * width) + [tuple(np.log(DF_BOUNDS))],
        options={"maxiter": 5000, "ftol": 1e-10, "gtol": 1e-5},
    )
    require_converged(found, "linear-t")
    return LinearFit(found.x[:width], found.x[width:-1], float(np.exp(found.x[-1])))
