"""Leak test 7: what is there has to be found, and no more than what is there.

The whole pipeline is trained again on simulated markets whose volatility can be foreseen. The
oracle sees the market's state at the close of every bar, which no price shows: its law of the next
bar is a Student-t about the true mean, in units of the true expected volatility, whose scale and
degrees of freedom are fitted on the very bars that it is scored on, in its favour. The gain is the
log score over EWMA-t, one bar ahead. A pipeline that finds less than a stated share of the oracle's
gain is broken somewhere; one that finds more than all of it, beyond its error, sees the future.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from forecasting.evaluation.audit.correlation import Estimate, Grid, estimate, over_dates
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.null_market import Retrain
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.forecast.fit import fit_student_t
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import Truth, simulate_with_truth
from forecasting.market.targets import future_log_returns

PLANTED_MARKET = "planted market"
LEAST_SHARE = 0.2
"""Share of the oracle's gain that has to be found."""


def planted_market(
    retrain: Retrain,
    seeds: Sequence[int],
    *,
    test_start: float = 0.5,
    least_share: float = LEAST_SHARE,
    kind: str = "volatility",
    n_tickers: int = 6,
    n_bars: int = 1500,
    stage: str = "network",
) -> Finding:
    """Train where volatility can be foreseen, and compare what is found with the oracle.

    Args:
        retrain: Gets all bars; trains on those before the share `test_start` of them.
        seeds: One market and one training each.
        test_start: Share of the bars after which the training's test span begins.
        least_share: Share of the oracle's gain that has to be found.
        kind: Market whose volatility can be foreseen: `volatility` or `leverage`.
        n_tickers: Of each market.
        n_bars: Of each market.
        stage: What is blamed.
    """
    gains, excess = [], []
    for seed in seeds:
        market, truth = simulate_with_truth(kind, n_tickers, n_bars, seed)
        first = round(test_start * n_bars)
        forecast = retrain(market, seed).forecast(market)
        if 1 not in forecast.horizons:
            said = (
                f"only {list(forecast.horizons)} bars ahead are forecast, the truth is known of 1"
            )
            return Finding(PLANTED_MARKET, stage, Outcome.NOT_RUN, said)
        found = log_scores(forecast, market, first)
        if not np.isfinite(found).any():
            said = f"the training with seed {seed} forecasts nothing of its test span"
            return Finding(PLANTED_MARKET, stage, Outcome.NOT_RUN, said)
        best, base = oracle_scores(market, truth, first), baseline_scores(market, first)
        best[~np.isfinite(found)] = np.nan  # the oracle on the same cells
        gains.append((over_dates(found - base).mean(), over_dates(best - base).mean()))
        excess.append(over_dates(found - best))
    return _judge(np.array(gains), estimate(np.concatenate(excess), 1), least_share, stage)


def log_scores(forecast: Forecast, market: Panel, first: int) -> Grid:
    """Log density that was given to the return of the next bar, from bar `first` on."""
    returns, _ = future_log_returns(market, (1,))
    law = forecast.law[:, :, forecast.horizons.index(1)]
    return law.log_density(returns[:, :, 0])[first:]


def oracle_scores(market: Panel, truth: Truth, first: int) -> Grid:
    """The same of who knows the market's state at each close; see the module."""
    returns = future_log_returns(market, (1,))[0][first:, :, 0]
    location, volatility = (
        np.vstack([known[first + 1 :], np.full_like(known[:1], np.nan)])
        for known in (truth.location, truth.expected_volatility)
    )
    standard = (returns - location) / volatility
    fitted = fit_student_t(standard[np.isfinite(standard)])
    df = np.broadcast_to(fitted.df, returns.shape)
    return StudentT(location, fitted.scale * volatility, df).log_density(returns)


def baseline_scores(market: Panel, first: int) -> Grid:
    """The same of EWMA-t, fitted on what was known before bar `first`."""
    sequences = make_sequences(market, variant="close", horizons=(1,))
    baseline = EwmaT.fit(sequences, sequences.last_label < first)
    return log_scores(baseline.forecast_rows(sequences), market, first)


def _judge(
    gains: Float[np.ndarray, "market two"], excess: Estimate, least_share: float, stage: str
) -> Finding:
    found, best = gains.mean(axis=0)
    said = (
        f"{found / best:.0%} of the oracle's gain found in {len(gains)} markets ({found:.3f} of "
        f"{best:.3f} nats a bar)"
    )
    if excess.surely_above(0.0):
        said += (
            f": {excess.value:.3f} +- {excess.error:.3f} more than who sees the market's state can "
            "know, it sees the future"
        )
        return Finding(PLANTED_MARKET, stage, Outcome.FAILED, said)
    said += f"; expected at least {least_share:.0%}"
    passed = found >= least_share * best
    return Finding(PLANTED_MARKET, stage, Outcome.PASSED if passed else Outcome.FAILED, said)
