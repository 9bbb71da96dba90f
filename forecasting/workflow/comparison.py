"""The `Comparison` value: recipes beside each other on the same cells, over several seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.baselines import EwmaT
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.comparison.overall import overall
from forecasting.evaluation.evaluation import records
from forecasting.evaluation.scores.cells import Cells
from forecasting.forecast.significance import least_dates
from forecasting.market.panel import day

_ENSEMBLE = (
    *("horizon", "forecaster", "recipe", "nll", "gain", "t", "p", "verdict"),
    "over_single",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What recipes cost, what they gain on exactly the same cells, and what may be concluded.

    The loss of a recipe on a date is the mean over its seeds of the date's mean log loss: what one
    training of it costs on average. The seeds' joint forecast, whose loss is smaller, is another
    forecaster: it stands in `ensembles`, never among the recipes. Tested is the mean over dates of
    the difference of two such losses, per horizon, by `diebold_mariano` at two-sided 5 %. The unit
    of the test is the date; the seeds are held fixed, so that the spread over seeds has to be read
    beside each verdict.

    Attributes:
        recipes: Names, in the order asked for; the first is the reference of the others.
        seeds: Seeds that each recipe was trained with.
        horizons: Bars ahead.
        tickers: Tickers with at least one scored cell.
        start: Origin of the first scored cell.
        end: Origin of the last scored cell.
        n_dates: Dates with a scored cell at any horizon.
        networks: One row a recipe: recipe, parameters, active_parameters (that one bar meets),
            state_bytes (a ticker), context_length (bars), training_rate and forecasting_rate
            (bars, or tokens, a second on this machine).
        gains: One row a horizon and forecaster, recipes first, then the baselines: horizon,
            forecaster, nll (nats a bar), gain (over EWMA-t, nats a bar, positive: better), spread
            (standard deviation of the gain over seeds; NaN for one seed and for baselines), t, p,
            verdict; the same against the first recipe as reference_gain, reference_t, reference_p,
            reference_verdict. Against itself a forecaster has NaN and an empty verdict.
        by_seed: One row a recipe, seed and horizon: recipe, seed, horizon, nll, gain.
        ensembles: The joint forecasts of each recipe's seeds (equal-weight mixtures), one row a
            horizon and recipe: horizon, forecaster, recipe, nll, gain, t, p, verdict (over EWMA-t)
            and over_single (what the mixture gains over the recipe's own mean loss, nats). No rows
            with one seed.
        overall: Verdicts against many at once, one row a horizon and forecaster: each recipe and
            ensemble against the baselines, and the first recipe against all recipes and baselines
            (`against` "all"); columns of `evaluation.comparison.overall.overall`. The
            confidence_set of "all" holds who may be the best.
        notes: Sentences that a reader of these numbers has to know.
    """

    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    horizons: tuple[int, ...]
    tickers: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    n_dates: int
    networks: pd.DataFrame
    gains: pd.DataFrame
    by_seed: pd.DataFrame
    ensembles: pd.DataFrame
    overall: pd.DataFrame
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Gains and networks in one table, one row a horizon and forecaster."""
        networks = self.networks.rename(columns={"recipe": "forecaster"})
        return self.gains.merge(networks, how="left", on="forecaster")

    def verdict(self, recipe: str, horizon: int) -> str:
        """The verdict of a forecaster against the first recipe at one horizon.

        Raises:
            ValueError: There was no such comparison.
        """
        found = self.gains.query("forecaster == @recipe and horizon == @horizon")
        if found.empty or not (words := str(found["reference_verdict"].iloc[0])):
            raise ValueError(f"no comparison of {recipe!r} at horizon {horizon}")
        return words

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types: dates as YYYY-MM-DD, tables as lists of rows, NaN as null."""
        return {
            "recipes": list(self.recipes),
            "seeds": list(self.seeds),
            "horizons": list(self.horizons),
            "tickers": list(self.tickers),
            "start": day(self.start),
            "end": day(self.end),
            "n_dates": self.n_dates,
            "networks": records(self.networks),
            "gains": records(self.gains),
            "by_seed": records(self.by_seed),
            "ensembles": records(self.ensembles),
            "overall": records(self.overall),
            "notes": list(self.notes),
        }


def gain_table(cells: Sequence[Cells], members: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Gains and verdicts of every forecaster, as `Comparison.gains`.

    Args:
        cells: The common cells of each horizon.
        members: Forecaster to the names of its trainings in the cells, the reference first;
            EWMA-t among them.
    """
    reference = next(iter(members))
    rows = []
    for part in cells:
        losses = {name: _losses(part, trainings) for name, trainings in members.items()}
        mean = {name: each.mean(axis=0) for name, each in losses.items()}
        for name, each in losses.items():
            by_seed = (mean[EwmaT.name] - each).mean(axis=1)
            rows.append(
                {
                    "horizon": part.horizon,
                    "forecaster": name,
                    "nll": mean[name].mean(),
                    **_test(mean, name, EwmaT.name, part.horizon),
                    "spread": by_seed.std(ddof=1) if len(each) > 1 else np.nan,
                    **{
                        f"reference_{key}": value
                        for key, value in _test(mean, name, reference, part.horizon).items()
                    },
                }
            )
    return pd.DataFrame(rows)


def seed_table(
    cells: Sequence[Cells], members: Mapping[str, Sequence[str]], seeds: Sequence[int]
) -> pd.DataFrame:
    """Loss and gain over EWMA-t of every training, as `Comparison.by_seed`.

    Args:
        cells: The common cells of each horizon.
        members: Recipe to the names of its trainings in the cells, one a seed.
        seeds: Their seeds.
    """
    rows = []
    for recipe, trainings in members.items():
        for seed, training in zip(seeds, trainings, strict=True):
            for part in cells:
                nll = part.date_means(training, "nll").mean()
                base = part.date_means(EwmaT.name, "nll").mean()
                row = {"recipe": recipe, "seed": seed, "horizon": part.horizon}
                rows.append(row | {"nll": nll, "gain": base - nll})
    return pd.DataFrame(rows)


def ensemble_table(
    cells: Sequence[Cells], members: Mapping[str, Sequence[str]], ensembles: Mapping[str, str]
) -> pd.DataFrame:
    """The seeds' joint forecasts, as `Comparison.ensembles`.

    Args:
        cells: The common cells of each horizon.
        members: Recipe to the names of its trainings in the cells.
        ensembles: Recipe to the name of its ensemble in the cells.
    """
    rows = []
    for part in cells:
        for recipe, name in ensembles.items():
            single = _losses(part, members[recipe]).mean()
            losses = {each: part.date_means(each, "nll") for each in (name, EwmaT.name)}
            row = {"horizon": part.horizon, "forecaster": name, "recipe": recipe}
            row |= {"nll": losses[name].mean(), **_test(losses, name, EwmaT.name, part.horizon)}
            rows.append(row | {"over_single": single - losses[name].mean()})
    return pd.DataFrame(rows, columns=[*_ENSEMBLE])


def standing_table(
    cells: Sequence[Cells],
    members: Mapping[str, Sequence[str]],
    ensembles: Mapping[str, str],
    baselines: Sequence[str],
) -> pd.DataFrame:
    """Verdicts against many at once, as `Comparison.overall`."""
    rows = []
    for part in cells:
        rivals = {name: part.date_means(name, "nll") for name in baselines}
        recipes = {name: _losses(part, own).mean(axis=0) for name, own in members.items()}
        judged = recipes | {name: part.date_means(name, "nll") for name in ensembles.values()}
        circles = [(name, "baselines", {name: loss} | rivals) for name, loss in judged.items()]
        for name, against, losses in (*circles, (next(iter(recipes)), "all", recipes | rivals)):
            row = {"horizon": part.horizon, "forecaster": name, "against": against}
            rows.append(row | overall(losses, name, part.horizon))
    return pd.DataFrame(rows)


def _losses(part: Cells, trainings: Sequence[str]) -> Float[np.ndarray, "seed date"]:
    return np.stack([part.date_means(name, "nll") for name in trainings])


def _test(
    losses: Mapping[str, Float[np.ndarray, " date"]], name: str, rival: str, horizon: int
) -> dict[str, Any]:
    if name == rival:
        return {"gain": np.nan, "t": np.nan, "p": np.nan, "verdict": ""}
    found = diebold_mariano(losses[rival] - losses[name], horizon)
    return {"gain": found.gain, "t": found.t, "p": found.p, "verdict": str(found.verdict)}


def notes_on_tests(
    cells: Sequence[Cells], gains: pd.DataFrame, ensembles: pd.DataFrame
) -> list[str]:
    """Which tests were not possible, and how many verdicts luck would give."""
    notes = [
        f"No test at {part.horizon} bars ahead: {part.n_dates} dates, expected at least "
        f"{least_dates(part.horizon)}."
        for part in cells
        if part.n_dates < least_dates(part.horizon)
    ]
    others = gains[gains["forecaster"] != EwmaT.name]  # its test is the reference's, mirrored
    tests = int(gains["p"].notna().sum() + others["reference_p"].notna().sum())
    tests += int(ensembles["p"].notna().sum())
    luck = f"about 2.5 % of them ({0.025 * tests:.1f}) would say BEATS by luck alone."
    return [*notes, f"{tests} verdicts at two-sided 5 %: {luck}"]
