"""Which of 190 tickers will do better? Rank IC and decile spread of the 5-day expected return.

Of each date the mean over the seeds, then the test over dates. The models are those of `broad`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy import stats

from benchmarks.outcome import Row
from benchmarks.skill_daily import broad_models
from benchmarks.skill_judging import forecast_networks, steps
from benchmarks.skill_setting import DAILY_DATES, REFERENCE, US190, Setting
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.evaluation.scores.date_test import DateTest, date_test
from forecasting.evaluation.scores.deciles import decile_spread
from forecasting.evaluation.scores.information_coefficient import finite, rank_correlations
from forecasting.training.trial_ledger import trials
from forecasting.workflow.comparison_looks import count_comparison
from forecasting.workflow.parent_run import open_parent_run

HORIZON = 5
COST_BPS = 5.0
"""Of traded notional. A share of the two tenths that is replaced is sold and bought, long and
short: four trades of that share of the unit held on each side."""

OfScore = Callable[[Float[np.ndarray, " cell"]], Float[np.ndarray, " date"]]


def measure(setting: Setting) -> list[Row]:
    """Rank IC with its interval, the net decile spread, and whether order may be claimed."""
    prices = setting.daily_prices(US190)
    start = np.datetime64(setting.dates(DAILY_DATES)[1], "ns")
    with open_parent_run("comparison", setting.folder("cross_section"), resume=True) as run:
        models = broad_models(setting, prices, run.run_id)
        with (
            count_comparison(models, setting.seeds, prices, run.run_id),
            steps(len(setting.seeds) + 1) as say,
        ):
            made = forecast_networks(models, setting.seeds, prices, say)[REFERENCE]
            say("rank correlations")
            cells, _ = common_cells(prices.between(start), [each.between(start) for each in made])
        looks = trials(prices, start).looks
    (part,) = (each for each in cells if each.horizon == HORIZON)
    return [*_rows(part), Row("cross_section", "test openings", looks, "looks")]


def _rows(part: Cells) -> list[Row]:
    case = f"cross_section h{HORIZON} {REFERENCE}"
    ordered = _over_seeds(part, lambda mean: rank_correlations(mean, part.returns, part.date))
    gross = _over_seeds(part, lambda mean: decile_spread(part, mean)[0])
    net = _over_seeds(part, lambda mean: _net_spread(part, mean))
    low, high = _interval(ordered)
    claimed = float(low > 0 or high < 0)
    said = f"claimed only if the 95 % interval {low:+.4f} to {high:+.4f} excludes 0"
    return [
        Row(case, "rank IC", ordered.mean, "", f"95 % interval {low:+.4f} to {high:+.4f}"),
        Row(case, "claimed", claimed, "", said),
        Row(case, "spread, gross", 1e4 * gross.mean, "bps", _spread_words(gross)),
        Row(
            case, "spread, net", 1e4 * net.mean, "bps", f"{_spread_words(net)}, at {COST_BPS:g} bps"
        ),
    ]


def _net_spread(part: Cells, score: Float[np.ndarray, " cell"]) -> Float[np.ndarray, " date"]:
    """Top less bottom tenth over h bars, less what replacing them costs; log return, decimal."""
    spread, turnover = decile_spread(part, score)
    return spread - 4 * turnover * COST_BPS * 1e-4


def _over_seeds(part: Cells, of_score: OfScore) -> DateTest:
    """The test of one number a date, its mean over the seeds."""
    each = [of_score(law.mean) for law in part.laws.values()]
    return date_test(finite(np.mean(each, axis=0)), part.horizon)


def _interval(test: DateTest) -> tuple[float, float]:
    reach = float(stats.t.ppf(0.975, test.n_dates - 1)) * test.standard_error
    return test.mean - reach, test.mean + reach


def _spread_words(test: DateTest) -> str:
    low, high = _interval(test)
    return f"top less bottom tenth over {HORIZON} days, {1e4 * low:+.1f} to {1e4 * high:+.1f}"
