"""The one door through which the network, GARCH and the random walk are all judged."""

from typing import Protocol, runtime_checkable

from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel


@runtime_checkable
class Forecaster(Protocol):
    """Answers with a `Forecast` for every bar on which it knows enough.

    An implementation uses, for the forecast made at bar t, nothing later than bar t of the panel:
    changing any later bar must leave that forecast unchanged.
    """

    @property
    def name(self) -> str:
        """Who forecasts; distinct among those that are compared."""
        ...

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars ahead, ascending."""
        ...

    def forecast(self, prices: Panel) -> Forecast:
        """Forecast every bar of every ticker; NaN where the history is too short."""
        ...
