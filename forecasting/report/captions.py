"""What the numbers mean: the same sentences on the terminal and on the page."""

from collections.abc import Iterable

from forecasting.evaluation.evaluation import Evaluation
from forecasting.market.survivorship import MEMBERS, SURVIVORS

IN_SAMPLE = "IN SAMPLE"
"""How the warning begins that a span reaches into what the model has seen."""

VERDICTS = (
    "The whole distribution is judged by its log score; the last row asks only whether the "
    "predicted mean beats a mean of zero. The numbers and their tests stand below."
)
NOT_MATCHED_FOR_RISK = (
    "These verdicts compare mean returns, which are not matched for risk: an account may beat or "
    "lose to another only because it takes more or less of it."
)
STATISTICS = (
    "CAGR, volatility, Sharpe, turnover (buys and sells both count, 1.0 is the whole account) and "
    "costs are a year's; drawdown is the deepest fall from a high."
)
LOCATION = (
    "Out-of-sample R2 of the predicted mean against a mean of zero, and the test of the squared "
    "errors: does the model know which way, not only how wide?"
)
FORECASTS = (
    "vol (the standard deviation) and the quantiles 5% to 95% are of the log return over so many "
    "bars, P(up) is the probability of a rise; price is the adjusted close that they start from."
)


def scores(model: str) -> str:
    """What the columns of a score table are."""
    return (
        "NLL in nats a bar and CRPS in bps of log return: smaller is better. 50%, 80%, 95%: share "
        "of outcomes inside the central interval of that probability. Gain: nats a bar that "
        f"{model} is better by; t: Diebold-Mariano on date means, Newey-West errors; detect: the "
        "gain that this span would show with 80 % power. Verdicts are two-sided at 5 %."
    )


def summary(evaluation: Evaluation) -> str:
    """The verdicts counted."""
    found = list(evaluation.verdicts["verdict"])
    return (
        f"{evaluation.model} against {len(evaluation.rivals)} baselines at "
        f"{len(evaluation.horizons)} horizons: BEATS {found.count('BEATS')}, NO EVIDENCE "
        f"{found.count('NO EVIDENCE')}, LOSES {found.count('LOSES')}."
    )


def chosen(notes: Iterable[str]) -> str:
    """How the tickers were chosen: the universe among the notes, else the survivorship warning."""
    return next((note for note in notes if note.startswith(MEMBERS)), SURVIVORS)


def warnings_first(notes: Iterable[str]) -> tuple[list[str], list[str]]:
    """Notes without repeats: those that void the result, and the others.

    The survivorship warning, or the universe in its place, is in neither: `chosen` is printed
    whatever the notes say.
    """
    unique = [note for note in dict.fromkeys(notes) if not note.startswith((SURVIVORS, MEMBERS))]
    loud = [note for note in unique if note.startswith(IN_SAMPLE)]
    return loud, [note for note in unique if note not in loud]
