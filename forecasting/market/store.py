"""The local store of fetched prices: filled from the network, read as a price source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forecasting import paths
from forecasting.errors import DataError, ForecastingError, SourceError
from forecasting.market import store_files
from forecasting.market.panel import Panel, require_tickers
from forecasting.market.span import check_span, cut
from forecasting.market.symbols import check_symbol
from forecasting.market.yahoo import Yahoo

NETWORK_SOURCES = ("yahoo",)

# After so many tickers in a row without an answer the others are not asked for.
_GIVE_UP_AFTER = 2


@dataclass(frozen=True)
class StoreSource:
    """The store as a price source."""

    name: str = "store"

    def tickers(self) -> tuple[str, ...]:
        """The tickers in the store.

        Raises:
            DataError: There are none.
        """
        stored = store_files.present()
        if not stored:
            raise DataError(
                f"the store {paths.store()} is empty: expected fetched prices. Run `forecasting "
                "fetch TICKER...` first, or use --prices sample."
            )
        return stored

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
        present = self.tickers()
        require_tickers(tickers or (), present, "the store")
        found = {
            ticker: store_files.read(ticker) for ticker in (present if tickers is None else tickers)
        }
        intervals = {stored.interval: ticker for ticker, (_, stored) in found.items()}
        if len(intervals) > 1:
            raise DataError(
                f"the store has bars of {' and '.join(intervals)}, of "
                f"{' and '.join(intervals.values())}: expected one interval. Name the tickers."
            )
        origins = ", ".join(sorted({stored.source for _, stored in found.values()}))
        panel = Panel.from_frames(
            {ticker: frame for ticker, (frame, _) in found.items()},
            interval=next(iter(intervals)),
            source=f"store (from {origins})",
        )
        return cut(panel, tickers, start, end)


@dataclass(frozen=True)
class FetchReport:
    """What became of each ticker.

    Attributes:
        stored: Manifests of the tickers that are now in the store.
        failed: Ticker to the one-line reason; the store keeps what it had of them.
        null_bars: Ticker to the number of bars left out because the source has no close for them.
    """

    stored: tuple[store_files.Stored, ...]
    failed: dict[str, str]
    null_bars: dict[str, int]


def fetch(
    tickers: Sequence[str],
    source: str = "yahoo",
    *,
    start: str | None = None,
    end: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    client: Yahoo | None = None,
) -> FetchReport:
    """Fetch daily bars of some tickers; what arrives is stored, what fails is listed.

    A ticker's stored history is replaced by the fetched one as a whole: adjusted prices of two
    fetches do not fit together.

    Args:
        tickers: Symbols as the source spells them; all are checked before the first request.
        source: `yahoo`.
        start: First day, `YYYY-MM-DD`; None for all that the source has.
        end: Last day, included; None for the last finished one.
        progress: Called with ticker, tickers done and tickers in all, after each ticker.
        client: A client with other waits than the usual ones.

    Raises:
        DataError: A ticker or a date that cannot be, or the store cannot be written.
        SourceError: Nothing at all arrived.
    """
    check_span(start, end)
    if source not in NETWORK_SOURCES:
        raise DataError(
            f"no network source {source!r}: expected one of {', '.join(NETWORK_SOURCES)}."
        )
    if not tickers:
        raise DataError("no tickers came: expected at least one, such as AAPL.")
    for ticker in tickers:
        check_symbol(ticker)
    client = client or Yahoo()
    stored: list[store_files.Stored] = []
    failed: dict[str, str] = {}
    null_bars: dict[str, int] = {}
    unanswered = 0
    wanted = list(dict.fromkeys(tickers))
    for done, ticker in enumerate(wanted, start=1):
        if unanswered >= _GIVE_UP_AFTER:
            failed[ticker] = f"{source} did not answer for the tickers before: not tried."
            continue
        try:
            bars = client.bars(ticker, start, end)
        except ForecastingError as error:
            failed[ticker] = str(error)
            unanswered = unanswered + 1 if isinstance(error, SourceError) else 0
        else:
            stored.append(store_files.write(ticker, bars.frame, source=source))
            null_bars[ticker] = bars.null_bars
            unanswered = 0
        if progress is not None:
            progress(ticker, done, len(wanted))
    if not stored:
        raise SourceError(f"none of {len(wanted)} tickers arrived: {next(iter(failed.values()))}")
    return FetchReport(tuple(stored), failed, null_bars)
