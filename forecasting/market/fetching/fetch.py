"""Many tickers from the network into the store: what arrives is kept, what does not is listed."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import pandas as pd

from forecasting.errors import DataError, ForecastingError
from forecasting.market.fetching.journal import FetchJournal, last_fetch
from forecasting.market.fetching.report import Fetched, FetchInterrupted, FetchReport
from forecasting.market.span import check_span
from forecasting.market.store.generations import DamagedHistoryError, manifest
from forecasting.market.store.refresh import refresh
from forecasting.market.symbols import check_symbol
from forecasting.market.yahoo.bars import YahooBars
from forecasting.market.yahoo.client import Yahoo
from forecasting.market.yahoo.throttle import NotAsked
from forecasting.market.yahoo.windows import LIMITS, check_interval, first_day

NETWORK_SOURCES = ("yahoo",)

# They wait for answers and for the throttle; more of them would not be faster.
_THREADS = 4
_LOOK_EVERY_S = 0.5

Progress = Callable[[str, int, int], None]
"""Called with a few words, tickers done and tickers in all."""


def fetch(
    tickers: Sequence[str],
    source: str = "yahoo",
    *,
    interval: str = "1d",
    start: str | None = None,
    end: str | None = None,
    progress: Progress | None = None,
    client: Yahoo | None = None,
) -> FetchReport:
    """Fetch bars of some tickers; what arrives is stored, what fails is listed.

    A ticker that is in the store already is brought up to date: see `refresh`. An interrupted
    fetch, or one whose source stopped answering, goes on with `resume`.

    Args:
        tickers: Symbols as the source spells them; all are checked before the first request.
        source: `yahoo`.
        interval: `1d`, or one of Yahoo's intraday lengths in `yahoo.windows.LIMITS`.
        start: First day, `YYYY-MM-DD`; None for all that the source has.
        end: Last day, included; None for the last finished bar. Bars that the store has beyond it
            are kept.
        progress: Told how far it is, a few times a second.
        client: A client with another rate or other waits than the usual ones.

    Raises:
        DataError: A ticker, a date or an interval that cannot be, or no way to write the store.
        FetchInterrupted: Ctrl-C; what arrived before is stored.
    """
    journal = FetchJournal(source, interval, start, end, list(dict.fromkeys(tickers)))
    return _run(journal, progress, client)


def resume(*, progress: Progress | None = None, client: Yahoo | None = None) -> FetchReport:
    """Go on with the last fetch: the tickers not tried so far, then those that failed.

    Args:
        progress: As in `fetch`.
        client: As in `fetch`.

    Returns:
        What became of these tickers; empty where nothing was left.

    Raises:
        DataError: There was no fetch, or its journal is damaged.
        FetchInterrupted: As in `fetch`.
    """
    journal = last_fetch()
    if not journal.left:
        return FetchReport()
    journal.retry()
    return _run(journal, progress, client)


def _run(journal: FetchJournal, progress: Progress | None, client: Yahoo | None) -> FetchReport:
    _check(journal)
    journal.write()
    run = _Run(journal, client or Yahoo())
    wanted, latest = tuple(journal.waiting), "fetching"
    with ThreadPoolExecutor(_THREADS) as pool:
        running = {pool.submit(run.fetch, ticker): ticker for ticker in wanted}
        try:
            while running:
                for future in wait(running, _LOOK_EVERY_S, FIRST_COMPLETED).done:
                    latest = running.pop(future)
                    future.result()
                if progress is not None:
                    pause = run.client.throttle.pause_s
                    words = f"Yahoo is busy, {pause:.0f} s" if pause >= 1 else latest
                    progress(words, len(wanted) - len(running), len(wanted))
        except BaseException as error:
            # Who waits to ask gives up at once; who waits for an answer takes it.
            run.client.throttle.stop("the fetch was interrupted.")
            pool.shutdown(cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                raise FetchInterrupted(len(journal.stored), len(journal.left)) from None
            raise
    return FetchReport(
        {ticker: run.stored[ticker] for ticker in wanted if ticker in run.stored},
        dict(journal.failed),
        tuple(journal.waiting),
        run.client.throttle.stopped or "",
    )


@dataclass
class _Run:
    """What the threads of one fetch share."""

    journal: FetchJournal
    client: Yahoo
    stored: dict[str, Fetched] = field(default_factory=dict)
    noting: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, ticker: str) -> None:
        try:
            made = self._refresh(ticker)
        except NotAsked:
            return
        except ForecastingError as error:
            with self.noting:
                self.journal.refused(ticker, str(error))
        else:
            with self.noting:
                self.stored[ticker] = made
                self.journal.arrived(ticker)

    def _refresh(self, ticker: str) -> Fetched:
        source, interval = self.journal.source, self.journal.interval
        start, end = _span(ticker, self.journal)
        answers: list[YahooBars] = []

        def ask(first: str | None) -> pd.DataFrame:
            answers.append(self.client.bars(ticker, first, end, interval))
            return answers[-1].frame

        made = refresh(ticker, ask, source=source, interval=interval, start=start)
        last = answers[-1]
        return Fetched(
            made.manifest,
            made.new_bars,
            made.difference,
            last.null_bars,
            last.repeated,
            last.unfinished,
            last.note,
        )


def _span(ticker: str, journal: FetchJournal) -> tuple[str | None, str | None]:
    """The wanted days, in the light of what the store has.

    Bars beyond the wanted end are compared, too. A start of intraday bars that lies before what
    the source still has is the stored one.
    """
    start, end, interval = journal.start, journal.end, journal.interval
    try:
        kept = manifest(ticker, interval)
    except DamagedHistoryError:
        return start, end
    if kept is None:
        return start, end
    if interval in LIMITS and kept.first[:10] <= first_day(interval, pd.Timestamp.now("UTC")):
        start = kept.start
    return start, None if end is None else max(end[:10], kept.last[:10])


def _check(journal: FetchJournal) -> None:
    if journal.source not in NETWORK_SOURCES:
        raise DataError(
            f"no network source {journal.source!r}: expected one of {', '.join(NETWORK_SOURCES)}."
        )
    check_interval(journal.interval)
    check_span(journal.start, journal.end)
    if not journal.waiting:
        raise DataError("no tickers came: expected at least one, such as AAPL.")
    for ticker in journal.waiting:
        check_symbol(ticker)
