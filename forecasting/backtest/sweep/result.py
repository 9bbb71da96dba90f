"""The `Sweep` value: every configuration's result, the best of them, and the part of luck."""

import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.backtest.plain_values import plain
from forecasting.backtest.statistics.benchmark_relative import benchmark_relative
from forecasting.backtest.statistics.luck import Luck, judge_luck
from forecasting.backtest.statistics.performance import sharpe
from forecasting.backtest.sweep.configuration import Configuration, is_assumption
from forecasting.backtest.sweep.grid import Grid
from forecasting.market.panel import day

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATISTICS = (
    "cagr",
    "volatility",
    "sharpe",
    "max_drawdown",
    "turnover",
    "cost_share",
    "break_even_bps",
)
"""Columns of a sweep's table beside its axes; all net of costs, see `summarise`."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """All configurations of a grid, traded on the same forecasts and bars.

    Attributes:
        forecaster: Who made the forecast.
        grid: The settings that vary.
        base: All other settings.
        table: One row a configuration, in the order of the grid: its settings, then `STATISTICS`;
            NaN where a statistic is not defined, as the Sharpe ratio of an account that never
            trades.
        returns: Simple returns of equity over each bar but the first, decimal, net of costs.
        times: Bars that were traded.
        bars_per_year: Of the prices.
        trial_sharpes: Annual Sharpe ratios of other configurations that were tried on these bars,
            NaN for one that has none; None if they were not counted.
        notes: What a reader of the numbers has to know; the survivorship warning, or the universe
            in its place, first.
        benchmarks: Returns of each benchmark on the same bars, under the settings of `base`.
    """

    forecaster: str
    grid: Grid
    base: Configuration
    table: pd.DataFrame
    returns: Float[np.ndarray, "bar configuration"]
    times: np.ndarray
    bars_per_year: float
    trial_sharpes: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    benchmarks: dict[str, Float[np.ndarray, " bar"]] = field(default_factory=dict)

    @cached_property
    def best_row(self) -> int | None:
        """Row of the highest net Sharpe ratio, the first of equals; None if none is defined."""
        sharpes = self.table["sharpe"].to_numpy()
        return int(np.nanargmax(sharpes)) if np.isfinite(sharpes).any() else None

    @property
    def best(self) -> dict[str, Any] | None:
        """Settings and statistics of the best row."""
        return None if self.best_row is None else self.rows[self.best_row]

    @property
    def best_sharpe(self) -> float:
        """Net Sharpe ratio of the best row, a year; NaN if there is none."""
        return math.nan if self.best is None else float(self.best["sharpe"])

    @property
    def best_configuration(self) -> Configuration | None:
        """All settings of the best row."""
        if self.best is None:
            return None
        return self.base.changed({name: self.best[name] for name in self.grid.axes})

    @property
    def assumed(self) -> str:
        """The best row's values of the axes that are no choice, such as `cost_bps=0`."""
        names = [name for name in self.grid.axes if is_assumption(name)]
        return "" if self.best is None else ", ".join(f"{n}={self.best[n]}" for n in names)

    @cached_property
    def rivals(self) -> Int[np.ndarray, " rival"]:
        """Rows among which the best one was chosen: those with its assumptions.

        Costs are lowest where they are assumed to be lowest: nothing is found there by luck.
        """
        if self.best is None:
            return np.arange(self.grid.size)
        names = [name for name in self.grid.axes if is_assumption(name)]
        return np.array(
            [k for k, row in enumerate(self.rows) if all(row[n] == self.best[n] for n in names)]
        )

    @cached_property
    def luck(self) -> Luck:
        """Whether luck explains the best one, after all `rivals` and all earlier trials."""
        earlier, chosen = self.trial_sharpes or (), self.best_configuration or self.base
        years = np.diff(self.times) / np.timedelta64(365, "D")
        cash = chosen.account.cash_yield * years
        trials = self.returns[:, self.rivals] - cash[:, None]
        own = trials[:, int(np.flatnonzero(self.rivals == (self.best_row or 0))[0])]
        return judge_luck(
            own,
            self.bars_per_year,
            n_trials=len(self.rivals) + len(earlier),
            trial_sharpes=(*np.atleast_1d(sharpe(trials, self.bars_per_year)).tolist(), *earlier),
            trial_returns=trials,
            alphas={
                name: benchmark_relative(own, each - cash, self.bars_per_year).alpha_test.t
                for name, each in self.benchmarks.items()
                if self.best is None or name != chosen.name
            },
            counted=self.trial_sharpes is not None,
        )

    @property
    def positive_share(self) -> float:
        """Share of configurations with a net Sharpe ratio above zero; without one counts as not."""
        return float((self.table["sharpe"] > 0).mean())

    @property
    def median_sharpe(self) -> float:
        """Median over the configurations that have a net Sharpe ratio; NaN if none has."""
        return float(self.table["sharpe"].median())

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The table as plain values, NaN where a statistic is not defined."""
        settings = list(self.grid)
        numbers = self.table[list(STATISTICS)].to_dict("records")
        return [
            each | {str(name): float(value) for name, value in row.items()}
            for each, row in zip(settings, numbers, strict=True)
        ]

    def top(self, count: int = 10) -> pd.DataFrame:
        """The rows of highest net Sharpe ratio, the best first."""
        return self.table.sort_values("sharpe", ascending=False, kind="stable").head(count)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the returns, as plain values."""
        return {
            "forecaster": self.forecaster,
            "grid": {name: list(values) for name, values in self.grid.axes.items()},
            "base": self.base.plain(),
            "start": day(self.times[0]),
            "end": day(self.times[-1]),
            "bars": len(self.times),
            "bars_per_year": self.bars_per_year,
            "configurations": self.grid.size,
            "best": None if self.best is None else _plain_row(self.best),
            "luck": {name: plain(value) for name, value in asdict(self.luck).items()}
            | {"verdict": self.luck.verdict.value},
            "positive_share": self.positive_share,
            "median_sharpe": plain(self.median_sharpe),
            "notes": list(self.notes),
            "table": [_plain_row(row) for row in self.rows],
        }

    def plot(
        self, x: str | None = None, y: str | None = None, *, others: str = "median"
    ) -> "Figure":
        """Heat map of the net Sharpe ratio over two axes of the grid.

        Args:
            x: Axis across; by default the one with the most values.
            y: Axis upwards; by default the one with the next most, None if there is one axis only.
            others: `median` or `best` over all other axes.

        Raises:
            ConfigError: There is no such axis, or it is one and the same.
        """
        from forecasting.backtest.sweep.heat_map import heat_map  # matplotlib is slow to import

        return heat_map(self, x, y, others)


def _plain_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}


def sweep_table(
    grid: Grid, statistics: dict[str, Float[np.ndarray, " configuration"]]
) -> pd.DataFrame:
    """Settings and statistics, a row a configuration; None and words stay as they are."""
    settings = pd.DataFrame(list(grid), columns=list(grid.axes))
    mixed = [name for name, values in grid.axes.items() if None in values]
    settings = settings.astype(dict.fromkeys(mixed, object))
    for name in mixed:
        settings[name] = pd.Series([each[name] for each in grid], dtype=object)
    return settings.assign(**{name: statistics[name] for name in STATISTICS})
