"""Does a function of prices read the real ones behind the audit's back?

Changing the panel shows nothing of a function that opens the price file itself, or that remembers
an earlier panel. Asked about prices that never were, it can know nothing of the returns that were:
what goes along with them all the same comes from elsewhere.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.information import coefficients, outcomes
from forecasting.market.panel import COLUMNS, PRICE_COLUMNS, Panel

OTHER_PRICES = "other prices"
LEVEL = 0.001
"""Chance of a false alarm, for all statistics together."""
_VOLATILITY = 0.02


def prices_that_never_were(panel: Panel, seed: int) -> Panel:
    """Independent random walks of one volatility on the bars of a panel.

    What a bar lacks there it lacks here. Prices of a bar differ by up to a percent; volumes,
    distributions and realised variances are noise of their own.
    """
    rng = np.random.default_rng(seed)
    shape = panel.mask.shape
    values = rng.lognormal(0.0, 0.5, (*shape, len(COLUMNS)))
    path = 100.0 * np.exp(np.cumsum(rng.normal(0.0, _VOLATILITY, shape), axis=0))
    for name in PRICE_COLUMNS:
        spread = rng.uniform(-0.01, 0.01, shape)
        values[:, :, COLUMNS.index(name)] = path * np.exp(spread)
    prices = [COLUMNS.index(name) for name in PRICE_COLUMNS]
    values[:, :, COLUMNS.index("high")] = values[:, :, prices].max(axis=2)
    values[:, :, COLUMNS.index("low")] = values[:, :, prices].min(axis=2)
    values[:, :, COLUMNS.index("dividend")] = 0.0
    values[:, :, COLUMNS.index("split")] = 1.0
    values[np.isnan(panel.values)] = np.nan
    return replace(panel, values=values)


def other_prices(
    compute: Callable[[Panel], np.ndarray], panel: Panel, *, stage: str, seed: int = 0
) -> Finding:
    """Whether features of made-up prices go along with the next returns of the real ones.

    Args:
        compute: From prices to an array (time, ticker) or (time, ticker, feature).
        panel: The real prices.
        stage: What is blamed.
        seed: Of the made-up prices.
    """
    values = compute(prices_that_never_were(panel, seed)).astype(float)
    grid = values if values.ndim == 3 else values[:, :, None]
    returns = outcomes(panel, (1,))[:, :, 0]
    found = [
        (statistic.estimate.value / statistic.estimate.error, f"column {j}, {statistic.name}")
        for j in range(grid.shape[2])
        for statistic in coefficients(grid[:, :, j], returns, 1)
        if statistic.estimate.error > 0
    ]
    if not found:
        said = "too few dates to tell knowledge from luck"
        return Finding(OTHER_PRICES, stage, Outcome.NOT_RUN, said)
    t, name = max(found, key=lambda each: abs(each[0]))
    most = float(stats.norm.isf(LEVEL / 2 / len(found)))
    if abs(t) > most:
        said = (
            f"asked about made-up prices it knows the real ones ({name}: t {t:+.1f}, by luck at "
            f"most {most:.1f}): it reads prices from elsewhere than the panel"
        )
        return Finding(OTHER_PRICES, stage, Outcome.FAILED, said)
    said = (
        f"of made-up prices it knows no real return ({len(found)} statistics, |t| <= {abs(t):.1f})"
    )
    return Finding(OTHER_PRICES, stage, Outcome.PASSED, said)
