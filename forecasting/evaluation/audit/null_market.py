"""Leak test 6: where nothing can be known of the mean, nothing may be found.

The whole pipeline is trained again on simulated martingales with clustered volatility: log returns
of mean zero whatever the past, so that every direction, order and mean that is found is luck. Each
training is asked for four claims at each horizon, each a test at two-sided 5 % that finds something
in 2.5 % of markets: rank IC across tickers, timing, direction against the base rate, R2 against
zero. Timing is the mean of m r / s^2, forecast mean times return in units of the forecast
volatility, zero in expectation whatever the forecast. (The IC over time is not: centred by the
span's own mean it finds reversals that are not there, as in Stambaugh (1999), Predictive
Regressions, J. Financial Economics 54(3).)

A claim is judged twice: by the number of markets in which it is found, against the exact binomial
bound, and by the sum of its t values over the markets, which are independent, against the normal
one. Both bounds hold for all claims together (1 %, Bonferroni): beyond them there is a leak in the
pipeline, its split, its features or the test itself. With the few trainings that an audit affords
this finds leaks that show in most markets; a rate a little above the nominal one takes hundreds.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from forecasting.evaluation.audit.correlation import Estimate, estimate, over_dates
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.information import forecast_statistics, outcomes
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecast.significance import LEVEL
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate

NULL_MARKET = "null market"
CLAIMS = ("rank IC", "timing", "direction", "R2")
FAMILY_LEVEL = 0.01
"""Chance that an honest pipeline fails."""

Retrain = Callable[[Panel, int], Forecaster]
"""Trains the pipeline on the first part of a panel, with a seed."""


def null_market(
    retrain: Retrain,
    seeds: Sequence[int],
    *,
    test_start: float = 0.5,
    kind: str = "leverage",
    n_tickers: int = 6,
    n_bars: int = 1200,
    stage: str = "network",
) -> Finding:
    """Train on martingales, and count what is found there.

    Args:
        retrain: Gets all bars, so that a pipeline that trains on its test span is caught; an honest
            one trains on the bars before the share `test_start` of them only.
        seeds: One market and one training each.
        test_start: Share of the bars after which the training's test span begins.
        kind: Market whose log returns have mean zero: `leverage`, `volatility` or `random-walk`.
        n_tickers: Of each market.
        n_bars: Of each market.
        stage: What is blamed.
    """
    found = []
    for seed in seeds:
        market = simulate(kind, n_tickers, n_bars, seed)
        first = round(test_start * n_bars)
        forecast = retrain(market, seed).forecast(market).between(market.times[first])
        if not forecast.law.known.any():
            said = f"the training with seed {seed} forecasts nothing of its test span"
            return Finding(NULL_MARKET, stage, Outcome.NOT_RUN, said)
        found.append(t_values(forecast, market.at(slice(first, None))))
    return _judge(np.array(found), stage)


def t_values(forecast: Forecast, span: Panel) -> Float[np.ndarray, " claim"]:
    """By how many standard errors each claim is better than none, one a claim and horizon.

    Returns:
        Turned into those of a standard normal; NaN where no such claim is made, or on too few dates
        for a test.
    """
    values = np.full((len(CLAIMS), len(forecast.horizons)), np.nan)
    statistics = forecast_statistics(forecast, span)
    claims = [(each.name, each.horizon, each.estimate) for each in statistics]
    for name, horizon, found in (*claims, *_timing(forecast, span)):
        if name in CLAIMS and found.error > 0:
            chance = stats.t.sf(found.value / found.error, found.n_dates - 1)
            normal = stats.norm.isf(max(chance, np.finfo(float).tiny))  # finite however sure
            values[CLAIMS.index(name), forecast.horizons.index(horizon)] = normal
    return values.ravel()


def _timing(forecast: Forecast, span: Panel) -> Iterator[tuple[str, int, Estimate]]:
    returns, mean = outcomes(span, forecast.horizons), forecast.mean
    gains = np.where(mean != 0, mean * returns / forecast.volatility**2, np.nan)
    for j, horizon in enumerate(forecast.horizons):
        yield "timing", horizon, estimate(over_dates(gains[:, :, j]), horizon)


def most_by_luck(n_markets: int, n_claims: int) -> int:
    """Markets in which one claim may be found before it is more than luck: exact binomial."""
    return int(stats.binom.ppf(1 - FAMILY_LEVEL / 2 / n_claims, n_markets, LEVEL / 2))


def _judge(values: Float[np.ndarray, "market claim"], stage: str) -> Finding:
    n_markets, n_claims = values.shape
    made = np.isfinite(values)
    n_tests = int(made.sum())
    if not n_tests:
        said = f"no mean or direction is forecast in {n_markets} markets without one"
        return Finding(NULL_MARKET, stage, Outcome.PASSED, said)
    found = np.where(made, values, -np.inf) > stats.norm.isf(LEVEL / 2)
    most, bound = int(found.sum(axis=0).max()), most_by_luck(n_markets, n_claims)
    pooled = np.nansum(values, axis=0) / np.sqrt(np.maximum(made.sum(axis=0), 1))
    limit = float(stats.norm.isf(FAMILY_LEVEL / 2 / n_claims))
    said = (
        f"{int(found.sum())} claims of {n_tests} tests in {n_markets} markets without a mean, "
        f"{LEVEL / 2 * n_tests:.1f} expected by luck; the most frequent one in {most} markets, by "
        f"luck at most {bound}; the strongest over all markets {pooled.max():.1f} standard errors, "
        f"by luck at most {limit:.1f}"
    )
    passed = most <= bound and pooled.max() <= limit
    return Finding(NULL_MARKET, stage, Outcome.PASSED if passed else Outcome.FAILED, said)
