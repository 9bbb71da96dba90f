"""Do value-at-risk violations come as often as promised, and at random? Four tests of hit series.

A hit is a return below its value at risk at level a. Every function takes one column a ticker,
earliest first, NaN after its last; the columns are tested one by one. A p-value is NaN where fewer
than `LEAST_HITS` hits were to be expected, for which chi^2 is no approximation.

1. Kupiec (1995), Techniques for Verifying the Accuracy of Risk Measurement Models, Journal of
   Derivatives 3(2).
2. Christoffersen (1998), Evaluating Interval Forecasts, International Economic Review 39(4).
3. Engle & Manganelli (2004), CAViaR, Journal of Business & Economic Statistics 22(4), section 6.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

LEAST_HITS = 5
DQ_LAGS = 4

Series = Float[np.ndarray, "origin series"]
OfSeries = Float[np.ndarray, " series"]


class HitTest(NamedTuple):
    """A statistic and its p-value of each series."""

    statistic: OfSeries
    p: OfSeries


def kupiec(hits: Series, level: float) -> HitTest:
    """Unconditional coverage: are x hits among n too many or too few? LR_uc ~ chi^2(1).

    LR_uc = 2 [log L(x / n) - log L(a)], L(q) = q^x (1 - q)^(n - x). Source: [1].
    """
    n, x = np.isfinite(hits).sum(axis=0), np.nansum(hits, axis=0)
    share = x / np.maximum(n, 1)
    ratio = 2 * (_log_likelihood(x, n - x, share) - _log_likelihood(x, n - x, level))
    return _chi_squared(ratio, 1, n, level)


def independence(hits: Series, level: float) -> HitTest:
    """Is a hit as likely after a hit as after none? LR_ind ~ chi^2(1).

    With n_ij transitions from state i to j, p_i = n_i1 / (n_i0 + n_i1) and p of both together,
    LR_ind = 2 [log L_0(p_0) + log L_1(p_1) - log L_01(p)]. Source: [2], section 3.2.
    """
    before, after = hits[:-1], hits[1:]
    known = np.isfinite(after)
    (n00, n01), (n10, n11) = (
        [(known & (before == i) & (after == j)).sum(axis=0) for j in (0, 1)] for i in (0, 1)
    )
    apart = sum(
        _log_likelihood(hit, miss, hit / np.maximum(hit + miss, 1))
        for hit, miss in ((n01, n00), (n11, n10))
    )
    hit, miss = n01 + n11, n00 + n10
    together = _log_likelihood(hit, miss, hit / np.maximum(hit + miss, 1))
    return _chi_squared(2 * (apart - together), 1, known.sum(axis=0), level)


def conditional_coverage(hits: Series, level: float) -> HitTest:
    """Both at once: LR_cc = LR_uc + LR_ind ~ chi^2(2). Source: [2], section 3.3."""
    n = np.isfinite(hits).sum(axis=0)
    ratio = kupiec(hits, level).statistic + independence(hits, level).statistic
    return _chi_squared(ratio, 2, n, level)


def dynamic_quantile(hits: Series, value_at_risk: Series, level: float) -> HitTest:
    """Can hits be foretold by the last four and by the value at risk? DQ ~ chi^2(6).

    DQ = H'X (X'X)^-1 X'H / (a (1 - a)), H = hit - a, X a constant, H of the four origins before and
    the value at risk. NaN where X'X is singular: without hits, or at a constant value at risk.
    Source: [3], the test out of sample.
    """
    n_rows, n_series = hits.shape
    if n_rows <= DQ_LAGS:
        nothing = np.full(n_series, np.nan)
        return HitTest(nothing, nothing)
    demeaned = hits - level
    lagged = [demeaned[DQ_LAGS - k : n_rows - k] for k in range(1, DQ_LAGS + 1)]
    target, risk = demeaned[DQ_LAGS:], value_at_risk[DQ_LAGS:]
    columns = np.stack([np.ones_like(target), *lagged, risk])
    known = np.isfinite(columns).all(axis=0) & np.isfinite(target)
    columns, target = np.where(known, columns, 0.0), np.where(known, target, 0.0)
    size = np.sqrt((columns**2).sum(axis=1, keepdims=True))
    columns = columns / np.where(size > 0, size, 1.0)
    gram = np.einsum("ktn,ltn->nkl", columns, columns)
    moment = np.einsum("ktn,tn->nk", columns, target)
    regular = np.linalg.matrix_rank(gram, tol=1e-10, hermitian=True) == len(columns)
    gram[~regular] = np.eye(len(columns))
    solved = np.linalg.solve(gram, moment[:, :, None])[:, :, 0]
    statistic = (moment * solved).sum(axis=1) / (level * (1 - level))
    statistic[~regular] = np.nan
    return _chi_squared(statistic, len(columns), known.sum(axis=0), level)


def _log_likelihood(hits: np.ndarray, misses: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Of independent hits, 0 log 0 = 0."""
    return special.xlogy(hits, share) + special.xlog1py(misses, -share)


def _chi_squared(statistic: np.ndarray, df: int, n: np.ndarray, level: float) -> HitTest:
    enough = n * level >= LEAST_HITS
    p = np.where(enough, special.chdtrc(df, np.maximum(statistic, 0.0)), np.nan)
    return HitTest(statistic, p)
