"""The sealed hold-out: bars that nobody looks at before the work on a model is done.

`data.holdout` of a recipe names its first day. Training and judging get the prices before that day
and nothing else, so that no label reaches into it: an outcome that is known later is unknown to
them. To forecast the latest bar is not to score it: `forecast` and the stream see every bar.
"""

import numpy as np

from forecasting.config import Recipe
from forecasting.errors import DataError
from forecasting.market.panel import Panel, day, start_of


def seal(recipe: Recipe, prices: Panel) -> tuple[Recipe, Panel]:
    """Cut the hold-out off before anything else is done with the prices.

    A fraction is resolved to a day, which a later, longer panel does not move. Without a hold-out
    both come back as they are.

    Args:
        recipe: Its `data.holdout` decides.
        prices: Panel of any length; it need not reach to the hold-out.

    Returns:
        The recipe with the hold-out's first day, and the prices before it.

    Raises:
        DataError: No bar lies before the hold-out.
    """
    holdout = recipe.data.holdout
    if holdout is None:
        return recipe, prices
    if isinstance(holdout, float):
        bars = len(prices.times)
        holdout = day(prices.times[min(round(holdout * bars), bars - 1)])
    data = recipe.data.model_copy(update={"holdout": holdout})
    return recipe.model_copy(update={"data": data}), before(prices, holdout)


def before(prices: Panel, holdout: str) -> Panel:
    """The prices before a hold-out's first day, of the tickers that have any.

    Raises:
        DataError: No bar lies before it.
    """
    bars = start_of(prices.times, holdout)
    if bars == len(prices.times):
        return prices
    if bars == 0:
        raise DataError(
            f"{prices.source} begins {day(prices.times[0])}, inside the hold-out that data.holdout "
            f"seals from {holdout}: expected bars before it. Use a longer history, or move it."
        )
    sealed = prices.at(slice(0, bars))
    traded = sealed.mask.any(axis=0)
    if traded.all():
        return sealed
    return sealed.select([sealed.tickers[k] for k in np.flatnonzero(traded)])
