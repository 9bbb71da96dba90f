"""Zero-shot: forecasts of tickers that no weight has seen, against log-HAR-t without them too.

us190 is dealt into five folds by a hash of the ticker's name (two share classes of one company may
fall apart: DISCA and DISCK do). A model is trained on four of them
and forecasts the fifth's tickers; the cells of all five are pooled. Its market features are, while
it forecasts, means over the whole panel at the same bar: what everybody knows at that close. The
weights, their normalisation and the baseline that they start as know the training tickers alone.
Both arms are trained without teachers, a fifth of the work; what was listed after 2016 is new to
both.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.outcome import Row
from benchmarks.skill_daily import broad_models
from benchmarks.skill_judging import fit_baselines, forecast_networks, steps
from benchmarks.skill_rows import BEATS, NOT_BETTER
from benchmarks.skill_setting import DAILY_DATES, REFERENCE, US190, Setting
from benchmarks.skill_training import Entry, Models, train_entries
from forecasting.evaluation.baselines import EwmaT, LogHarT
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.workflow.comparison import gain_table
from forecasting.workflow.comparison_looks import count_comparison
from forecasting.workflow.parent_run import open_parent_run
from forecasting.workflow.trainings import enter

FOLDS = 5
ZERO_SHOT, TRAINED_ON = "zero-shot", "trained-on"


def fold_of(ticker: str) -> int:
    """The fold of a ticker: the same on every machine, whatever the others are."""
    return int(hashlib.sha256(ticker.encode()).hexdigest(), 16) % FOLDS


def measure(setting: Setting) -> list[Row]:
    """Gains of zero-shot forecasts, and how much they lose to models that knew the tickers."""
    prices = setting.daily_prices(US190)
    folder = setting.folder("tickers")
    left_out = [tuple(t for t in prices.tickers if fold_of(t) == k) for k in range(FOLDS)]
    with open_parent_run("comparison", folder, resume=True) as run:
        entries = [_entry(setting, prices, k, tickers) for k, tickers in enumerate(left_out)]
        zero_shot = train_entries(entries, setting, run.run_id)
        everywhere = broad_models(setting, prices, run.run_id)
        models = zero_shot | {TRAINED_ON: everywhere[REFERENCE]}
        with count_comparison(models, setting.seeds, prices, run.run_id):
            cells = _pooled_cells(setting, models, prices, left_out)
        looks = trials(prices, setting.dates(DAILY_DATES)[1]).looks
    members = {
        name: [f"{name}, seed {seed}" for seed in setting.seeds] for name in (ZERO_SHOT, TRAINED_ON)
    }
    gains = gain_table(cells, members | {kind.name: [kind.name] for kind in (LogHarT, EwmaT)})
    return [*_rows(gains), Row("tickers", "test openings", looks, "looks")]


def _entry(setting: Setting, prices: Panel, fold: int, left_out: Sequence[str]) -> Entry:
    seen = prices.select([ticker for ticker in prices.tickers if ticker not in left_out])
    recipe = setting.recipe(REFERENCE, DAILY_DATES, teachers=False)
    name = f"fold-{fold}"
    folder = setting.folder("tickers") / name
    return Entry(name, enter(recipe, seen, folder, setting.seeds, resume=True), seen)


def _pooled_cells(
    setting: Setting, models: Models, prices: Panel, left_out: Sequence[Sequence[str]]
) -> list[Cells]:
    """The cells of every fold's left-out tickers, each scored by the models of its fold."""
    start = np.datetime64(setting.dates(DAILY_DATES)[1], "ns")
    span, folds = prices.between(start), []
    with steps(len(setting.seeds) * (FOLDS + 1) + 2 * FOLDS) as say:
        knowing = {TRAINED_ON: models[TRAINED_ON]}
        known = forecast_networks(knowing, setting.seeds, prices, say)[TRAINED_ON]
        for fold, tickers in enumerate(left_out):
            own = models[f"fold-{fold}"]
            made = forecast_networks({ZERO_SHOT: own}, setting.seeds, prices, say)[ZERO_SHOT]
            seen = [ticker for ticker in prices.tickers if ticker not in tickers]
            kinds = (EwmaT, LogHarT)
            baselines = fit_baselines(own[0], prices, start, kinds, say, seen)
            answers = [*(each.between(start) for each in (*made, *known)), *baselines]
            folds.append(common_cells(span, answers, tickers)[0])
    return [_pooled(parts) for parts in zip(*folds, strict=True)]


def _pooled(parts: Sequence[Cells]) -> Cells:
    """Cells of other tickers at one horizon as one; their laws are not kept."""
    scores: Mapping[str, pd.DataFrame] = {
        name: pd.concat([part.scores[name] for part in parts], ignore_index=True)
        for name in parts[0].scores
    }
    date, ticker, returns = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("date", "ticker", "returns")
    )
    return Cells(parts[0].horizon, date, ticker, returns, dict(scores), laws={})


def _rows(gains: pd.DataFrame) -> list[Row]:
    """Floors: t against log-HAR-t. Not worse than trained-on is the aim, and no floor."""
    rows = []
    for row in gains.to_dict(orient="records"):
        name, horizon = str(row["forecaster"]), int(row["horizon"])
        case = f"tickers h{horizon} {name}"
        if name != EwmaT.name:
            said = f"over EWMA-t: t {row['t']:+.1f}, {row['verdict']}"
            rows.append(Row(case, "gain", row["gain"], "nats", said))
        case, t, gain = f"tickers h{horizon} {ZERO_SHOT}", row["reference_t"], row["reference_gain"]
        if name == LogHarT.name:
            said = f"gain {-gain:+.4f}, Diebold-Mariano"
            rows.append(Row(case, f"t over {name}", -t, "", said, BEATS, "larger"))
        if name == TRAINED_ON:
            said = f"advantage {gain:+.4f} of {name}; up to {NOT_BETTER:g} is no worse"
            rows.append(Row(case, "t of trained-on", t, "", said))
    return rows
