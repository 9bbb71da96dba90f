"""Would a strategy without knowledge have done as well? The same holdings, of other names and days.

A random strategy makes the decisions of the given one with its tickers dealt out anew, once for the
whole span, and its decisions rotated in time. So it holds as much, as spread out, for as long, and
trades as often; what it lost is the connection between what is held and what happens next. It is
traded on the same tape with the same costs and terms. Where a rotation begins anew the portfolio is
exchanged once more, which shows in the turnover of strategies that trade little.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.simulate import simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.performance import LEAST_BARS, cagr, sharpe
from forecasting.backtest.statistics.shuffled_decisions import AccountDecisions, Shuffled, deal
from forecasting.backtest.statistics.trading import exposure, turnover
from forecasting.backtest.tape.tape import Tape

LEAST_DIFFERENCE = 0.05
"""Share of holdings in which random strategies have to differ from the given one on average."""
_CELLS = 20_000  # (configuration, ticker) in one simulation: they stay in the cache


@dataclass(frozen=True, eq=False)
class RandomStrategies:
    """A strategy among random ones.

    Attributes:
        sharpes: Annual Sharpe ratios of the random strategies.
        cagrs: Their annual growth, decimal.
        turnovers: Their turnover, times a year.
        exposures: Their mean gross exposure, share of equity.
        sharpe: The strategy's own; likewise `turnover` and `exposure`.
        turnover: See `sharpe`.
        exposure: See `sharpe`.
        percentile: Share of random strategies with a lower Sharpe ratio, ties counted half, in
            [0, 1]; NaN where there is nothing to compare.
        note: Why there is nothing to compare; empty otherwise.
    """

    sharpes: Float[np.ndarray, " strategy"]
    cagrs: Float[np.ndarray, " strategy"]
    turnovers: Float[np.ndarray, " strategy"]
    exposures: Float[np.ndarray, " strategy"]
    sharpe: float
    turnover: float
    exposure: float
    percentile: float
    note: str = ""

    @property
    def error(self) -> float:
        """Binomial standard error of the percentile, sqrt(p (1 - p) / n)."""
        if math.isnan(self.percentile):
            return math.nan
        return math.sqrt(self.percentile * (1 - self.percentile) / len(self.sharpes))

    def sentence(self) -> str:
        """The percentile, and what was matched."""
        if self.note:
            return self.note
        return (
            f"Better than {self.percentile:.1%} (± {self.error:.1%}) of {len(self.sharpes)} random "
            f"strategies by Sharpe ratio; they turn over {self.turnovers.mean():.3g} times a year "
            f"({self.turnovers.min():.3g} to {self.turnovers.max():.3g}; the strategy "
            f"{self.turnover:.3g}) and hold {self.exposures.mean():.2f} of equity (the strategy "
            f"{self.exposure:.2f})."
        )


def random_strategies(
    tape: Tape,
    own: Ledger,
    costs: Costs,
    account: AccountTerms,
    bars_per_year: float | int,
    *,
    n: int = 200,
    seed: int = 0,
) -> RandomStrategies:
    """Place an account among n random strategies of its turnover and exposure.

    What a random strategy wants of a ticker that is not listed at the bar, or no member of the
    universe, goes to nobody: its exposure is lower then, and `RandomStrategies` tells by how much.

    Args:
        tape: On which `own` was simulated.
        own: The strategy's ledger; its decisions are read from the trades, so that rules which
            depend on holdings are matched, too.
        costs: As for `own`.
        account: As for `own`.
        bars_per_year: Bars in a year.
        n: Random strategies.
        seed: The same seed gives the same ones.
    """
    decisions = AccountDecisions.of(tape, own)
    rng = np.random.default_rng(seed)
    order, shift = deal(tape, n, decisions, rng)
    none = np.empty(0)
    placed = RandomStrategies(
        sharpes=none,
        cagrs=none,
        turnovers=none,
        exposures=none,
        sharpe=float(sharpe(own.returns, bars_per_year)),
        turnover=float(turnover(own.traded, own.equity, bars_per_year)),
        exposure=float(exposure(own.gross, own.equity)),
        percentile=math.nan,
        note=_nothing_to_compare(own, decisions, order, shift),
    )
    if placed.note:
        return placed
    sharpes, cagrs, turnovers, exposures = _trade(
        tape, Shuffled(decisions, order, shift), costs, account, bars_per_year
    )
    # A random strategy without a Sharpe ratio, an idle one, stands at zero.
    found = np.nan_to_num(sharpes, nan=0.0)
    beaten = float((found < placed.sharpe).mean() + (found == placed.sharpe).mean() / 2)
    return replace(
        placed,
        sharpes=sharpes,
        cagrs=cagrs,
        turnovers=turnovers,
        exposures=exposures,
        percentile=beaten,
    )


def _trade(
    tape: Tape, policy: Shuffled, costs: Costs, account: AccountTerms, bars_per_year: float | int
) -> Float[np.ndarray, "4 strategy"]:
    """Sharpe ratio, growth, turnover and gross exposure of random strategies."""
    at_once = max(1, _CELLS // len(tape.tickers))
    pieces = []
    for at in range(0, len(policy.shift), at_once):
        some = slice(at, at + at_once)
        part = replace(policy, order=policy.order[some], shift=policy.shift[some])
        size = len(part.shift)
        batch = simulate_batch(tape, part, [costs] * size, [account] * size)
        found = (
            sharpe(batch.returns, bars_per_year),
            cagr(batch.equity, bars_per_year),
            turnover(batch.traded, batch.equity, bars_per_year),
            exposure(batch.gross, batch.equity),
        )
        pieces.append(np.array(found))
    return np.concatenate(pieces, axis=1)


def _nothing_to_compare(
    own: Ledger, decisions: AccountDecisions, order: np.ndarray, shift: np.ndarray
) -> str:
    """Why random strategies tell nothing of an account, in a sentence; empty if they do."""
    if len(own.returns) < LEAST_BARS:
        return f"Not placed among random strategies: {len(own.returns)} bars are too few."
    weights = decisions.held[decisions.first + 1 :]
    size = float(np.abs(weights).sum())
    if size == 0:
        return "Not placed among random strategies: the account never held anything."
    differs = [
        float(np.abs(np.roll(weights, by, axis=0)[:, dealt] - weights).sum()) / (2 * size)
        for dealt, by in zip(order[:20], shift[:20], strict=True)
    ]
    if float(np.mean(differs)) < LEAST_DIFFERENCE:
        return (
            "Not placed among random strategies: it holds the same at all times, so that other "
            "names and days make no other strategy."
        )
    return ""
