"""What a panel has of each ticker, counted against the sessions of an exchange."""

import numpy as np
import pandas as pd

from forecasting.market.calendars import NEW_YORK, sessions
from forecasting.market.panel import Panel, day


def coverage(panel: Panel, calendar: str = NEW_YORK) -> pd.DataFrame:
    """First and last day, sessions in between, and how many of these have no bar.

    What comes before a ticker's first bar or after its last one is not missing: it was not listed.

    Args:
        panel: Prices with bars of a day or shorter.
        calendar: Code of the exchange that the tickers trade on.

    Returns:
        One row a ticker with any bar: `first` and `last` day, `bars`, `sessions` between the two
        days, `missing` sessions without a bar, `off_session` days with a bar that are no session.

    Raises:
        DataError: No such calendar, or it does not reach that far.
    """
    rows = {}
    for k, ticker in enumerate(panel.tickers):
        times = panel.times[panel.mask[:, k]]
        if not len(times):
            continue
        days = np.unique(times.astype("datetime64[D]"))
        open_days = sessions(calendar, times[0], times[-1]).astype("datetime64[D]")
        rows[ticker] = {
            "first": day(times[0]),
            "last": day(times[-1]),
            "bars": len(times),
            "sessions": len(open_days),
            "missing": len(np.setdiff1d(open_days, days)),
            "off_session": len(np.setdiff1d(days, open_days)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("ticker")
