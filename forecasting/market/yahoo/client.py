"""Yahoo's bars of one symbol: whole requests, a few tries, one answer.

Yahoo's terms allow personal use: never commit these prices.
"""

import itertools
import re
import threading
from dataclasses import replace

import pandas as pd

from forecasting.errors import DataError, SourceError
from forecasting.market.panel import check_frame
from forecasting.market.span import check_span
from forecasting.market.symbols import check_symbol
from forecasting.market.yahoo.bars import YahooBars, clean
from forecasting.market.yahoo.connection import Answer, Connection, Unreachable
from forecasting.market.yahoo.throttle import NotAsked, Throttle
from forecasting.market.yahoo.windows import check_interval, windows

# yfinance would look such a symbol up as a security number and answer with another one.
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


class Yahoo:
    """A polite client, for any number of threads.

    Args:
        throttle: When a request may go out, for all threads together; by default one a second.
        tries: Attempts a request where Yahoo is busy, does not answer or makes no sense; two where
            it is not reached.
        timeout_s: Longest wait for one answer.
    """

    def __init__(
        self, throttle: Throttle | None = None, *, tries: int = 4, timeout_s: float | int = 20.0
    ) -> None:
        self.throttle = Throttle() if throttle is None else throttle
        self.tries = tries
        self.timeout_s = timeout_s
        self._connection: Connection | None = None
        self._connecting = threading.Lock()

    def bars(
        self,
        symbol: str,
        start: str | None = None,
        end: str | None = None,
        interval: str = "1d",
    ) -> YahooBars:
        """Fetch one symbol's bars.

        Args:
            symbol: Ticker as Yahoo spells it.
            start: First day, `YYYY-MM-DD`; None for all that Yahoo has.
            end: Last day, included; None for the last finished bar.
            interval: `1d`, or one of Yahoo's intraday lengths in `windows.LIMITS`.

        Raises:
            DataError: No such symbol or interval, no bars in the span, or bars that are no prices.
            NotAsked: Yahoo refused so often that nobody asks any more.
            SourceError: Yahoo was not reached, was busy at every attempt, or did not make sense.
        """
        check_symbol(symbol)
        check_span(start, end)
        check_interval(interval)
        if _ISIN.fullmatch(symbol):
            raise DataError(f"{symbol} is an ISIN: expected a ticker such as AAPL. Look it up.")
        wanted = windows(interval, start, end, pd.Timestamp.now("UTC"))
        answers = [self._ask(symbol, interval, *span) for span in wanted.spans]
        frames = [
            _cut(answer.frame, *span)
            for answer, span in zip(answers, wanted.spans, strict=True)
            if len(answer.frame)
        ]
        words = f"of {symbol} from {start or 'the first'} to {end or 'now'}"
        if not frames:
            raise DataError(
                f"Yahoo has no prices {words}. Check the spelling and the dates. {wanted.note}"
            )
        made = clean(
            symbol,
            pd.concat(frames),
            interval=interval,
            session_ends={day: end for each in answers for day, end in each.session_ends.items()},
            now=pd.Timestamp.now("UTC"),
        )
        if made.frame.empty:
            raise DataError(f"Yahoo has no finished bars {words}. Choose other dates.")
        _check_prices(symbol, made.frame)
        repeated = sum(answer.repeated for answer in answers)
        return replace(made, repeated=repeated, note=wanted.note)

    def _ask(self, symbol: str, interval: str, first: str | None, after: str | None) -> Answer:
        with self._connecting:
            self._connection = self._connection or Connection(self.throttle, self.timeout_s)
        for attempt in itertools.count(1):
            try:
                return self._connection.history(symbol, interval, first, after)
            except NotAsked:
                raise
            except SourceError as error:
                # A connection that fails twice is not about to come back; a busy server may be.
                tries = min(self.tries, 2) if isinstance(error, Unreachable) else self.tries
                if attempt >= tries:
                    raise SourceError(f"{error} Tried {attempt} times; try again later.") from error
        raise AssertionError


def _cut(frame: pd.DataFrame, first: str | None, after: str | None) -> pd.DataFrame:
    """The bars inside a window, so that neighbours share none."""
    starts = pd.DatetimeIndex(frame.index)
    inside = starts == starts
    if first is not None:
        inside &= starts >= pd.Timestamp(first, tz=starts.tz)
    if after is not None:
        inside &= starts < pd.Timestamp(after, tz=starts.tz)
    return frame.loc[inside]


def _check_prices(symbol: str, frame: pd.DataFrame) -> None:
    # A stretch without movement is no defect of a few bars: the store sees the whole history.
    if frame["adj_close"].nunique() == 1:
        return
    try:
        check_frame(symbol, frame)
    except DataError as error:
        raise DataError(f"Yahoo's prices cannot be used: {error}") from error
