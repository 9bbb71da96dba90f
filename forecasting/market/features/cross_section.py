"""Features of the cross-section: means over the tickers of a bar, and ranks among them."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.market.features.feature import CrossSectional, Feature

Grid = Float[np.ndarray, "time ticker"]


def mean_over_tickers(values: Grid) -> Float[np.ndarray, " time"]:
    """Mean over the tickers that have a value; NaN where none has."""
    present = np.isfinite(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def market_mean(values: Grid) -> Grid:
    """`mean_over_tickers` for those that have a value; NaN for those that have none."""
    return np.where(np.isfinite(values), mean_over_tickers(values)[:, None], np.nan)


def centred_rank(values: Grid) -> Grid:
    """Rank among the tickers that have a value: -1 the lowest, 1 the highest.

    Equal values share the mean of their ranks; a ticker that is alone stands in the middle, at 0.
    """
    ranked = pd.DataFrame(np.where(np.isfinite(values), values, np.nan))
    place = ranked.rank(axis=1).to_numpy()  # 1 is the lowest
    n_ranked = ranked.notna().sum(axis=1).to_numpy()[:, None]
    return np.where(n_ranked > 1, 2 * (place - 1) / np.maximum(n_ranked - 1, 1) - 1, 0 * place)


def cross_sectional(own: tuple[Feature, ...]) -> tuple[CrossSectional, ...]:
    """The features of the cross-section that are made of own ones."""
    features = {feature.name: feature for feature in own}
    means = {
        "market_return": "return_1",
        "market_square": "log_square_1",
        "market_range": "log_range_1",
        "market_volatility": "log_volatility",
    }
    ranks = {
        "rank_momentum": "momentum_252",
        "rank_reversal": "reversal_5",
        "rank_volatility": "log_volatility",
        "rank_volume": "volume_surprise",
        "rank_beta": "beta_252",
    }
    return (
        *(
            CrossSectional(
                name=name,
                unit=features[base].unit,
                of=features[base],
                formula=f"mean of {base} over the tickers of the bar",
                compute=market_mean,
            )
            for name, base in means.items()
        ),
        *(
            CrossSectional(
                name=name,
                unit="rank in [-1, 1]",
                of=features[base],
                formula=f"rank of {base} among the tickers of the bar",
                compute=centred_rank,
                source=features[base].source,
            )
            for name, base in ranks.items()
        ),
    )
