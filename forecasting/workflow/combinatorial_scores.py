"""Cheap baselines under combinatorial purged cross-validation: how much of a gain is the path?

One history is one draw. Each split fits the baselines anew on other parts of it, and each backtest
path scores all of its dates once; the spread over paths says how much a gain owes to which dates
happened to be fitted on. Paths share their data: it is no standard error, and nothing is tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.errors import ConfigError
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.garch_family import GarchBaseline
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.evaluation.scores.date_means import date_means
from forecasting.market.folds.combinatorial import CombinatorialSettings, combinatorial_splits
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences

ROW_FITTED = tuple(kind for kind in BASELINES if not issubclass(kind, GarchBaseline))
"""Baselines that are fitted row by row. The others run a recursion through all returns from their
first training row to the last, and so through the test groups in between."""

PathLosses = Float[np.ndarray, "path row horizon"]


@dataclass(frozen=True, eq=False)
class CombinatorialScores:
    """Losses and gains over EWMA-t on every backtest path.

    Attributes:
        settings: How the dates were cut.
        paths: One row a horizon, forecaster and path: nll (nats a bar; mean over the tickers of a
            date, then over dates), gain (over EWMA-t on the same path; NaN for itself).
        summary: One row a horizon and forecaster: the means of nll and gain over paths, spread
            (standard deviation of the gain over paths), worst (the smallest gain), positive (share
            of paths with a gain).
    """

    settings: CombinatorialSettings
    paths: pd.DataFrame
    summary: pd.DataFrame


def combinatorial_scores(
    sequences: Sequences,
    settings: CombinatorialSettings,
    *,
    kinds: Sequence[type[Baseline]] = ROW_FITTED,
    decay: float = VOLATILITY_DECAY,
    progress: Callable[[str, int, int], None] | None = None,
) -> CombinatorialScores:
    """Fit each baseline on every split, score it on the groups tested, and walk the paths.

    Args:
        sequences: Features and targets.
        settings: How to cut the dates, and the embargo.
        kinds: Baselines that are fitted row by row; EWMA-t is added.
        decay: The decay that `sequences` were made with.
        progress: Called with a few words, the splits done and those in all.

    Raises:
        ConfigError: A baseline is not fitted row by row.
        DataError: The history does not suffice.
    """
    for kind in kinds:
        if issubclass(kind, GarchBaseline):
            raise ConfigError(
                f"{kind.name} is fitted on all returns from its first training row to the last: "
                "expected baselines that are fitted row by row, for there are tests in between. "
                "Leave it out, or judge it by a walk-forward."
            )
    say = progress or (lambda words, done, total: None)
    splits, of_path = combinatorial_splits(sequences, settings), settings.paths()
    returns = sequences.targets * sequences.return_scale()
    compared: list[type[Baseline]] = [EwmaT, *(kind for kind in kinds if kind is not EwmaT)]
    shape = (settings.n_paths, *returns.shape)
    losses: dict[str, PathLosses] = {kind.name: np.full(shape, np.nan) for kind in compared}
    for done, split in enumerate(splits):
        say(f"split {split.index}", done, len(splits))
        for kind in compared:
            law = kind.fit(sequences, split.rows.train, decay=decay).laws(sequences)
            for group in split.tested:
                rows = np.flatnonzero(split.test_of(group))
                nll = -law[rows].log_density(returns[rows])
                losses[kind.name][of_path[split.index, group], rows] = nll
    paths = _path_table(sequences, losses)
    return CombinatorialScores(settings, paths, _summary(paths))


def _path_table(sequences: Sequences, losses: dict[str, PathLosses]) -> pd.DataFrame:
    """Mean losses on the rows that all forecasters have, as `CombinatorialScores.paths`."""
    common = np.logical_and.reduce([np.isfinite(loss) for loss in losses.values()])
    rows = []
    for j, horizon in enumerate(sequences.horizons):
        for path in range(len(common)):
            there = common[path, :, j]
            date = sequences.origin[there]
            means = {
                name: float(date_means(loss[path, there, j], date).mean())
                for name, loss in losses.items()
            }
            for name, nll in means.items():
                gain = means[EwmaT.name] - nll if name != EwmaT.name else np.nan
                row = {"horizon": horizon, "forecaster": name, "path": path}
                rows.append(row | {"nll": nll, "gain": gain})
    return pd.DataFrame(rows)


def _summary(paths: pd.DataFrame) -> pd.DataFrame:
    """Over the paths, as `CombinatorialScores.summary`."""
    rows = []
    for (horizon, name), each in paths.groupby(["horizon", "forecaster"], sort=False):
        gain = each["gain"].dropna()
        rows.append(
            {
                "horizon": horizon,
                "forecaster": name,
                "nll": each["nll"].mean(),
                "gain": gain.mean(),
                "spread": gain.std(ddof=1) if len(gain) > 1 else np.nan,
                "worst": gain.min(),
                "positive": (gain > 0).mean() if len(gain) else np.nan,
            }
        )
    return pd.DataFrame(rows)
