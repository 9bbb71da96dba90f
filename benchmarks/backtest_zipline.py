"""Weights traded in zipline-reloaded (Apache): an event-driven engine, order by order.

A script of its own: zipline 3.2 needs pandas below 3, so it runs in another environment. It keeps
its prices in $ZIPLINE_ROOT.

    PYTHON -I benchmarks/backtest_zipline.py case.npz

reads `close` and `weights` (time, ticker), `rate` and `capital`, and prints JSON: version, seconds
of the run (writing and reading the prices apart) and the final equity.

What has to be set there for an account equal to ours: whole shares (zipline knows no others),
orders sized at a close and filled at the next close without slippage (it fills daily bars nowhere
else), a commission per dollar for commission and half-spread, prices in cents (it stores
thousandths), and sessions of a calendar that closes on the day itself.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import zipline  # type: ignore[import-not-found]
from zipline import api
from zipline.data import bundles  # type: ignore[import-not-found]
from zipline.finance import commission, slippage  # type: ignore[import-not-found]
from zipline.utils.calendar_utils import get_calendar  # type: ignore[import-not-found]

CALENDAR = "XNYS"
VOLUME = 1_000_000


def main(path: str) -> None:
    """Run a case and print what came of it."""
    case = np.load(path)
    close, weights = case["close"], case["weights"]
    dates = get_calendar(CALENDAR).sessions[: len(close)]
    _write_prices(close, dates)

    def initialize(context: Any) -> None:
        api.set_commission(commission.PerDollar(cost=float(case["rate"])))
        api.set_slippage(slippage.NoSlippage())
        context.assets = api.symbols(*_names(close))
        context.bar = 0

    def handle_data(context: Any, data: Any) -> None:
        bar, context.bar = context.bar, context.bar + 1
        if context.bar == len(close):
            return
        money = weights[bar] * context.portfolio.portfolio_value
        wanted = np.trunc(money / close[bar] * (1 + 1e-9))
        held = context.portfolio.positions
        for asset, shares in zip(context.assets, wanted, strict=True):
            amount = int(shares) - (held[asset].amount if asset in held else 0)
            if amount:
                api.order(asset, amount)

    started = time.perf_counter()
    result = zipline.run_algorithm(
        start=dates[0],
        end=dates[-1],
        initialize=initialize,
        handle_data=handle_data,
        capital_base=float(case["capital"]),
        bundle="case",
        trading_calendar=get_calendar(CALENDAR),
        benchmark_returns=pd.Series(0.0, index=dates),
    )
    seconds = time.perf_counter() - started
    equity = float(result.portfolio_value.iloc[-1])
    json.dump({"version": zipline.__version__, "seconds": seconds, "equity": equity}, sys.stdout)


def _names(close: np.ndarray) -> list[str]:
    return [f"T{k}" for k in range(close.shape[1])]


def _write_prices(close: np.ndarray, dates: pd.DatetimeIndex) -> None:
    """Put the prices where zipline reads them from."""
    names = _names(close)

    def bars() -> Iterator[tuple[int, pd.DataFrame]]:
        for k, prices in enumerate(close.T):
            quotes = dict.fromkeys(("open", "high", "low", "close"), prices)
            yield k, pd.DataFrame(quotes | {"volume": VOLUME}, index=dates)

    def ingest(
        _environ: Any, assets: Any, _minutes: Any, days: Any, adjustments: Any, *_: Any
    ) -> None:
        days.write(bars(), show_progress=False)
        listing = {
            "symbol": names,
            "asset_name": names,
            "start_date": dates[0],
            "end_date": dates[-1],
            "auto_close_date": dates[-1] + pd.Timedelta(days=1),
            "exchange": "NYSE",
        }
        exchange = {"exchange": ["NYSE"], "canonical_name": ["NYSE"], "country_code": ["US"]}
        assets.write(equities=pd.DataFrame(listing), exchanges=pd.DataFrame(exchange))
        adjustments.write()

    bundles.register("case", ingest, CALENDAR, start_session=dates[0], end_session=dates[-1])
    bundles.ingest("case", show_progress=False)


if __name__ == "__main__":
    main(sys.argv[1])
