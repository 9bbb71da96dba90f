"""What may be said of a strategy, one plain sentence each."""

import math

from forecasting.backtest.book import Backtest, Comparison
from forecasting.forecast.significance import Verdict

UNCOUNTED = (
    "Nobody counted what else was tried on these bars: luck is judged as if this were the only "
    "trial."
)

_RUINED = (
    "It was ruined: equity fell to nothing or below, and the account rests from then on. The tests "
    "compare mean returns of all bars, which do not show it."
)

_IDLE = "It never traded: the account stayed in cash, and nothing here judges its choices."

_WORDS = {
    Verdict.BEATS: "It beat {against} net of all costs: {gain}",
    Verdict.LOSES: "It lost to {against} net of all costs: {gain}",
    Verdict.NO_EVIDENCE: "No evidence that it differs from {against} net of all costs: {gain}",
    Verdict.NOT_ENOUGH_DATA: "Not enough bars to compare it with {against}: {gain}",
}


def comparison_sentence(comparison: Comparison) -> str:
    """Whether the strategy beat cash or a benchmark net of costs, and by how much."""
    t, gain = comparison.test.t, comparison.per_year
    size = f"{abs(gain):.2%} a year {'more' if gain >= 0 else 'less'}"
    # A space that does not break keeps t and its number together.
    tested = size if math.isnan(t) else f"{size}, t\u00a0{t:+.1f}"
    return _WORDS[comparison.verdict].format(against=comparison.against, gain=f"{tested}.")


def fate(book: Backtest) -> str:
    """What became of the capital, which no test says: ruined, never traded, lost or earned."""
    if book.ledger.equity[-1] <= 0:
        return _RUINED
    if not book.ledger.traded.any():
        return _IDLE
    net, costs = book.costs_waterfall["net"], book.trades["costs"][book.strategy]
    return (
        f"It {'lost' if net < 0 else 'earned'} {abs(net):.1%} of its starting capital: "
        f"{net + costs:+z.1%} before trading costs, which took {costs:.1%}."
    )


def verdict_sentences(book: Backtest) -> list[str]:
    """What became of the capital, if it beat cash and each benchmark, and if that was luck."""
    said = [fate(book), *map(comparison_sentence, book.comparisons), book.luck.sentence()]
    return said if book.trial_sharpes is not None else [*said, UNCOUNTED]
