"""The settings of a simulated market, and how they are written in the name of a source."""

import difflib
import re
from dataclasses import dataclass

from forecasting.errors import DataError
from forecasting.market.simulation.bars import DAILY_INTERVAL, INTERVALS, bars_a_day
from forecasting.market.simulation.laws import SIGNAL_IC
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.schedule import MIN_EVENT_BARS
from forecasting.market.source_settings import split_settings

MAX_TICKERS, MAX_DAYS = 5_000, 60_000
MAX_BARS = 60_000_000
"""Bars of all tickers together: 64 bytes each."""
DAYS, INTRADAY_DAYS = 3_000, 60
"""Days by default: of a market of daily bars, and of one of shorter bars."""

_PREFIX = "simulated"
_EXPECTED = {
    "tickers": "tickers=N",
    "bars": "bars=N",
    "seed": "seed=N",
    "interval": f"interval={'|'.join(INTERVALS)}",
    "events": "events=0|1",
    "ic": "ic=0.05 (a decimal from 0 to 0.5)",
}
_PATTERNS = {
    **dict.fromkeys(("tickers", "bars", "seed"), r"\d{1,18}"),
    "interval": "|".join(INTERVALS),
    "events": "[01]",
    "ic": r"0?\.\d{1,6}|0",
}


@dataclass(frozen=True)
class MarketSettings:
    """Which market to draw; equal settings give equal prices.

    Attributes:
        kind: A name out of `MARKETS`.
        n_tickers: Tickers `SIM01`, `SIM02`, ...
        n_bars: Business days from 2000-01-03, also where the bars are shorter.
        seed: Seed of everything that is drawn.
        interval: Bar length, out of `INTERVALS`.
        events: Whether there are corporate actions, halts, late listings and delistings.
        ic: Expected daily rank IC of the `cross-section` market; None for 0.05.

    Raises:
        DataError: A market or interval that does not exist, or a number out of range.
    """

    kind: str
    n_tickers: int = 8
    n_bars: int = DAYS
    seed: int = 0
    interval: str = DAILY_INTERVAL
    events: bool = False
    ic: float | None = None

    def __post_init__(self) -> None:
        _check_choice("simulated market", self.kind, tuple(MARKETS))
        _check_choice("interval of a simulated market", self.interval, INTERVALS)
        self._check_size()
        if self.events and self.n_bars < MIN_EVENT_BARS:
            raise DataError(
                f"a market with events came with {self.n_bars} bars: expected at least "
                f"{MIN_EVENT_BARS} days."
            )
        if self.kind != "cross-section" and self.ic is not None:
            raise DataError(f"ic came for the {self.kind} market: only cross-section has one.")
        if self.kind == "cross-section" and self.n_tickers < 2:
            raise DataError("a cross-section of 1 ticker: expected at least 2.")
        if self.ic is not None and not 0 <= self.ic <= 0.5:
            raise DataError(f"ic is {self.ic:g}: expected a rank correlation from 0 to 0.5.")

    def _check_size(self) -> None:
        if not (
            1 <= self.n_tickers <= MAX_TICKERS and 2 <= self.n_bars <= MAX_DAYS and self.seed >= 0
        ):
            raise DataError(
                f"a market of {self.n_tickers} tickers, {self.n_bars} bars, seed {self.seed}: "
                f"expected 1 to {MAX_TICKERS} tickers, 2 to {MAX_DAYS} bars and a seed of at least "
                "0."
            )
        total = self.n_tickers * self.n_bars * bars_a_day(self.interval)
        if total > MAX_BARS:
            raise DataError(
                f"a market of {self.n_tickers} tickers x {self.n_bars} days has {total} bars of "
                f"{self.interval}: expected at most {MAX_BARS}. Ask for fewer days or tickers, or "
                "stream them (stream_minutes)."
            )

    @property
    def parameters(self) -> dict[str, float]:
        """What the market's law takes beside the shocks."""
        if self.kind != "cross-section":
            return {}
        return {"ic": SIGNAL_IC if self.ic is None else self.ic}

    @property
    def tickers(self) -> tuple[str, ...]:
        """The names of the tickers."""
        return tuple(f"SIM{k + 1:02d}" for k in range(self.n_tickers))

    @property
    def label(self) -> str:
        """The market in words, for `Panel.source`."""
        extras = "" if self.interval == DAILY_INTERVAL else f", {self.interval}"
        extras += ", events" if self.events else ""
        extras += "" if self.ic is None else f", ic {self.ic:g}"
        return f"simulated {self.kind} market, seed {self.seed}{extras}"


def parse_name(name: str) -> MarketSettings:
    """Read the name of a simulated source, as `simulated-random-walk:seed=3,tickers=12,bars=2000`.

    Raises:
        DataError: Another market or setting, or a setting that came twice; names the nearest.
    """
    bare, found = split_settings(name)
    head, _, rest = bare.partition(":")
    if rest:
        raise DataError(_no_setting(rest, name))
    kind = head.removeprefix(_PREFIX).removeprefix("-") or next(iter(MARKETS))
    _check_choice("simulated market", kind, tuple(MARKETS))
    for key, value in found.items():
        if key not in _PATTERNS or not re.fullmatch(_PATTERNS[key], value):
            raise DataError(_no_setting(f"{key}={value}", name))
    interval = found.get("interval", DAILY_INTERVAL)
    days = DAYS if interval == DAILY_INTERVAL else INTRADAY_DAYS
    return MarketSettings(
        kind,
        int(found.get("tickers", MarketSettings.n_tickers)),
        int(found.get("bars", days)),
        int(found.get("seed", MarketSettings.seed)),
        interval,
        found.get("events") == "1",
        float(found["ic"]) if "ic" in found else None,
    )


def _no_setting(part: str, name: str) -> str:
    key = part.partition("=")[0]
    near = difflib.get_close_matches(key, _EXPECTED, n=1)
    if key in _EXPECTED:
        hint = f"expected {_EXPECTED[key]}."
    else:
        meant = f"did you mean {_EXPECTED[near[0]]}? Expected" if near else "expected"
        hint = f"{meant} {', '.join(_EXPECTED.values())}, separated by commas."
    return f"{part[:40]!r} in {name[:80]!r} is no setting of a simulated market: {hint}"


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = difflib.get_close_matches(value, choices, n=1)
        hint = f"did you mean {near[0]!r}? Expected" if near else "expected"
        raise DataError(f"no {what} {value[:40]!r}: {hint} one of {', '.join(choices)}.")
