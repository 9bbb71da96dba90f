"""Forecasts for a backtest that were made out of fold: each row by a model fitted before it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.audit_stamp import NEVER
from forecasting.market.folds.audit import FoldAudit
from forecasting.market.folds.walk_forward import WalkForwardSettings, walk_forward_folds
from forecasting.market.panel import Panel, day
from forecasting.market.span import check_span
from forecasting.workflow.judged_span import JudgedSpan
from forecasting.workflow.walk_forward.manifest import find_walk_forward, read_manifest
from forecasting.workflow.walk_forward.outcome import WalkForward
from forecasting.workflow.walk_forward.reading import read_forecast

ENSEMBLE = "ensemble"
"""The seed that stands for the mixture of all of them."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """An out-of-fold forecast and the bars that it may be traded on.

    Attributes:
        forecast: Its rows lie in the test blocks, and nowhere else.
        span: The bars, and what has to be said of them.
        run_id: MLflow run of the walk-forward; None where it is not known.
    """

    forecast: Forecast
    span: JudgedSpan
    run_id: str | None

    def configuration(self) -> dict[str, Any]:
        """What the trial ledger knows the forecast by: who made it, and a hash of its law."""
        digest = hashlib.sha256()
        for name, values in sorted(self.forecast.law.parameters().items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return {"out_of_fold": self.forecast.name, "forecast": digest.hexdigest()}


def out_of_fold(
    walk: WalkForward | str | Path,
    prices: Panel,
    *,
    recipe: str | None = None,
    seed: int | str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> OutOfFold:
    """The forecast of a walk-forward, every row of it proven out of fold.

    A folder proves its prices by their vintage and each result by its own hash; a value by the
    prices that its forecasts start from.

    Args:
        walk: A walk-forward, its folder, or its name under `runs/`.
        prices: Those that it was made on; later bars do not count.
        recipe: Recipe, `chosen` or baseline; the first recipe by default.
        seed: One of the seeds; `ensemble`, the default, for the mixture of all of them.
        start: First day; the first test bar by default.
        end: Last day.

    Raises:
        ConfigError: There is no such forecast.
        DataError: The prices are others, a date is none, or a row is not proven out of fold.
        ModelFileError: The folder holds no walk-forward, an unfinished or a damaged one.
    """
    check_span(start, end)
    one = _one_seed(seed)
    run_id = None
    if isinstance(walk, WalkForward):
        try:
            forecast, proof, settings = walk.forecast(recipe, one), walk.proof, walk.settings
        except ValueError as error:
            raise ConfigError(f"{error}. Choose one of these.") from error
        seen = _priced(forecast, prices)
    else:
        folder = find_walk_forward(walk) or Path(walk)
        manifest = read_manifest(folder)
        seen, settings = manifest.seen(prices), manifest.settings
        forecast, proof = read_forecast(folder, manifest, seen, recipe, one)
        note = folder / "walk_forward_run"
        run_id = note.read_text(encoding="utf-8").strip() if note.is_file() else None
    _require_out_of_fold(forecast, seen, settings, proof)
    notes = (_in_words(forecast, settings, proof),)
    first = np.datetime64(start, "ns") if start else forecast.times[0]
    audit = f"{NEVER} on the models of the folds (forecasting audit fold-000/...)."
    return OutOfFold(
        forecast, JudgedSpan(seen.between(None, end), first, False, audit, notes), run_id
    )


def _one_seed(seed: int | str | None) -> int | None:
    """The number of a seed; None for the mixture of all."""
    if seed is None or seed == ENSEMBLE:
        return None
    try:
        return int(seed)
    except ValueError as error:
        raise ConfigError(f"seed {seed!r}: expected a number, or {ENSEMBLE}.") from error


def _priced(forecast: Forecast, prices: Panel) -> Panel:
    """The prices up to the last forecast, which have to be those that the forecasts start from.

    Raises:
        DataError: They are not.
    """
    missing = set(forecast.tickers) - set(prices.tickers)
    if not missing:
        panel = prices if prices.tickers == forecast.tickers else prices.select(forecast.tickers)
        panel = panel.between(None, forecast.times[-1])
        if np.isin(forecast.times, panel.times).all():
            rows = np.searchsorted(panel.times, forecast.times)
            known = np.isfinite(forecast.price)
            if (panel.column("adj_close")[rows][known] == forecast.price[known]).all():
                return panel
    raise DataError(
        f"{prices.source} differs from the prices that {forecast.name} starts from: expected those "
        "that the walk-forward was made on. Pass the same panel."
    )


def _require_out_of_fold(
    forecast: Forecast, prices: Panel, settings: WalkForwardSettings, proof: Sequence[FoldAudit]
) -> None:
    """Each row lies in the test block of a fold whose labels, all of them, end before it.

    Raises:
        DataError: One does not.
    """
    folds = walk_forward_folds(prices, settings, forecast.horizons)
    rows = np.searchsorted(prices.times, forecast.times)
    proven = np.zeros(len(rows), dtype=bool)
    if len(folds) == len(proof):
        for fold, audit in zip(folds, proof, strict=True):
            inside = (rows >= fold.test_start) & (rows < fold.test_end)
            proven |= inside & (audit.smallest_gap >= 1)
    if orphans := int((~proven & forecast.mask.any(axis=1)).sum()):
        raise DataError(
            f"{orphans} of the {len(rows)} bars of {forecast.name} are not proven out of fold: "
            "expected each in the test block of a fold that learnt from earlier bars alone. Pass "
            "the prices that the walk-forward was made on, from their first bar."
        )


def _in_words(forecast: Forecast, settings: WalkForwardSettings, proof: Sequence[FoldAudit]) -> str:
    """How the forecasts were made, in a sentence."""
    n, gap = len(proof), min(audit.smallest_gap for audit in proof)
    often = f"refitted every {settings.refit_every} bars, {n} folds" if n > 1 else "fitted once"
    return (
        f"Out of fold: {forecast.name}, {often} from {day(forecast.times[0])}; every label that "
        f"a fold learnt from ends before its test, by {gap} bar{'s' if gap > 1 else ''} at least."
    )
