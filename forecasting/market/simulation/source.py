"""A simulated market as a price source."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecasting.market.panel import Panel
from forecasting.market.simulation.settings import MarketSettings, parse_name
from forecasting.market.simulation.simulate import draw
from forecasting.market.span import cut


@dataclass(frozen=True)
class SimulatedSource:
    """A simulated market by its name; see the room's docstring for names and settings.

    Attributes:
        name: What a user types, settings included.
        market: What that asks for.
    """

    name: str
    market: MarketSettings

    @classmethod
    def from_name(cls, name: str) -> "SimulatedSource":
        """Parse a name.

        Raises:
            DataError: Another market or setting.
        """
        return cls(name, parse_name(name))

    def tickers(self) -> tuple[str, ...]:
        """The names of the simulated tickers."""
        return self.market.tickers

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Draw the market and cut out tickers and dates; see `PriceSource.load`."""
        return cut(draw(self.market)[0], tickers, start, end)
