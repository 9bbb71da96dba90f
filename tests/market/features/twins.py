"""Every feature of the catalogue once more: one value at a time, straight from its formula."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np

from forecasting.market.panel import COLUMNS, Panel

FLOOR = 0.01


class Ticker:
    """A ticker's own bars as plain lists, and the market's mean return at each of them."""

    def __init__(self, panel: Panel, ticker: int, decay: float) -> None:
        self.rows = [int(row) for row in np.flatnonzero(panel.mask[:, ticker])]
        for name in COLUMNS:
            setattr(self, name, [float(panel.column(name)[row, ticker]) for row in self.rows])
        days = [float(panel.times[row].astype("datetime64[s]").astype(float)) for row in self.rows]
        self.days = [math.nan] + [(b - a) / 86_400 for a, b in pairwise(days)]
        close = self.adj_close
        self.r = [math.nan] + [math.log(b / a) for a, b in pairwise(close)]
        adjusted = [o * a / c for o, a, c in zip(self.open, close, self.close, strict=True)]
        self.o = [math.nan] + [math.log(b / a) for a, b in zip(close, adjusted[1:], strict=False)]
        self.c = [math.log(c / o) for o, c in zip(self.open, self.close, strict=True)]
        self.dollars = [c * v for c, v in zip(self.close, self.volume, strict=True)]
        self.s = self.volatilities(decay)
        self.m: list[float] = []

    def volatilities(self, decay: float) -> list[float]:
        variance, out = math.nan, [math.nan] * len(self.r)
        for t in range(21, len(self.r)):
            seed = sum(r * r for r in self.r[1:22]) / 21
            variance = seed if t == 21 else decay * variance + (1 - decay) * self.r[t] ** 2
            out[t] = math.sqrt(variance)
        return out

    def range(self, t: int) -> float:
        return math.log(self.high[t] / self.low[t]) ** 2 / (4 * math.log(2))

    def garman_klass(self, t: int) -> float:
        range_ = math.log(self.high[t] / self.low[t])
        return range_**2 / 2 - (2 * math.log(2) - 1) * self.c[t] ** 2

    def rogers_satchell(self, t: int) -> float:
        o, h, low, c = (math.log(x[t]) for x in (self.open, self.high, self.low, self.close))
        return (h - o) * (h - c) + (low - o) * (low - c)


def tickers(panel: Panel, decay: float) -> list[Ticker]:
    made = [Ticker(panel, k, decay) for k in range(len(panel.tickers))]
    returns: dict[int, list[float]] = {}
    for each in made:
        for row, r in zip(each.rows, each.r, strict=True):
            if not math.isnan(r):
                returns.setdefault(row, []).append(r)
    for each in made:
        each.m = [
            sum(returns[row]) / len(returns[row]) if row in returns else math.nan
            for row in each.rows
        ]
    return made


Twin = Callable[[Ticker, int], float]


def window(values: list[float], n: int, t: int, skip: int = 0) -> list[float]:
    return values[t - skip - n + 1 : t - skip + 1]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def variance(values: list[float], over: int) -> float:
    return sum((x - mean(values)) ** 2 for x in values) / over


def trailing(name: str, n: int, skip: int = 0) -> Twin:
    return lambda x, t: math.asinh(
        sum(window(getattr(x, name), n, t, skip)) / (x.s[t] * math.sqrt(n))
    )


def ratio(of: Twin, n: int) -> Twin:
    return lambda x, t: math.log(
        mean([of(x, i) for i in range(t - n + 1, t + 1)]) / x.s[t] ** 2 + FLOOR
    )


def surprise(name: str) -> Twin:
    return lambda x, t: math.log(
        getattr(x, name)[t] / mean(window(getattr(x, name), 22, t, 1)) + FLOOR
    )


def yang_zhang(n: int) -> Twin:
    def twin(x: Ticker, t: int) -> float:
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        night, day = (variance(window(values, n, t), n - 1) for values in (x.o, x.c))
        session = mean([x.rogers_satchell(i) for i in range(t - n + 1, t + 1)])
        return math.log((night + k * day + (1 - k) * session) / x.s[t] ** 2 + FLOOR)

    return twin


def overnight_share(n: int) -> Twin:
    def twin(x: Ticker, t: int) -> float:
        night, day = (sum(y * y for y in window(values, n, t)) for values in (x.o, x.c))
        return night / (night + day)

    return twin


def downside_share(n: int) -> Twin:
    def twin(x: Ticker, t: int) -> float:
        returns = window(x.r, n, t)
        return sum(r * r for r in returns if r < 0) / sum(r * r for r in returns)

    return twin


def skewness(n: int) -> Twin:
    def twin(x: Ticker, t: int) -> float:
        returns = window(x.r, n, t)
        return math.asinh(mean([r**3 for r in returns]) / mean([r * r for r in returns]) ** 1.5)

    return twin


def reversal(n: int) -> Twin:
    return lambda x, t: math.asinh(
        sum(m - r for m, r in zip(window(x.m, n, t), window(x.r, n, t), strict=True))
        / (x.s[t] * math.sqrt(n))
    )


def illiquidity(x: Ticker, t: int) -> float:
    def impact(n: int) -> float:
        bars = [i for i in range(t - n + 1, t + 1) if x.dollars[i] > 0]
        return mean([abs(x.r[i]) / x.dollars[i] for i in bars])

    return math.log(impact(22) / impact(252) + FLOOR)


def slope(x: Ticker, t: int, n: int) -> float:
    own, market = window(x.r, n, t), window(x.m, n, t)
    products = [(r - mean(own)) * (m - mean(market)) for r, m in zip(own, market, strict=True)]
    return sum(products) / sum((m - mean(market)) ** 2 for m in market)


def idiosyncratic(n: int) -> Twin:
    def twin(x: Ticker, t: int) -> float:
        beta = slope(x, t, 252)
        left = sum(r - beta * m for r, m in zip(window(x.r, n, t), window(x.m, n, t), strict=True))
        return math.asinh(left / (x.s[t] * math.sqrt(n)))

    return twin


def residual_variance(x: Ticker, t: int) -> float:
    beta = slope(x, t, 66)
    left = [r - beta * m for r, m in zip(window(x.r, 66, t), window(x.m, 66, t), strict=True)]
    return math.log(variance(left, 66) / x.s[t] ** 2 + FLOOR)


def echo(of: Twin, lags: tuple[int, ...], h: int) -> Twin:
    def surprise(x: Ticker, j: int) -> float:
        before = [of(x, i) for i in range(j - 22, j)] if j >= 22 else [math.nan]
        usual = mean(before)
        return math.log(of(x, j) / usual + FLOOR) if usual > 1e-12 else math.nan

    def event(x: Ticker, e: int) -> float:
        around = [surprise(x, j) for j in range(e - h, e + h + 1)]
        return math.nan if any(math.isnan(u) for u in around) else max(around)

    def known(x: Ticker, bars: Iterable[int]) -> list[float]:
        return [m for m in (event(x, e) for e in bars) if not math.isnan(m)]

    def twin(x: Ticker, t: int) -> float:
        heard = known(x, (t + 1 - lag for lag in lags))
        usual = known(x, range(t - h - 251, t - h + 1))
        return mean(heard) - mean(usual) if heard and usual else 0 * of(x, t)

    return twin


def square(x: Ticker, t: int) -> float:
    return x.r[t] ** 2


def range_variance(x: Ticker, t: int) -> float:
    return x.range(t) + x.o[t] ** 2


HAR = (1, 5, 22, 66)
ECHOES = {"year": (251, 503), "quarter": (63, 126, 188)}

OWN: dict[str, Twin] = {
    "return_1": lambda x, t: math.asinh(x.r[t] / x.s[t - 1]),
    **{f"return_{n}": trailing("r", n) for n in (5, 22, 66)},
    "log_volatility": lambda x, t: math.log(x.s[t]),
    "log_gap": lambda x, t: math.log(x.days[t]),
    **{f"log_square_{n}": ratio(square, n) for n in HAR},
    **{f"log_range_{n}": ratio(range_variance, n) for n in HAR},
    "overnight": lambda x, t: math.asinh(x.o[t] / x.s[t - 1]),
    "volume_surprise": surprise("volume"),
    **{f"log_parkinson_{n}": ratio(Ticker.range, n) for n in HAR},
    **{f"log_garman_klass_{n}": ratio(Ticker.garman_klass, n) for n in HAR},
    **{f"log_rogers_satchell_{n}": ratio(Ticker.rogers_satchell, n) for n in HAR},
    **{f"log_realized_variance_{n}": ratio(lambda x, i: x.realized_variance[i], n) for n in HAR},
    **{f"log_realized_range_{n}": ratio(lambda x, i: x.realized_range[i], n) for n in HAR},
    **{f"log_yang_zhang_{n}": yang_zhang(n) for n in (5, 22, 66)},
    **{f"overnight_share_{n}": overnight_share(n) for n in (22, 66)},
    **{f"downside_share_{n}": downside_share(n) for n in (22, 66)},
    **{f"skewness_{n}": skewness(n) for n in (66, 252)},
    **{f"momentum_{n}": trailing("r", n - 21, 21) for n in (63, 126, 252)},
    **{f"reversal_{n}": reversal(n) for n in (5, 21)},
    "intraday": lambda x, t: math.asinh(x.c[t] / x.s[t - 1]),
    "overnight_22": trailing("o", 22),
    "intraday_22": trailing("c", 22),
    "max_return_22": lambda x, t: math.asinh(max(window(x.r, 22, t)) / x.s[t]),
    "dollar_volume_surprise": surprise("dollars"),
    "illiquidity_22": illiquidity,
    **{
        f"zero_share_{n}": lambda x, t, n=n: mean([float(r == 0) for r in window(x.r, n, t)])
        for n in (22, 66)
    },
    **{f"beta_{n}": lambda x, t, n=n: math.asinh(slope(x, t, n)) for n in (66, 252)},
    **{f"idiosyncratic_{n}": idiosyncratic(n) for n in (1, 22)},
    "log_idiosyncratic_66": residual_variance,
    **{
        f"echo_{kind}_{season}_{h}": echo(of, lags, h)
        for kind, of in (("square", square), ("range", range_variance))
        for season, lags in ECHOES.items()
        for h in (1, 3)
    },
}

MEANS = {
    "market_return": "return_1",
    "market_square": "log_square_1",
    "market_range": "log_range_1",
    "market_volatility": "log_volatility",
}
RANKS = {
    "rank_momentum": "momentum_252",
    "rank_reversal": "reversal_5",
    "rank_volatility": "log_volatility",
    "rank_volume": "volume_surprise",
    "rank_beta": "beta_252",
}


def value(name: str, market: list[Ticker], which: int, row: int) -> float:
    """A feature of one ticker at a row of the panel at which it and all others have one."""
    if name in OWN:
        return OWN[name](market[which], market[which].rows.index(row))
    base = MEANS.get(name) or RANKS[name]
    values = [value(base, market, k, row) for k in range(len(market))]
    if name in MEANS:
        return mean(values)
    below = sum(other < values[which] for other in values)
    equal = sum(other == values[which] for other in values)
    return 2 * (below + (equal - 1) / 2) / (len(values) - 1) - 1
