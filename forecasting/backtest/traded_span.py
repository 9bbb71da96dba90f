"""Forecasts and prices of the bars that are traded, put on each other."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Tape
from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel, day

MIN_BARS = 4
"""Bars below which nothing can be decided, traded and judged."""


@dataclass(frozen=True, eq=False)
class TradedSpan:
    """From the first to the last bar with a forecast; what was known before goes along.

    Attributes:
        prices: All bars that came, of all tickers.
        panel: Bars of the span, of the tickers that were forecast.
        forecast: Forecasts of the span, those of the universe's members only.
    """

    prices: Panel
    panel: Panel
    forecast: Forecast

    @classmethod
    def of(
        cls,
        forecast: Forecast,
        prices: Panel,
        start: str | np.datetime64 | None = None,
        end: str | np.datetime64 | None = None,
        least_bars: int = MIN_BARS,
    ) -> "TradedSpan":
        """The span of a forecast between two days.

        Args:
            forecast: Its tickers and times must be in `prices`.
            prices: The panel that was forecast.
            start: First day on which a decision may be made.
            end: Last day that is counted.
            least_bars: Fewer are refused.

        Raises:
            DataError: Prices and forecast do not belong together, or the span has too few bars.
        """
        panel = prices.select(forecast.tickers)
        inside = forecast.between(start, end)
        rows = np.flatnonzero(inside.mask.any(axis=1))
        if not len(rows):
            have = forecast.times[forecast.mask.any(axis=1)]
            span = f"{day(have[0])} to {day(have[-1])}" if len(have) else "no bar at all"
            raise DataError(
                f"no forecast of {forecast.name} from {_day(start) or 'the first bar'} to "
                f"{_day(end) or 'the last'}: it covers {span}. Choose dates inside."
            )
        first, last = inside.times[rows[0]], inside.times[rows[-1]]
        panel, inside = panel.between(first, last), inside.between(first, last)
        if not np.isin(inside.times[inside.mask.any(axis=1)], panel.times).all():
            raise DataError(
                f"{forecast.name} forecast bars that {prices.source} does not have: expected the "
                "prices that were forecast. Pass the same panel."
            )
        if len(panel.times) < least_bars:
            raise DataError(
                f"only {len(panel.times)} bars from {day(first)} to {day(last)}: expected at least "
                f"{least_bars} to decide, trade and judge. Choose a longer span."
            )
        return cls(prices, panel, _of_members(inside, panel))

    @cached_property
    def known_bars_per_year(self) -> float:
        """Bars a year, as far as the calendar is known at the first decision."""
        return self.prices.between(None, self.forecast.times[0]).bars_per_year

    @cached_property
    def known_prices(self) -> Panel:
        """The traded tickers from their first bar to the end of the span, for what looks back."""
        return self.prices.select(self.forecast.tickers).between(None, self.panel.times[-1])

    def tape(self, execution: Execution, costs: Costs) -> Tape:
        """The tape of the span; volatility, volume and spread know the bars before it, too.

        Raises:
            DataError: The prices do not have what a model of the spread needs.
        """
        whole = make_tape(self.known_prices, execution, costs)
        return whole.between(self.panel.times[0], self.panel.times[-1])

    @property
    def n_tickers(self) -> int:
        """Tickers to choose from at the first decision, as far as known then."""
        if self.panel.member is not None:
            return int(self.forecast.mask[0].sum())
        seen = self.known_prices.between(None, self.forecast.times[0])
        return int(seen.mask.any(axis=0).sum())


def _of_members(forecast: Forecast, panel: Panel) -> Forecast:
    """The forecasts of the universe's members at their bars."""
    if panel.member is None:
        return forecast
    rows = np.minimum(np.searchsorted(panel.times, forecast.times), len(panel.times) - 1)
    member = panel.member[rows]
    return replace(forecast, law=forecast.law.map(lambda values: of_members(values, member)))


def _day(time: str | np.datetime64 | None) -> str | None:
    return None if time is None else str(time)[:10]
