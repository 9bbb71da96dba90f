"""What is said of a forecast that is read for itself, beside what its model says of it anyway.

An evaluation says the first by its as-of lock, and averages over the second.
"""

import numpy as np

from forecasting.forecaster.corpus import Corpus
from forecasting.market.features import feature_set
from forecasting.market.panel import Panel, day
from forecasting.report.captions import IN_SAMPLE

_MOST_NAMED = 5


def seen_origins(corpus: Corpus, origins: np.ndarray) -> tuple[str, ...]:
    """That a forecast was made on bars that its model has seen, if it was.

    Args:
        corpus: What the model has seen.
        origins: Bars after whose close it forecast.
    """
    seen = [origin for origin in origins if corpus.seen(origin)]
    if not seen:
        return ()
    return (
        f"{IN_SAMPLE}: the model was trained and chosen on bars before {corpus.test_start[:10]}, "
        f"{day(min(seen))} among them: it may know what came next.",
    )


def short_histories(corpus: Corpus, prices: Panel) -> tuple[str, ...]:
    """Which tickers have fewer complete bars than the model's features remember.

    Features with a long memory, such as echoes of earlier years, know less of them.

    Args:
        corpus: It names the features.
        prices: The tickers that are forecast, up to the origin.
    """
    remembered = feature_set(corpus.features).lags
    bars = dict(zip(prices.tickers, prices.mask.sum(axis=0).tolist(), strict=True))
    short = [f"{ticker} has {n}" for ticker, n in bars.items() if n < remembered]
    if not short:
        return ()
    more = f" and {len(short) - _MOST_NAMED} more" if len(short) > _MOST_NAMED else ""
    return (
        f"Features of the model remember up to {remembered} bars: "
        f"{', '.join(short[:_MOST_NAMED])}{more}.",
    )
