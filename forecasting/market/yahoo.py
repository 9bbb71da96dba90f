"""Daily bars from Yahoo through yfinance: the only file that knows yfinance.

`Ticker.history` is asked for one symbol at a time; `yfinance.download` swallows errors and replaces
the session of the whole process. What the columns mean: `yahoo_bars`. Yahoo's terms allow personal
use: never commit these prices.
"""

import contextlib
import itertools
import logging
import random
import re
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from forecasting import paths
from forecasting.errors import DataError, SourceError
from forecasting.market.panel import check_frame
from forecasting.market.span import check_span
from forecasting.market.symbols import check_symbol
from forecasting.market.yahoo_bars import YahooBars, clean

# yfinance would look such a symbol up as a security number and answer with another one.
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


class Yahoo:
    """A polite client: one request line, spaced symbols, a few tries.

    The environment's `HTTPS_PROXY` and `REQUESTS_CA_BUNDLE` are honoured.

    Args:
        spacing_s: Least seconds between two symbols; Yahoo bans bursts.
        tries: Attempts a symbol where Yahoo is busy or does not answer.
        backoff_s: Wait before the second attempt; doubled each time, jittered by half.
        timeout_s: Longest wait for one answer.
    """

    def __init__(
        self,
        *,
        spacing_s: float = 1.0,
        tries: int = 4,
        backoff_s: float = 1.0,
        timeout_s: float = 20.0,
    ) -> None:
        self.spacing_s = spacing_s
        self.tries = tries
        self.backoff_s = backoff_s
        self.timeout_s = timeout_s
        self._next = 0.0
        self._client: _Client | None = None

    def bars(self, symbol: str, start: str | None = None, end: str | None = None) -> YahooBars:
        """Fetch one symbol's daily bars.

        Args:
            symbol: Ticker as Yahoo spells it.
            start: First day, `YYYY-MM-DD`; None for all that Yahoo has.
            end: Last day, included; None for the last finished one.

        Raises:
            DataError: No such symbol, no bars in the span, or bars that are no prices.
            SourceError: Yahoo was not reached, was busy at every attempt, or did not make sense.
        """
        check_symbol(symbol)
        check_span(start, end)
        if _ISIN.fullmatch(symbol):
            raise DataError(f"{symbol} is an ISIN: expected a ticker such as AAPL. Look it up.")
        self._client = self._client or _Client()
        time.sleep(max(0.0, self._next - time.monotonic()))
        try:
            answer = self._ask(self._client, symbol, start, end)
        finally:
            self._next = time.monotonic() + self.spacing_s
        bars = clean(answer.frame, answer.session_end, pd.Timestamp.now("UTC"))
        if bars.frame.empty:
            raise DataError(
                f"Yahoo has no finished bars of {symbol} from {start or 'the first'} to "
                f"{end or 'now'}. Choose other dates."
            )
        try:
            check_frame(symbol, bars.frame)
        except DataError as error:
            raise DataError(f"Yahoo's prices cannot be used: {error}") from error
        return bars

    def _ask(self, client: "_Client", symbol: str, start: str | None, end: str | None) -> "_Answer":
        for attempt in itertools.count(1):
            try:
                return client.history(symbol, start, end, self.timeout_s)
            except SourceError as error:
                # A connection that fails twice is not about to come back; a busy server may be.
                tries = self.tries if client.statuses else min(self.tries, 2)
                if attempt >= tries:
                    raise SourceError(f"{error} Tried {attempt} times; try again later.") from error
                time.sleep(self.backoff_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        raise AssertionError


@dataclass(frozen=True, eq=False)
class _Answer:
    frame: pd.DataFrame
    session_end: pd.Timestamp | None


class _Client:
    """yfinance, set up once: own cache folder, own session, errors raised."""

    def __init__(self) -> None:
        with _quiet():
            import yfinance
            from yfinance.cache import set_cache_location

            set_cache_location(str(_private_folder()))
            yfinance.config.debug.hide_exceptions = False
            self.session, self.statuses = _recording_session()
        self.yfinance: Any = yfinance

    def history(self, symbol: str, start: str | None, end: str | None, timeout: float) -> _Answer:
        """One attempt; a `SourceError` may pass with time, a `DataError` will not."""
        from yfinance.data import YfData
        from yfinance.exceptions import YFRateLimitError, YFTickerMissingError

        # Answers to past dates are memoised, failures too: each attempt asks afresh.
        YfData.cache_get.cache_clear()
        self.statuses.clear()
        # yfinance leaves the day `end` out.
        after = None if end is None else str((pd.Timestamp(end) + pd.Timedelta(days=1)).date())
        span = {"start": start[:10], "end": after} if start else {"period": "max", "end": after}
        try:
            with _quiet():
                ticker = self.yfinance.Ticker(symbol, session=self.session)
                frame = ticker.history(
                    interval="1d",
                    auto_adjust=False,
                    actions=True,
                    keepna=True,
                    timeout=timeout,
                    **span,
                )
                # Asking for the whole mapping would send one more request.
                session = ticker.get_history_metadata().get("currentTradingPeriod")
        except YFRateLimitError:
            raise SourceError("Yahoo says: too many requests (HTTP 429).") from None
        except Exception as error:
            status = self.statuses[-1] if self.statuses else None
            # 400: no data in these dates. 401 and 403, under the same exception: we are shut out.
            missing = isinstance(error, YFTickerMissingError) and status in (200, 400)
            if missing or status == 404:
                raise DataError(
                    f"Yahoo has no prices of {symbol} from {start or 'the first'} to "
                    f"{end or 'now'}. Check the spelling and the dates."
                ) from error
            raise SourceError(_reason(error, status)) from error
        return _Answer(frame, _session_end(session))


def _private_folder() -> Path:
    # yfinance's cookie cache is a pickle: nobody else may write there.
    folder = paths.store() / ".yfinance"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be made ({error.strerror}): fetching needs a store. Set "
            "FORECASTING_HOME to a folder that can be written."
        ) from error
    return folder


def _reason(error: Exception, status: int | None) -> str:
    if status is None:
        return f"Yahoo was not reached ({type(error).__name__}): check the connection."
    if status >= 400:
        return f"Yahoo failed with HTTP {status}."
    return f"Yahoo's answer cannot be read ({type(error).__name__})."


def _session_end(session: dict[str, Any] | None) -> pd.Timestamp | None:
    end = ((session or {}).get("regular") or {}).get("end")
    return end if isinstance(end, pd.Timestamp) else None


def _recording_session() -> tuple[Any, list[int]]:
    """A session that looks like a browser, and the HTTP states of its answers."""
    from yfinance._http import new_session

    statuses: list[int] = []
    session = new_session()
    send = session.request

    def request(*args: Any, **kwargs: Any) -> Any:
        response = send(*args, **kwargs)
        # Asking for the cookie always ends in 404.
        if "/finance/" in str(response.url):
            statuses.append(response.status_code)
        return response

    session.request = request
    return session, statuses


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep yfinance's own warnings and log lines away; its errors are raised."""
    logger = logging.getLogger("yfinance")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled
