"""yfinance, set up once and asked for one symbol at a time: the only file that knows yfinance.

`Ticker.history` is used; `yfinance.download` swallows errors and replaces the session of the whole
process. All threads share one session, as yfinance's own: its cookie and crumb are guarded by a
lock, and every thread has its own curl handle.
"""

import logging
import threading
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pandas as pd

from forecasting import paths
from forecasting.errors import DataError, ForecastingError, SourceError
from forecasting.market.yahoo.throttle import Throttle


class Unreachable(SourceError):
    """No answer at all."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What yfinance made of one answer.

    Attributes:
        frame: Bars, empty where Yahoo has none in the span.
        session_ends: Day to the end of its session, as far as Yahoo says: for daily bars that of
            the running or last one, for intraday bars all.
        repeated: Bars that came twice; yfinance keeps the first.
    """

    frame: pd.DataFrame
    session_ends: dict[pd.Timestamp, pd.Timestamp]
    repeated: int = 0


class Connection:
    """One session with Yahoo, for any number of threads: own cache folder, errors raised.

    The environment's `HTTPS_PROXY` and `REQUESTS_CA_BUNDLE` are honoured. yfinance is set up for
    the whole process, and its warnings and log lines are silenced: its errors are raised.

    Args:
        throttle: Which every request has to pass.
        timeout_s: Longest wait for one answer.
    """

    def __init__(self, throttle: Throttle, timeout_s: float | int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import yfinance
            from yfinance._http import new_session
            from yfinance.cache import set_cache_location
        warnings.filterwarnings("ignore", module="yfinance")
        logging.getLogger("yfinance").disabled = True
        set_cache_location(str(_private_folder()))
        yfinance.config.debug.hide_exceptions = False
        self.throttle = throttle
        self.timeout_s = timeout_s
        self._yfinance: Any = yfinance
        self._session = new_session()
        self._send = self._session.request
        self._session.request = self._request
        self._of_thread = threading.local()

    def history(self, symbol: str, interval: str, start: str | None, end: str | None) -> Answer:
        """Ask once for a symbol's bars.

        Args:
            symbol: Ticker as Yahoo spells it.
            interval: Bar length.
            start: First day in the exchange's zone; None for all that there is.
            end: The day after the last one; None for now.

        Raises:
            DataError: Yahoo does not know the symbol or the dates: asking again is vain.
            NotAsked: The throttle is closed.
            Unreachable: Yahoo was not reached, or not in time.
            SourceError: Yahoo failed: asking again may help.
        """
        from yfinance.data import YfData

        # Answers to past dates are memoised, failures too: each attempt asks afresh.
        YfData.cache_get.cache_clear()
        self._of_thread.symbol, self._of_thread.answer = symbol, None
        span = {"start": start, "end": end} if start else {"period": "max", "end": end}
        ticker = self._yfinance.Ticker(symbol, session=self._session)
        try:
            frame = ticker.history(
                interval=interval,
                auto_adjust=False,
                actions=True,
                keepna=True,
                timeout=self.timeout_s,
                **span,
            )
        except ForecastingError:
            raise
        except Exception as error:
            return self._judge(symbol, error)
        self.throttle.answered()
        metadata = ticker.get_history_metadata()
        if interval == "1d":
            # Asking for the sessions of daily bars would send one more request.
            period = metadata.get("currentTradingPeriod") or {}
            ends = [(period.get("regular") or {}).get("end")]
        else:
            ends = list(metadata["tradingPeriods"]["end"])
        sessions = {
            end.tz_localize(None).normalize(): end for end in ends if isinstance(end, pd.Timestamp)
        }
        return Answer(frame, sessions, _count_repeats(self._of_thread.answer))

    def _judge(self, symbol: str, error: Exception) -> Answer:
        """An empty answer is one; every other failure is raised as ours."""
        from yfinance.exceptions import YFPricesMissingError, YFTickerMissingError

        answer = self._of_thread.answer
        status = None if answer is None else answer.status_code
        said = getattr(error, "yahoo_reason", None) or ""
        # 401 and 403 come under the same exception, but mean that we are shut out.
        if isinstance(error, YFTickerMissingError) and status in (200, 400, 422):
            self.throttle.answered()
            silent = isinstance(error, YFPricesMissingError) and status == 200 and not said
            if silent or said.startswith("Data doesn't exist"):
                return Answer(pd.DataFrame(), {})
            raise DataError(
                f"Yahoo has no prices of {symbol} ({said.rstrip('.') or 'no data found'}). Check "
                "the spelling and the dates."
            ) from error
        reason = self._explain(error, status)
        # The others were counted where they came in.
        if status is not None and not _is_refusal(status):
            self.throttle.refused(reason)
        failure = Unreachable if status is None else SourceError
        raise failure(f"{symbol}: {reason}.") from error

    def _explain(self, error: Exception, status: int | None) -> str:
        if status is None and "Timeout" in type(error).__name__:
            return f"Yahoo did not answer within {self.timeout_s:g} seconds"
        if status is None:
            return f"Yahoo was not reached ({type(error).__name__}), check the connection"
        if status == 429:
            return "Yahoo says that there were too many requests (HTTP 429)"
        if status >= 400:
            return f"Yahoo failed with HTTP {status}"
        return f"Yahoo's answer cannot be read ({type(error).__name__})"

    def _request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send one request of yfinance's through the throttle, and remember a chart's answer."""
        self.throttle.take()
        is_chart = "/finance/chart/" in url
        if is_chart:
            self._of_thread.answer = None
        try:
            answer = self._send(method, url, *args, **{**kwargs, "timeout": self.timeout_s})
        except Exception as error:
            # The cookie's address may be blocked without harm.
            if is_chart:
                self.throttle.refused(self._explain(error, None), reached=False)
            raise
        if is_chart:
            self._note(answer)
        return answer

    def _note(self, answer: Any) -> None:
        self._of_thread.answer = answer
        if _is_refusal(answer.status_code):
            self.throttle.refused(
                f"HTTP {answer.status_code}",
                retry_after_s=_read_retry_after(answer.headers.get("Retry-After")),
            )
        if answer.status_code == 404:
            # yfinance would look for the symbol in five more places.
            self.throttle.answered()
            raise DataError(
                f"Yahoo has no prices of {self._of_thread.symbol} (HTTP 404). Check the spelling."
            )


def _is_refusal(status: int) -> bool:
    return status == 429 or status >= 500


def _read_retry_after(header: str | None) -> float | None:
    """Seconds out of a `Retry-After` header (RFC 9110, 10.2.3): a number, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _count_repeats(answer: Any) -> int:
    stamps = answer.json()["chart"]["result"][0]["timestamp"]
    return len(stamps) - len(set(stamps))


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
