"""What was asked for to get a panel: enough to ask for it again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableFile:
    """A table of the user's that changed what came, by its absolute path and the file's hash."""

    path: str
    sha256: str


@dataclass(frozen=True)
class PriceRequest:
    """A request for prices, with all their dates.

    Attributes:
        source: Name or path of the source with its settings, see `open_source`; paths are absolute.
        tickers: Tickers that came, in order.
        missing: What a blank price inside a file's history is, see `PriceFiles`.
        quarantine: Bars that were left out, see `forecasting.market.checks.quarantine`; None for
            none.
        universe: Who was a member when, see `forecasting.market.universe`; None without a table.
    """

    source: str
    tickers: tuple[str, ...]
    missing: str = "error"
    quarantine: TableFile | None = None
    universe: TableFile | None = None
