"""Rows of the results table: gains, tests, CRPS skill and coverage, with the floors of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.outcome import Row
from benchmarks.skill_judging import Judged, Scored
from benchmarks.skill_setting import MEMORYLESS, TWIN
from forecasting.evaluation.baselines import EwmaT
from forecasting.evaluation.calibration.coverage import LEAST_IN_YEAR
from forecasting.evaluation.scores.cells import Cells
from forecasting.workflow.comparison import ensemble_table

LEVEL, SLACK = 90.0, 2.0
"""Coverage to be reached, in %, and by how many points a horizon or year may miss it."""
BEATS, NOT_BETTER = 2.0, 1.0
"""t that a gain has to reach; t that the twin's advantage must not exceed."""


@dataclass(frozen=True)
class Floors:
    """What the reference has to reach.

    Attributes:
        gain: Mean gain over EWMA-t of single models at one bar ahead, nats.
        crps_skill: Against EWMA-t at one bar ahead, %.
        beaten: Horizon to the rivals that it has to beat.
        twin: Name of the GRU twin.
        not_worse: Horizons at which the twin must not be better.
        coverage: Whether the coverage of each horizon and year is judged.
    """

    gain: float | None = None
    crps_skill: float | None = None
    beaten: Mapping[int, Sequence[str]] = field(default_factory=dict)
    twin: str = TWIN
    not_worse: Sequence[int] = ()
    coverage: bool = False


DAILY = Floors(
    gain=0.040,
    crps_skill=1.8,
    beaten={
        1: ("log-HAR-t", "linear-t", "GJR-GARCH-t", "boosted-trees-t", MEMORYLESS),
        5: ("log-HAR-t", "GJR-GARCH-t"),
        21: ("log-HAR-t", "GJR-GARCH-t"),
    },
    not_worse=(1,),
    coverage=True,
)
"""The table of daily bars of US stocks."""


def judged_rows(part: str, judged: Judged, floors: Floors) -> list[Row]:
    """All rows of a part."""
    return [
        *scored_rows(part, judged.scored, floors),
        *_coverage_rows(part, judged, floors),
        Row(part, "test openings", judged.looks, "looks", "counted in this bench's own ledger"),
    ]


def scored_rows(part: str, scored: Scored, floors: Floors) -> list[Row]:
    """Gains, tests, joint forecasts and CRPS skill."""
    members = scored.members
    reference = next(iter(members))
    return [
        *_gain_rows(part, scored.gains, reference, floors),
        *_rival_rows(part, scored.gains, reference, floors, len(members[reference])),
        *_ensemble_rows(part, scored),
        *_crps_rows(part, scored.cells, members, floors),
    ]


def _gain_rows(part: str, gains: pd.DataFrame, reference: str, floors: Floors) -> list[Row]:
    """Mean gain over EWMA-t of single models and of baselines, in nats.

    Args:
        part: Name of the part.
        gains: As `Comparison.gains`.
        reference: Whose floor it is.
        floors: All floors.
    """
    rows = []
    for row in gains.to_dict(orient="records"):
        name, horizon, gain = str(row["forecaster"]), int(row["horizon"]), float(row["gain"])
        if name == EwmaT.name:
            continue
        floor = floors.gain if horizon == 1 and name == reference else None
        spread = f", seeds {row['spread']:.4f}" if row["spread"] == row["spread"] else ""
        said = f"over EWMA-t: t {row['t']:+.1f}{spread}, {row['verdict']}"
        case = case_of(part, horizon, name)
        rows.append(Row(case, "gain", gain, "nats", said, floor, "larger"))
    return rows


def _rival_rows(
    part: str, gains: pd.DataFrame, reference: str, floors: Floors, n_seeds: int
) -> list[Row]:
    """Diebold-Mariano t of the reference against each rival, and of the twin's advantage.

    The test is one over dates and takes the seeds as they are; beside it stands the t that counts
    their spread as well, as if other seeds were to be drawn: gain / sqrt(se^2 + (s^2 + s'^2) / n).
    """
    spreads = gains.set_index(["horizon", "forecaster"])["spread"].fillna(0.0)
    rows = []
    for row in gains[gains["forecaster"] != reference].to_dict(orient="records"):
        rival, horizon = str(row["forecaster"]), int(row["horizon"])
        t, gain = float(row["reference_t"]), float(row["reference_gain"])
        case = case_of(part, horizon, reference)
        floor = BEATS if rival in floors.beaten.get(horizon, ()) else None
        of_seeds = np.hypot(spreads[horizon, reference], spreads[horizon, rival]) / n_seeds**0.5
        drawn = -gain / np.hypot(gain / t, of_seeds)
        said = f"gain {-gain:+.4f}, Diebold-Mariano; counting the seeds' spread {drawn:+.1f}"
        rows.append(Row(case, f"t over {rival}", -t, "", said, floor, "larger"))
        if rival == floors.twin:
            floor = NOT_BETTER if horizon in floors.not_worse else None
            said = f"advantage {gain:+.4f} of {rival}"
            rows.append(Row(case, "t of the twin", t, "", said, floor))
    return rows


def _ensemble_rows(part: str, scored: Scored) -> list[Row]:
    """Gain over EWMA-t of the seeds' joint forecasts."""
    table = ensemble_table(scored.cells, scored.members, scored.ensembles)
    return [
        Row(
            case_of(part, row["horizon"], row["forecaster"]),
            "gain",
            row["gain"],
            "nats",
            f"over EWMA-t: t {row['t']:+.1f}, {row['over_single']:+.4f} over the single ones",
        )
        for row in table.to_dict(orient="records")
    ]


def _crps_rows(
    part: str, cells: Sequence[Cells], members: Mapping[str, Sequence[str]], floors: Floors
) -> list[Row]:
    """CRPS skill against EWMA-t, mean over seeds; the floor is that of the first recipe."""
    reference, rows = next(iter(members)), []
    for at in cells:
        base = at.date_means(EwmaT.name, "crps").mean()
        for name, trainings in members.items():
            each = [100 * (1 - at.date_means(one, "crps").mean() / base) for one in trainings]
            spread = f", seeds {np.std(each, ddof=1):.2f}" if len(each) > 1 else ""
            said = f"against EWMA-t{spread}"
            floor = floors.crps_skill if at.horizon == 1 and name == reference else None
            case = case_of(part, at.horizon, name)
            rows.append(Row(case, "CRPS skill", float(np.mean(each)), "%", said, floor, "larger"))
    return rows


def _coverage_rows(part: str, judged: Judged, floors: Floors) -> list[Row]:
    """How far the calibrated 90 % band is from 90 %, over all and in each year."""
    reference, rows = next(iter(judged.scored.members)), []
    for row in judged.coverage.to_dict(orient="records"):
        mean, low, high = (100 * float(row[name]) for name in ("mean", "min", "max"))
        year = f"{row['year']:.0f}" if row["year"] else "whole span"
        case, metric = case_of(part, int(row["horizon"]), reference), f"coverage off, {year}"
        if np.isnan(mean):
            said = f"{row['dates']:.0f} dates, of {LEAST_IN_YEAR} that are needed: not judged"
            rows.append(Row(case, metric, None, "points", said))
            continue
        said = f"{mean:.1f} % in the calibrated 90 % band, seeds {low:.1f} to {high:.1f}"
        floor = SLACK if floors.coverage else None
        rows.append(Row(case, metric, abs(mean - LEVEL), "points", said, floor))
    return rows


def case_of(part: str, horizon: int, name: str) -> str:
    """What a row is about."""
    return f"{part} h{horizon} {name}"
