"""The timing contract: when a decision is made, and at which price it is filled."""

from enum import StrEnum

from forecasting.errors import ConfigError, DataError
from forecasting.market.panel import Panel


class Execution(StrEnum):
    """Where on the next bar an order is filled; never on the bar of its decision."""

    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"

    @classmethod
    def choose(cls, panel: Panel, name: str = "auto") -> "Execution":
        """The execution called `name`; `auto` is the next open if every ticker has opens.

        Raises:
            ConfigError: There is no such execution.
            DataError: The next open was asked for and a ticker has no opens.
        """
        has_opens = panel.has("open", "close")
        if name == "auto":
            return cls.NEXT_OPEN if has_opens else cls.NEXT_CLOSE
        if name not in list(cls):
            raise ConfigError(f"execution {name!r}: expected auto, {' or '.join(cls)}.")
        if name == cls.NEXT_OPEN and not has_opens:
            raise DataError(
                f"execution next_open: {panel.source} has no opens for some of its tickers. "
                "Use auto or next_close."
            )
        return cls(name)

    def describe(self) -> str:
        """One sentence for a report."""
        moment = "open" if self is Execution.NEXT_OPEN else "close"
        return f"Decided at the close of bar t, filled at the {moment} of bar t+1."
