"""When the next request may go out: one rate for all threads, pauses, and an end.

Yahoo counts requests by address, not by symbol, so whoever it refuses speaks for all.
"""

import math
import random
import threading
import time

from forecasting.errors import SourceError


class NotAsked(SourceError):
    """A request that was not sent because the source had refused those before it."""


class Throttle:
    """A token bucket of one token, a pause after each refusal, and a circuit breaker.

    After the n-th refusal in a row nobody asks for `backoff_s * 2**(n - 1)` seconds, give or take
    half (so that two processes do not return together), or for as long as the server asks for.
    After `patience` refusals in a row (half as many where it is not even reached), or where it asks
    for more than `longest_pause_s`, nobody asks at all any more.

    Args:
        rate: Requests a second; infinite for no spacing.
        backoff_s: Pause after the first refusal.
        longest_pause_s: Longest pause that is waited for.
        patience: Refusals in a row after which to stop asking.
    """

    def __init__(
        self,
        rate: float | int = 1.0,
        *,
        backoff_s: float | int = 1.0,
        longest_pause_s: float | int = 120.0,
        patience: int = 8,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"rate is {rate}, expected requests a second above zero")
        self.spacing_s = 0.0 if math.isinf(rate) else 1.0 / rate
        self.backoff_s = backoff_s
        self.longest_pause_s = longest_pause_s
        self.patience = patience
        self._changed = threading.Condition()
        self._next_at = 0.0
        self._paused_until = 0.0
        self._refusals = 0
        self._stopped: str | None = None

    @property
    def stopped(self) -> str | None:
        """Why nobody asks any more, or None."""
        return self._stopped

    @property
    def pause_s(self) -> float:
        """Seconds until somebody may ask again after a refusal; 0 without one, or for good."""
        return 0.0 if self._stopped else max(0.0, self._paused_until - time.monotonic())

    def take(self) -> None:
        """Wait until one request may go out.

        Raises:
            NotAsked: Nobody asks any more.
        """
        with self._changed:
            while True:
                if self._stopped is not None:
                    raise NotAsked(f"not asked, because {self._stopped}")
                now = time.monotonic()
                wait = max(self._next_at, self._paused_until) - now
                if wait <= 0:
                    self._next_at = now + self.spacing_s
                    return
                self._changed.wait(wait)

    def answered(self) -> None:
        """Note an answer that made sense: the refusals before it are forgiven."""
        with self._changed:
            self._refusals = 0

    def refused(
        self, reason: str, *, retry_after_s: float | int | None = None, reached: bool = True
    ) -> None:
        """Note a refusal, a failure of the server or no answer at all.

        Args:
            reason: What happened, a few words.
            retry_after_s: For how long the server asks not to be asked.
            reached: Whether there was an answer.
        """
        with self._changed:
            self._refusals += 1
            pause = self.backoff_s * 2 ** (self._refusals - 1) * random.uniform(0.5, 1.5)
            pause = min(pause, self.longest_pause_s) if retry_after_s is None else retry_after_s
            self._paused_until = max(self._paused_until, time.monotonic() + pause)
        if pause > self.longest_pause_s:
            self.stop(f"Yahoo asks to be left alone for {pause / 60:.0f} minutes ({reason}).")
        elif self._refusals >= (self.patience if reached else self.patience // 2):
            self.stop(f"Yahoo failed {self._refusals} times in a row, the last time: {reason}.")

    def stop(self, reason: str) -> None:
        """Let nobody ask any more; who waits stops waiting. The first reason stays."""
        with self._changed:
            self._stopped = self._stopped or reason
            self._changed.notify_all()
