"""The store as a price source."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.span import check_span, cut
from forecasting.market.store.folders import check_interval, intervals, present
from forecasting.market.store.generations import read_history
from forecasting.market.store.history import as_panel
from forecasting.market.symbols import check_symbol, require_tickers

_READERS = min(4, os.cpu_count() or 1)
"""Threads that read: checksums and decompression let go of the interpreter."""


@dataclass(frozen=True)
class StoreSource:
    """The store as a price source.

    Attributes:
        name: `store` for daily bars, else `store:interval=1h`.
    """

    name: str = "store"

    def __post_init__(self) -> None:
        check_interval(self.interval)

    @property
    def interval(self) -> str:
        """Bar length.

        Raises:
            DataError: The name has another setting than `interval`.
        """
        _, _, settings = self.name.partition(":")
        if not settings:
            return "1d"
        key, _, value = settings.partition("=")
        if key != "interval":
            raise DataError(
                f"{settings[:40]!r} is no setting of the store: expected interval=1h or the like."
            )
        return value

    def tickers(self) -> tuple[str, ...]:
        """The tickers in the store with bars of this length.

        Raises:
            DataError: There are none.
        """
        if stored := present(self.interval):
            return stored
        if others := intervals():
            raise DataError(
                f"the store {paths.store()} has no {self.interval} bars: expected one of "
                f"{', '.join(others)}. Choose it by store:interval={others[0]}, or fetch others."
            )
        option = "" if self.interval == "1d" else f" --interval {self.interval}"
        raise DataError(
            f"the store {paths.store()} is empty: expected fetched prices ({self.interval})"
            f"{_outdated()}. Run `forecasting fetch TICKER...{option}` first, or use --prices "
            "sample."
        )

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Read stored prices; see `PriceSource.load`."""
        check_span(start, end)
        for ticker in tickers or ():
            check_symbol(ticker)
        stored = self.tickers()
        require_tickers(tickers or (), stored, "the store")
        wanted = stored if tickers is None else tuple(tickers)
        with ThreadPoolExecutor(_READERS) as pool:
            found = list(pool.map(lambda ticker: read_history(ticker, self.interval), wanted))
        origins = ", ".join(sorted({said.source for _, said in found}))
        histories = {ticker: bars for ticker, (bars, _) in zip(wanted, found, strict=True)}
        panel = as_panel(histories, self.interval, f"store (from {origins})")
        return cut(panel, tickers, start, end)


def _outdated() -> str:
    """What to say of the files that the first version of the store wrote."""
    old = sorted(path.stem for path in paths.store().glob("[!.]*.json"))
    return (
        f"; the files of {', '.join(old[:8])} are of an earlier version, delete them" if old else ""
    )
