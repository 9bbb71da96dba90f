"""What the numbers mean: the same sentences on the terminal and on the page."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from forecasting.evaluation.comparison.blocks import REPETITIONS
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecast.significance import Verdict
from forecasting.market.survivorship import MEMBERS, SURVIVORS

AUDIT = "LEAK AUDIT"
"""How the note begins that says whether the model's pipeline was searched for leaks."""

IN_SAMPLE = "IN SAMPLE"
"""How the warning begins that a span reaches into what the model has seen."""

HOLDOUT = "HOLD-OUT"
"""How the notes begin that say when the sealed hold-out was opened."""

RUINED = "account was ruined"
"""What the note says that an account lost all it had."""

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
    "costs are a year's; drawdown is the deepest fall from a high. Deflated Sharpe: the "
    "probability that the true Sharpe ratio is above what the best of so many trials has by luck. "
    "PBO, the probability of backtest overfitting: how often the configuration that is best on one "
    "half of the bars is no better than the median on the other."
)
KEY_NUMBERS = (
    "Calmar: CAGR over the deepest drawdown. Tail ratio: size of the return that 5 % of bars "
    "exceed over that of the return that 5 % fall below; above 1 the gains have the longer tail. "
    "Break-even cost: what each trade could have cost, in bps of the traded sum, with nothing "
    "earned and nothing lost; negative where money was lost before costs."
)
LOCATION = (
    "Out-of-sample R2 of the predicted mean against a mean of zero, and the test of the squared "
    "errors: does the model know which way, not only how wide?"
)
FORECASTS = (
    "vol (the standard deviation) and the quantiles 5% to 95% are of the log return over so many "
    "bars, P(up) is the probability of a rise; price is the adjusted close that they start from."
)


CONFORMAL = (
    "Calibrated: the 90 % band after adaptive conformal calibration, which follows what was known "
    "at each bar; width in log returns; worst year: the one whose coverage is farthest off."
)
CALIBRATION = (
    "50% to 95%: share of outcomes inside the model's central intervals; PIT p: of its normal "
    "scores being standard and independent (Berkowitz' restrictions, by date); VaR 1%, 5%: share "
    "of outcomes below those quantiles; Brier skill: of P(up) over the training span's base rate. "
    "*: differs from what its name promises (Brier skill: from zero) at two-sided 5 %."
)


def scores(model: str) -> str:
    """What the columns of a score table are."""
    return (
        "NLL in nats a bar: smaller is better; skill: of the CRPS over EWMA-t. 90%: share of "
        f"outcomes inside the central 90 % interval. Gain: nats a bar that {model} is better by; "
        "t: Diebold-Mariano on date means, Newey-West errors; detect: the gain that this span "
        "would show with 80 % power. Verdicts are two-sided at 5 %."
    )


def summary(evaluation: Evaluation) -> str:
    """The verdicts counted."""
    found = list(evaluation.verdicts["verdict"])
    counts = ", ".join(f"{verdict} {found.count(verdict)}" for verdict in Verdict)
    return (
        f"{evaluation.model} against {len(evaluation.rivals)} rivals at "
        f"{len(evaluation.horizons)} horizons: {counts}."
    )


def overall(evaluation: Evaluation) -> list[str]:
    """The verdict against all rivals together, a sentence or more a horizon."""
    rows = evaluation.overall.to_dict(orient="records")
    widest = {row["horizon"]: row for row in rows if row["against"] == "all"}
    said = []
    for row in rows:
        if row["against"] != "baselines":
            continue
        words, wider = f"{ahead(row['horizon'])}: {_verdict(row)}", widest.get(row["horizon"], row)
        if wider["best_rival"] != row["best_rival"] or wider["verdict"] != row["verdict"]:
            words += f" With the other rivals: {wider['verdict']}{_weakest(wider)}."
        if wider["confidence_set"]:
            words += f" May be the best (90 % set): {wider['confidence_set']}."
        said.append(words)
    return said


def standings(overall: pd.DataFrame) -> list[str]:
    """Who beats all baselines, with what power, and who may be the best, a sentence a horizon.

    Args:
        overall: As `Comparison.overall`.
    """
    said = []
    for horizon, rows in overall.groupby("horizon"):
        alone = rows[rows["against"] == "baselines"].to_dict(orient="records")
        groups: dict[str, list[str]] = {}
        for row in alone:
            groups.setdefault(row["verdict"], []).append(row["forecaster"])
        verdicts = "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in groups.items())
        margin = _margin(alone[0])
        best = rows[rows["against"] == "all"]["confidence_set"].iloc[0]
        may = f" May be the best (90 % set of recipes and baselines): {best}." if best else ""
        said.append(f"{ahead(int(str(horizon)))}, against all baselines: {verdicts}.{margin}{may}")
    return said


def _margin(row: Mapping[Hashable, Any]) -> str:
    """The gain over the best baseline, and which one the span could have seen."""
    if math.isnan(row["t"]):
        return ""
    gain = f"{row['gain_over_best']:+.4f} nats a bar over {row['best_rival']}"
    return f" {row['forecaster']}: {gain}; {row['detectable']:.4f} could have been seen."


def _verdict(row: Mapping[Hashable, Any]) -> str:
    rivals, least = f"{row['n_rivals']} baselines", 1 / REPETITIONS
    seen = f"this span could have seen gains of {row['detectable']:.4f} nats a bar."
    if row["verdict"] == Verdict.NOT_ENOUGH_DATA:
        return f"NOT ENOUGH DATA for a test against {rivals}."
    if row["verdict"] == Verdict.BEATS:
        return f"BEATS all {rivals}{_weakest(row)}; {seen}"
    if row["verdict"] == Verdict.LOSES:
        p = f"p < {least:.3f}" if row["spa_p"] < least else f"p {row['spa_p']:.3f}"
        return f"LOSES to the best of {rivals}{_weakest(row)}, {p} over all of them."
    return f"NO EVIDENCE: beats {row['n_beaten']} of {rivals}{_weakest(row)}; {seen}"


def _weakest(row: Mapping[Hashable, Any]) -> str:
    """The margin over the best rival."""
    t = "" if math.isnan(row["t"]) else f", t {row['t']:+.1f}"
    return f" ({row['gain_over_best']:+.4f} nats a bar over {row['best_rival']}{t})"


def parts(evaluation: Evaluation) -> list[str]:
    """Where the gain over the best baseline comes from, a line a horizon."""
    said = []
    for horizon in evaluation.horizons:
        years, regimes, tickers = (
            evaluation.over_best(horizon, by) for by in ("year", "volatility", "ticker")
        )
        worst = years.sort_values("gain").iloc[0]
        moods = ", ".join(
            f"{group} {gain:+.4f}"
            for group, gain in zip(regimes["group"], regimes["gain"], strict=True)
        )
        said.append(
            f"{ahead(horizon)}, over {worst['rival']}: better in {(years['gain'] > 0).sum()} of "
            f"{counted(len(years), 'year')} (worst {worst['group']}, {worst['gain']:+.4f}) and for "
            f"{(tickers['gain'] > 0).sum()} of {counted(len(tickers), 'ticker')}; by volatility: "
            f"{moods}."
        )
    return said


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ahead(horizon: int) -> str:
    """A horizon in words."""
    return counted(horizon, "bar")


def chosen(notes: Iterable[str]) -> str:
    """How the tickers were chosen: the universe among the notes, else the survivorship warning."""
    return next((note for note in notes if note.startswith(MEMBERS)), SURVIVORS)


def audit(notes: Iterable[str]) -> str:
    """The stamp of the leak audit among the notes, for the first line; empty without one."""
    return next((note for note in notes if note.startswith(AUDIT)), "")


def warnings_first(notes: Iterable[str]) -> tuple[list[str], list[str]]:
    """Notes without repeats: those that void the result, and the others.

    The survivorship warning, or the universe in its place, and the audit's stamp are in neither:
    `chosen` and `audit` have places of their own.
    """
    placed = (SURVIVORS, MEMBERS, AUDIT)
    unique = [note for note in dict.fromkeys(notes) if not note.startswith(placed)]
    loud = [note for note in unique if note.startswith((IN_SAMPLE, HOLDOUT)) or RUINED in note]
    return loud, [note for note in unique if note not in loud]
