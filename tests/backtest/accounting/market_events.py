"""A tape as the events that an account hears, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from forecasting.backtest.tape.tape import Tape


@dataclass
class Dividend:
    ticker: str
    per_share: float


@dataclass
class Split:
    ticker: str
    ratio: float


@dataclass
class Accrual:
    years: float


@dataclass
class Quote:
    """A chance to trade; what was known of the ticker at the close before comes with it."""

    ticker: str
    price: float
    half_spread: float
    volatility: float
    volume: float


@dataclass
class Close:
    bar: int
    marks: dict[str, float]
    present: dict[str, bool]
    member: dict[str, bool]
    is_last: bool


Event = Dividend | Split | Accrual | Quote | Close


def events(tape: Tape) -> Iterator[Event]:
    """All that happens on a tape, in the order in which an account learns of it."""
    last = len(tape.times) - 1
    for bar in range(last + 1):
        columns = list(enumerate(tape.tickers))
        if bar > 0:
            for k, name in columns:
                yield Dividend(name, float(tape.dividend[bar, k]))
            for k, name in columns:
                yield Split(name, float(tape.split[bar, k]))
            yield Accrual(float(tape.elapsed[bar]))
            for k, name in columns:
                yield Quote(
                    name,
                    float(tape.fill[bar, k]),
                    float(tape.half_spread[bar - 1, k]),
                    float(tape.volatility[bar - 1, k]),
                    float(tape.volume[bar - 1, k]),
                )
        yield Close(
            bar,
            marks={name: float(tape.mark[bar, k]) for k, name in columns},
            present={name: bool(tape.present[bar, k]) for k, name in columns},
            member={name: tape.member is None or bool(tape.member[bar, k]) for k, name in columns},
            is_last=bar == last,
        )
