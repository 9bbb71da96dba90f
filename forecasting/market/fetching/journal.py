"""What the last fetch was asked for and how far it came, so that it can go on.

One small JSON file in the store's folder, rewritten whole after each ticker; a fetch that is killed
leaves it as it was after the last one. The next fetch overwrites it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.atomic_file import write_atomically


@dataclass
class FetchJournal:
    """The last fetch.

    Attributes:
        source: Where from.
        interval: Bar length.
        start: First day, or None for all that the source has.
        end: Last day, or None for the last finished bar.
        waiting: Tickers not tried so far, in order.
        failed: Ticker to the reason.
        stored: Tickers that arrived.
    """

    source: str
    interval: str
    start: str | None
    end: str | None
    waiting: list[str]
    failed: dict[str, str] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)

    @property
    def left(self) -> tuple[str, ...]:
        """The tickers that did not arrive: not tried, then failed."""
        return (*self.waiting, *self.failed)

    def retry(self) -> None:
        """Let the failed tickers wait again, behind those that were never tried."""
        self.waiting, self.failed = list(self.left), {}

    def arrived(self, ticker: str) -> None:
        """Note that a ticker is stored."""
        self.waiting.remove(ticker)
        self.stored.append(ticker)
        self.write()

    def refused(self, ticker: str, reason: str) -> None:
        """Note that a ticker did not arrive, and why."""
        self.waiting.remove(ticker)
        self.failed[ticker] = reason
        self.write()

    def write(self) -> None:
        """Put it on the disk.

        Raises:
            DataError: The store's folder cannot be written.
        """
        try:
            write_atomically(_path(), json.dumps(asdict(self), indent=1).encode() + b"\n")
        except OSError as error:
            raise DataError(
                f"{_path()} cannot be written ({error.strerror or error}): fetching needs a store. "
                "Set FORECASTING_HOME to a folder that can."
            ) from error


def last_fetch() -> FetchJournal:
    """The journal of the last fetch.

    Raises:
        DataError: There was none, or its file is damaged.
    """
    try:
        content = json.loads(_path().read_bytes())
        journal = FetchJournal(**content)
        _check_texts(journal.waiting, [*journal.failed], journal.stored)
    except FileNotFoundError as error:
        raise DataError(
            "there is no fetch to resume: name the tickers, as in `forecasting fetch AAPL MSFT`."
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{_path()} is damaged ({str(error)[:80]}): start the fetch anew; tickers that are in "
            "the store are only brought up to date."
        ) from error
    return journal


def _check_texts(*lists: Sequence[str]) -> None:
    for texts in lists:
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise ValueError("expected lists of tickers")


def _path() -> Path:
    return paths.store() / ".fetch" / "last.json"
