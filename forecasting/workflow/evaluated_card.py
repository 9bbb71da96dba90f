"""The card of a model that has been judged: verdicts, calibration, where it fails."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from forecasting import __version__
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.audit_stamp import read_stamp
from forecasting.forecaster.model_folder import CARD, METRICS, read_folder, rewrite_card
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.openings import read_openings
from forecasting.forecaster.shipped import is_shipped
from forecasting.market.panel import Panel, day
from forecasting.report.captions import counted
from forecasting.training.card import EVALUATION, HOLDOUT, holdout_text, with_section
from forecasting.training.trials import LEDGER

_REFERENCE = "EWMA-t"
_WORST_TICKERS = 3
# Of an evaluation, what the metrics keep; parts of the span and rivals' details are left out.
_KEPT = (
    *("model", "horizons", "tickers", "start", "end", "n_dates", "scores", "verdicts", "overall"),
    *("location", "coverage", "calibration", "direction", "tails", "variance", "ranking", "notes"),
)


def is_full(
    model: NetworkForecaster,
    tickers: Sequence[str] | None,
    start: str | None,
    end: str | None,
    open_holdout: bool,
) -> bool:
    """Whether an evaluation is of all tickers and of the whole span neither seen nor sealed.

    Tickers that are named are all if every one of the training is among them.
    """
    whole = tickers is None or set(model.corpus.tickers) <= set(tickers)
    return whole and (start, end, open_holdout) == (None, None, False)


def write_evaluation(
    model: NetworkForecaster, made: Evaluation, prices: Panel, *, full: bool
) -> str:
    """Put a full evaluation on the card and into the metrics of a model's folder.

    Args:
        model: What was judged.
        made: The evaluation.
        prices: On which.
        full: What `is_full` says; a part of the tickers or dates says too little of the model.

    Returns:
        What became of it, in words: a folder that cannot be written keeps its card.
    """
    folder = model.folder
    if not full:
        return "card: not rewritten, as this is no full evaluation (all tickers, default dates)"
    if folder is None:
        return "card: not written, the model lies in no folder"
    if is_shipped(folder):
        return f"card: {folder / CARD} comes with the package and stays as it is"
    files = read_folder(folder)
    when = datetime.now(UTC).date().isoformat()
    judged = {"when": when, "version": __version__, "source": prices.source}
    judged |= {"vintage": prices.vintage, "audit": read_stamp(folder)}
    said = made.to_dict()
    kept = {key: _own(said[key], made.model) for key in _KEPT}
    card = with_section(files.card, EVALUATION, evaluation_text(made, judged))
    try:
        rewrite_card(folder, files.metrics | {"evaluation": judged | kept}, card)
    except OSError as error:
        return f"card: {folder} cannot be written to ({error.strerror}), so it stays as it was"
    return f"card: {folder / CARD}"


def _own(value: Any, model: str) -> Any:
    """A table's rows of the model itself, where it has rows of several forecasters."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return value
    return [row for row in value if row.get("forecaster", model) == model]


def write_openings(model: NetworkForecaster) -> None:
    """Show the openings of the hold-out on the card, of a folder that has just taken one."""
    if model.folder is not None:
        files = read_folder(model.folder)
        text = holdout_text(str(files.recipe.data.holdout), read_openings(model.folder))
        rewrite_card(model.folder, files.metrics, with_section(files.card, HOLDOUT, text))


def card_files(model: NetworkForecaster) -> tuple[Path, ...]:
    """Card and metrics of a model's folder."""
    return () if model.folder is None else (model.folder / CARD, model.folder / METRICS)


def evaluation_text(made: Evaluation, judged: dict[str, str]) -> str:
    """Text of the card's section on an evaluation.

    Args:
        made: The evaluation.
        judged: when, version, source, vintage, audit.
    """
    ledger = next((note for note in made.notes if note.startswith(LEDGER)), "")
    facts = {
        "judged on": f"{counted(len(made.tickers), 'ticker')} of {judged['source']}, "
        f"{day(made.start)} to {day(made.end)}, {counted(made.n_dates, 'date')}",
        "prices hash": f"`{judged['vintage']}`",
        "evaluated": f"{judged['when']} by version {judged['version']}; {judged['audit']}",
        "trials": ledger.removeprefix(LEDGER).strip(),
    }
    rows = [["", ""], *([name, value] for name, value in facts.items() if value)]
    parts = [_table(rows), "### Verdicts", _VERDICTS]
    parts += [_table(list(_verdicts(made))), "### Calibration", _CALIBRATION]
    parts += [_table(list(_coverage(made))), "### Where it fails", _FAILS]
    parts += ["\n".join(_failures(made))]
    return "\n\n".join(parts)


_VERDICTS = (
    "Gain in nats a bar over each rival (positive: this model is better), t and verdict, two-sided "
    "at 5 %:\nDiebold-Mariano on date means, Newey-West errors."
)
_CALIBRATION = (
    "Share of outcomes inside the central interval of that probability, and its standard error."
)
_FAILS = f"Smallest gains over {_REFERENCE}, in nats a bar; of so many groups some are luck."


def _table(rows: list[list[str]]) -> str:
    """A Markdown table, its head first."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def _bars(horizon: int) -> str:
    return f"{horizon} bar{'s' if horizon > 1 else ''} ahead"


def _verdicts(made: Evaluation) -> Iterator[list[str]]:
    yield ["against", *map(_bars, made.horizons)]
    for rival in made.rivals:
        rows = _by_horizon(made.verdicts[made.verdicts["rival"] == rival])
        yield [rival, *(_verdict(rows[h], "gain", "+.4f") for h in made.horizons)]
    overall = _by_horizon(made.overall[made.overall["against"] == "baselines"])
    yield ["**all baselines**", *(f"**{overall[h]['verdict']}**" for h in made.horizons)]
    seen = (overall[h]["detectable"] for h in made.horizons)
    cells = ["-" if math.isnan(gain) else f"{gain:.4f}" for gain in seen]
    yield ["gain over the best baseline that this span could have seen (80 % power)", *cells]
    location = _by_horizon(made.location)
    yield ["a mean of zero (R2)", *(_verdict(location[h], "r2", "+.3%") for h in made.horizons)]


def _by_horizon(table: pd.DataFrame) -> dict[int, dict[Any, Any]]:
    return {row["horizon"]: row for row in table.to_dict("records")}


def _verdict(row: Mapping[Any, Any], value: str, form: str) -> str:
    t = "" if math.isnan(row["t"]) else f", t {row['t']:+.1f}"
    return f"{row[value]:{form}}{t}: {row['verdict']}"


def _coverage(made: Evaluation) -> Iterator[list[str]]:
    own = made.coverage[made.coverage["forecaster"] == made.model]
    yield ["", *(f"{level:.0%}" for level in own["level"].unique())]
    for horizon, rows in own.groupby("horizon"):
        shares = zip(rows["coverage"], rows["standard_error"], strict=True)
        cells = [
            f"{share:.1%}" + ("" if math.isnan(error) else f" ± {100 * error:.1f}")
            for share, error in shares
        ]
        yield [_bars(int(str(horizon))), *cells]
    after = made.conformal[made.conformal["forecaster"] != made.model]
    for horizon, rows in after.groupby("horizon"):
        covered = [f"{share:.1%}" for share in rows["coverage"]]
        yield [f"{_bars(int(str(horizon)))}, calibrated", *covered]


def _failures(made: Evaluation) -> Iterator[str]:
    table = made.breakdown[made.breakdown["rival"] == _REFERENCE]
    for horizon in made.horizons:
        at = table[table["horizon"] == horizon].sort_values("gain", kind="stable")
        worst = []
        for by, count in (("year", 1), ("volatility", 1), ("ticker", _WORST_TICKERS)):
            for row in at[at["by"] == by].head(count).to_dict("records"):
                name = f"{row['group']} volatility" if by == "volatility" else row["group"]
                worst.append(f"{name} {row['gain']:+.4f}")
        yield f"- {_bars(horizon)}: {', '.join(worst)}."
