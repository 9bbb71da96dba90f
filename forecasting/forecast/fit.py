"""Maximum likelihood for the Student-t law: its score function, and the zero-location fit.

With x = (y - loc) / scale, eta = log scale and weight w = (df + 1) x / (df + x^2), the negative log
density has the derivatives d/dloc = -w / scale, d/deta = 1 - w x and
d/ddf = [psi(df/2) - psi((df+1)/2) + 1/df + log(1 + x^2/df) - w x / df] / 2.

Source: Lange, Little & Taylor (1989), Robust Statistical Modeling Using the t Distribution, Journal
of the American Statistical Association 84(408).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import optimize, special

from forecasting.errors import DataError
from forecasting.forecast.student_t import StudentT

DF_BOUNDS = (2.1, 200.0)
_START_DF = 6.0
_MIN_VALUES = 30

Rows = Float[np.ndarray, " row"]


class StudentTFit(NamedTuple):
    """Scale, in the unit of what was fitted, and degrees of freedom of a zero-location fit."""

    scale: float
    df: float


class Likelihood(NamedTuple):
    """Negative log density of every row in nats, and its derivatives."""

    nll: Rows
    d_loc: Rows
    d_log_scale: Rows
    d_df: Rows


def likelihood(y: Rows, loc: Rows | float, log_scale: Rows | float, df: float) -> Likelihood:
    """Negative log density of each value and its gradient, in one pass."""
    scale = np.broadcast_to(np.exp(log_scale), y.shape)
    loc = np.broadcast_to(np.asarray(loc, dtype=float), y.shape)
    freedom = np.asarray(df)
    x = (y - loc) / scale
    pull = (df + 1) * x**2 / (df + x**2)
    d_norm = special.digamma(df / 2) - special.digamma((df + 1) / 2) + 1 / df
    return Likelihood(
        nll=-StudentT(loc, scale, freedom).log_density(y),
        d_loc=-(df + 1) * x / (df + x**2) / scale,
        d_log_scale=1 - pull,
        d_df=0.5 * (d_norm + np.log1p(x**2 / df) - pull / df),
    )


def fit_student_t(z: Rows) -> StudentTFit:
    """Scale and degrees of freedom that make zero-location Student-t data most likely.

    Args:
        z: Values, any unit; at least 30, all finite.

    Returns:
        The maximum of the likelihood with the degrees of freedom kept inside `DF_BOUNDS`: the
        variance stays finite, and beyond 200 the law is normal to four digits.

    Raises:
        DataError: More than half of the values are exactly zero, for which the likelihood has no
            maximum worth the name, or the search did not converge.
        ValueError: Fewer than 30 values, or one that is not finite.
    """
    if len(z) < _MIN_VALUES or not np.isfinite(z).all():
        raise ValueError(f"expected at least {_MIN_VALUES} finite values, got {len(z)} values")
    unit = float(np.median(np.abs(z)))
    if unit == 0:
        raise DataError(
            f"more than half of {len(z)} returns are exactly zero: expected prices that move. "
            "Drop the tickers that hardly trade, or use longer bars."
        )
    standard = z / unit

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        log_scale, log_df = parameters
        terms = likelihood(standard, 0.0, log_scale, np.exp(log_df))
        gradient = [terms.d_log_scale.mean(), terms.d_df.mean() * np.exp(log_df)]
        return float(terms.nll.mean()), np.array(gradient)

    # The median of |t| is 0.72 scales at six degrees of freedom.
    found = optimize.minimize(
        objective,
        x0=[np.log(1.4), np.log(_START_DF)],
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), tuple(np.log(DF_BOUNDS))],
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    require_converged(found, "a Student-t fit of the past returns")
    log_scale, log_df = found.x
    return StudentTFit(unit * float(np.exp(log_scale)), float(np.exp(log_df)))


def require_converged(found: optimize.OptimizeResult, what: str) -> None:
    """Refuse the result of a search that stopped before a minimum.

    A line search that finds nothing better at float precision is a minimum, whatever its flag says.

    Raises:
        DataError: The search did not converge.
    """
    small = np.isfinite(found.x).all() and np.linalg.norm(found.jac, np.inf) < 1e-4
    if not found.success and not small:
        raise DataError(
            f"{what} did not converge ({found.message}): expected prices with ordinary returns. "
            "Check the prices for errors, or use more bars."
        )
