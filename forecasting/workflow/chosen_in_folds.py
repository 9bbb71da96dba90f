"""A walk-forward traded with parameters that each fold chooses on the bars before it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.backtest.book import Backtest
from forecasting.backtest.sweep.chosen_in_folds import chosen_in_folds as trade_chosen
from forecasting.backtest.sweep.chosen_in_folds import require_choosable
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.prepare import prepare
from forecasting.backtest.sweep.sweep import SweepProgress
from forecasting.errors import ConfigError
from forecasting.market.folds.walk_forward import walk_forward_folds
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import open_trial
from forecasting.workflow.arguments import require_bars, require_walk_forward, terms_of
from forecasting.workflow.counting import backtest_scores, trial_sharpes
from forecasting.workflow.out_of_fold import out_of_fold
from forecasting.workflow.sweep import as_grid
from forecasting.workflow.walk_forward.manifest import find_walk_forward, read_manifest
from forecasting.workflow.walk_forward.outcome import WalkForward


def chosen_in_folds(
    walk: WalkForward | str | Path,
    prices: Panel,
    grid: Grid | Mapping[str, Any] | Sequence[str],
    *,
    strategy: str | Path | Callable[..., Any] = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    recipe: str | None = None,
    seed: int | str | None = None,
    track: bool = True,
    progress: SweepProgress | None = None,
    **settings: Any,
) -> Backtest:
    """Trade out-of-fold forecasts, each fold with the parameters that did best before it.

    The grid is chosen from inside, on earlier bars alone: all of it is one configuration and one
    look in the trial ledger.

    Args:
        walk: A walk-forward, its folder, or its name under `runs/`.
        prices: Those that it was made on.
        grid: Parameters of the strategy to choose among, and `strategy`; forms as for `sweep`.
        strategy: A name, the path of a Python file, or a function.
        tickers: Trade only these.
        start: First day of decisions; the first test bar by default.
        end: Last day.
        recipe: Recipe, `chosen` or baseline; the first recipe by default.
        seed: One of its seeds; the `ensemble` of all by default.
        track: Count the look in the trial ledger.
        progress: Called when configurations are traded.
        settings: Those that are not chosen, and parameters of the first fold.

    Raises:
        ConfigError: A setting is unknown, does not fit, or is none to choose from results; no such
            forecast in the walk-forward.
        DataError: The prices are not those that the walk-forward was made on.
        ModelFileError: The walk-forward's folder is none, unfinished or damaged.
    """
    require_walk_forward(walk)
    require_bars(prices, tickers, start, end)
    chosen, base = as_grid(grid), terms_of(strategy, settings)
    require_choosable(chosen, base)
    found = out_of_fold(walk, prices, recipe=recipe, seed=seed, start=start, end=end)
    span = found.span
    starts = _fold_starts(walk, prices)
    forecast = found.forecast.select(tickers) if tickers else found.forecast
    # The same refusals as below, before the look is counted.
    prepare(forecast, span.prices, chosen, base, start=span.start, end=end)
    known_by = found.configuration() | base.configuration()
    with open_trial(
        "backtest",
        f"backtest {found.forecast.name} {base.name} chosen in folds",
        known_by | {"chosen_in_folds": {name: list(v) for name, v in chosen.axes.items()}},
        span.prices,
        span.start,
        tickers=tickers,
        parent=found.run_id,
        counted=track,
    ) as trial:
        made = trade_chosen(
            forecast,
            span.prices,
            chosen,
            starts,
            base=base,
            start=span.start,
            end=end,
            trial_sharpes=trial_sharpes(trial),
            notes=(span.audit, *span.notes, trial.sentence(), *base.notes()),
            progress=progress,
        )
        trial.log_scores(backtest_scores(made))
    return made


def _fold_starts(walk: WalkForward | str | Path, prices: Panel) -> list[np.datetime64]:
    """First test bar of each fold."""
    if isinstance(walk, WalkForward):
        return [np.datetime64(str(day), "ns") for day in walk.folds["test_start"]]
    folder = find_walk_forward(walk)
    if folder is None:
        raise ConfigError(f"{walk} is no walk-forward: expected its folder or name. Correct it.")
    manifest = read_manifest(folder)
    seen = manifest.seen(prices)
    folds = walk_forward_folds(seen, manifest.settings, manifest.recipes[0].data.horizons)
    return [seen.times[fold.test_start] for fold in folds]
