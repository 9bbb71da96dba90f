"""Two accounts kept by hand: twenty-two trades, splits, dividends, shorts, interest and fees.

Each line of a ledger follows from the line above it and from the market's lines of the same bar:

    trade    = (weight * equity / close, all of the bar before, less shares) * split
    cash     = cash + dividend on shares + interest - borrow fee - trade * open - commission
    shares   = shares * split + trade
    equity   = cash + shares * close

The first test redoes these sums line by line in `Decimal`, the second asks the engine.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

import numpy as np
import pytest
from backtest.markets import make_raw_tape

from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs

COMMISSION = Decimal("0.001")
COSTS = Costs(commission_bps=10, slippage_bps=0, impact=0)
CENTS = Decimal("1e-8")


@dataclass(frozen=True)
class Account:
    """What happened to the tickers, what was wanted (- is no decision), and the hand's ledger.

    Attributes:
        capital: Cash at the first bar.
        whole: Whether shares are whole.
        rates: Daily cash yield, financing rate and borrow fee.
        market: For each ticker, a line a bar: open, close, split, dividend, target weight.
        ledger: A line a bar: trade of each ticker in shares, then shares of each ticker,
            dividends, interest, borrow fee, commission, cash, equity.
    """

    capital: str
    whole: bool
    rates: tuple[str, str, str]
    market: tuple[str, ...]
    ledger: str

    def lines(self, table: str) -> list[list[str]]:
        return [line.split() for line in table.strip().splitlines()]


# fmt: off
WHOLE_SHARES = Account(
    capital="10000",
    whole=True,
    rates=("0", "0", "0"),
    market=(
        """
        50    50    1    0     0.50
        50.5  51    1    0     0.60
        51    52    1    0     -
        26    26.5  2    0     0.40
        27    26    1    0     -
        25.5  25    1    0.5   0.25
        25    24    1    0     0
        23.5  24.5  1    0    -0.30
        25    26    1    0    -0.35
        26.5  26    1    0.4   0.10
        25    25.5  1    0     -
        """,
        """
        20    20    1    0    -0.30
        20.2  19.8  1    0    -0.30
        19.5  19    1    0     -
        19    18.5  1    0    -0.20
        18    18.2  1    0     -
        18.4  18.6  1    0    -0.45
        37    37.4  0.5  0    -0.40
        37    36.5  1    0.8   0.30
        36    35    1    0     0.25
        35.5  36    1    0.6   0
        36.4  37    1    0     -
        """,
    ),
    ledger="""
           0     0        0     0       0     0  0   0        10000       10000
         100  -150      100  -150       0     0  0   8.08      7971.92    10101.92
          18    -3      118  -153       0     0  0   0.9765    7111.4435  10340.4435
           0     0      236  -153       0     0  0   0         7111.4435  10534.9435
         -77    40      159  -113       0     0  0   2.799     8467.6445  10545.0445
           0     0      159  -113      79.5   0  0   0         8547.1445  10420.3445
         -55   -69.5    104  -126       0     0  0   3.9465   12489.698   10273.298
        -104    17        0  -109    -100.8   0  0   3.073    14200.825   10222.325
        -125   193     -125    84       0     0  0  10.073    10367.752   10057.752
         -10   -13     -135    71       0.4   0  0   0.7265   11093.9255  10139.9255
         173   -71       38     0       0     0  0   6.9094    9346.4161  10315.4161
    """,
)
FRACTIONS_AND_RATES = Account(
    capital="1000",
    whole=False,
    rates=("0.0001", "0.0002", "0.0001"),
    market=(
        """
         8     8    1    0      0.80
         8    10    1    0      1.50
        10    12.5  1    0      -
        12.5  12    1    0.25   1.00
        12    11    1    0     -0.50
        24    25    0.5  0      -
        25    20    1    0     -1.00
        20    22    1    0.5    0
        22    21    1    0      -
        """,
    ),
    ledger="""
           0             0             0            0           0           0           1000           1000
         100           100             0            0.1         0           0.8          199.3         1199.3
          79.895       179.895         0            0.01993     0           0.79895     -600.42902     1648.25848
           0           179.895        44.97375     -0.1200858   0           0           -555.5753558   1603.1646442
         -46.29794632  133.59705368    0           -0.11111507  0           0.55557536    -0.66669039  1468.90090009
        -100.18263821  -33.38411137    0           -0.00013334  0           2.40438332  2401.31210999  1566.70932574
           0           -33.38411137    0            0.24013121  0.08346028  0           2401.46878092  1733.78655352
         -53.30521631  -86.68932768  -16.692055685  0.24014688  0.06676822  1.06610433  3449.98832576  1542.8231168
          86.68932768    0             0            0.34499883  0.19071652  1.90716521  1541.0702339   1541.0702339
    """,  # noqa: E501
)
# fmt: on
ACCOUNTS = pytest.mark.parametrize("account", [WHOLE_SHARES, FRACTIONS_AND_RATES])


@ACCOUNTS
def test_each_line_follows_from_the_one_above(account: Account) -> None:
    tickers = range(len(account.market))
    market = [account.lines(table) for table in account.market]
    ledger = [[Decimal(cell) for cell in line] for line in account.lines(account.ledger)]
    cash_yield, financing, fee = (Decimal(rate) for rate in account.rates)
    for bar, (above, line) in enumerate(pairwise(ledger), start=1):
        *_, cash, equity = above
        earned = cash * (cash_yield if cash > 0 else financing)
        dividends = lent = commission = spent = worth = Decimal(0)
        for k in tickers:
            _, close_before, _, _, weight = market[k][bar - 1]
            open_, close, split, dividend = (Decimal(cell) for cell in market[k][bar][:4])
            held = above[len(tickers) + k]
            trade = Decimal(0)
            if weight != "-":
                wanted = Decimal(weight) * equity / Decimal(close_before)
                if account.whole:
                    wanted = wanted.quantize(Decimal(1), rounding=ROUND_DOWN)
                trade = (wanted - held) * split
            assert trade.quantize(CENTS) == line[k], (bar, k, "trade")
            assert held * split + line[k] == line[len(tickers) + k], (bar, k, "shares")
            dividends += held * dividend
            lent += max(-held, Decimal(0)) * Decimal(close_before) * fee
            spent += line[k] * open_
            commission += abs(line[k]) * open_ * COMMISSION
            worth += line[len(tickers) + k] * close
        paid = dividends, earned.quantize(CENTS), lent.quantize(CENTS), commission.quantize(CENTS)
        assert list(paid) == line[2 * len(tickers) : -2], bar
        left = cash + paid[0] + paid[1] - paid[2] - spent - paid[3]
        assert left.quantize(CENTS) == line[-2], (bar, "cash")
        assert (line[-2] + worth).quantize(CENTS) == line[-1], (bar, "equity")


@ACCOUNTS
def test_the_engine_keeps_the_same_ledger(account: Account) -> None:
    market = np.array([account.lines(table) for table in account.market]).transpose(2, 1, 0)
    opens, closes, split, dividend = market[:4].astype(float)
    decides = (market[4] != "-").all(axis=1)
    weights = np.where(market[4] == "-", "0", market[4]).astype(float)
    elapsed = np.full(len(opens), 1 / 365)
    tape = make_raw_tape(closes, opens, split=split, dividend=dividend, elapsed=elapsed)
    cash_yield, financing_rate, borrow_fee = (365 * float(rate) for rate in account.rates)
    ledger = simulate(
        tape,
        Targets(weights, decides),
        COSTS,
        AccountTerms(
            capital=float(account.capital),
            whole_shares=account.whole,
            cash_yield=cash_yield,
            financing_rate=financing_rate,
            borrow_fee=borrow_fee,
        ),
    )
    by_hand = np.array(account.lines(account.ledger), dtype=float).T
    engine = [
        *(ledger.trades / opens).T,
        *ledger.shares.T,
        ledger.dividends,
        ledger.interest,
        ledger.borrow,
        ledger.commission,
        ledger.cash,
        ledger.equity,
    ]
    # Of fractions the hand keeps eight decimals, line after line.
    np.testing.assert_allclose(engine, by_hand, rtol=0, atol=1e-9 if account.whole else 1e-6)


def test_there_are_twenty_trades_and_more() -> None:
    trades = [
        cell
        for account in (WHOLE_SHARES, FRACTIONS_AND_RATES)
        for line in account.lines(account.ledger)
        for cell in line[: len(account.market)]
    ]
    assert sum(cell != "0" for cell in trades) == 22
