"""Is any rival better, when their number is counted? Hansen's test of superior predictive ability.

Among nine rivals of exactly our skill, some one looks better at 5 % in many a span. This test asks
what the lead of the best of them would be by luck, with the dates drawn again in blocks.

Source: Hansen (2005), A Test for Superior Predictive Ability, Journal of Business & Economic
Statistics 23(4).
"""

import numpy as np
from arch.bootstrap import SPA
from jaxtyping import Float

from forecasting.evaluation.comparison.blocks import (
    REPETITIONS,
    block_length,
    draw_error,
    varies,
)
from forecasting.forecast.significance import least_dates, standard_error


def superior_ability(
    gains: Float[np.ndarray, "date rival"], horizon: int, *, seed: int = 0
) -> float:
    """Hansen's consistent p-value of 'no rival has a smaller expected loss than the model'.

    T = max_k t_k over the rivals' leads d_k = -gain_k, against draws of max_k (t*_k - t_k), in
    which rivals with t_k < -sqrt(2 log log n) keep their distance: who is far behind cannot win.
    The t are those of the Diebold-Mariano test. `arch` compares leads in the losses' unit, in which
    one noisy rival hides all others; so each lead goes in as t_k + (d_k - mean) / its draw error.

    Args:
        gains: Each rival's loss minus the model's, averaged over the tickers of each date;
            consecutive dates, ascending, finite.
        horizon: Bars ahead of the forecasts.
        seed: Of the draws.

    Returns:
        The p-value; small: some rival is better. 1 where no rival's difference varies (the
        forecasts are equal); NaN with fewer than `least_dates` or without rivals.
    """
    if len(gains) < least_dates(horizon) or not gains.shape[1]:
        return np.nan
    leads = -gains[:, [varies(column) for column in gains.T]]
    if not leads.shape[1]:
        return 1.0
    length = block_length(leads, horizon)
    scaled = np.column_stack([_studentised(lead, horizon, length) for lead in leads.T])
    test = SPA(np.zeros(len(leads)), -scaled, block_size=length, reps=REPETITIONS, seed=seed)
    test.compute()
    return float(test.pvalues["consistent"])


def _studentised(
    lead: Float[np.ndarray, " date"], horizon: int, length: int
) -> Float[np.ndarray, " date"]:
    """A series whose mean is the lead's t, and whose drawn means vary by 1."""
    t = lead.mean() / standard_error(lead, horizon)
    return t + (lead - lead.mean()) / draw_error(lead, length)
