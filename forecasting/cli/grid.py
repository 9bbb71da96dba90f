"""The sweep of `forecasting backtest --grid`: its texts, its table and its heat map."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # they take seconds to import, which an error should not have to wait for
    from forecasting.backtest.sweep.grid import Grid
    from forecasting.backtest.sweep.result import Sweep

_SHOWN = 10
_HEADS = {
    "cagr": ("CAGR", "+.1%"),
    "volatility": ("vol", ".1%"),
    "sharpe": ("Sharpe", "+.2f"),
    "max_drawdown": ("max dd", ".1%"),
    "turnover": ("turnover", ".1f"),
    "cost_share": ("costs", ".1%"),
    "break_even_bps": ("break-even", ".1f"),
}
"""Statistics as a column's head and a number's form."""


def parse_grid(texts: Sequence[str], out: Path | None = None, plot: Path | None = None) -> "Grid":
    """The grid of `--grid` texts; places that cannot be written are refused before the work.

    Raises:
        ConfigError: No grid, a heat map that is no PNG, or a place that cannot be written.
    """
    from forecasting.backtest.sweep.grid import Grid

    grid = Grid.parse(texts)
    if plot is not None and plot.suffix.lower() != ".png":
        from forecasting.errors import ConfigError

        raise ConfigError(
            f"--plot {plot}: the heat map is a PNG file, expected a name that ends in .png. "
            "Correct it."
        )
    if out is not None or plot is not None:
        from forecasting.workflow.places import require_writable

        for path, what in ((out, "table"), (plot, "figure")):
            if path is not None:
                require_writable(path, what)
    return grid


def write_sweep(made: "Sweep", out: Path | None = None, plot: Path | None = None) -> None:
    """Write the whole table as CSV, and the heat map as PNG, where they are asked for.

    Raises:
        ConfigError: A place cannot be written.
    """
    from forecasting.market.atomic_file import write_atomically
    from forecasting.workflow.places import require_writable, write_figure

    if out is not None:
        require_writable(out, "table")
        write_atomically(out, made.table.to_csv(index=False).encode())
    if plot is not None:
        write_figure(made.plot(), plot)


def print_sweep(made: "Sweep", out: Path | None = None) -> None:
    """Print the best configurations, what the best is worth, and what has to be known.

    Args:
        made: A sweep.
        out: Where its whole table went.
    """
    from forecasting.cli.printing import print_notes, print_rows, print_text
    from forecasting.market.panel import day
    from forecasting.report.captions import audit, chosen, counted, warnings_first

    if stamp := audit(made.notes):
        print_text(stamp)
    loud, notes = warnings_first(made.notes)
    print_text(
        f"{counted(made.grid.size, 'configuration')} of {_strategies(made)} on forecasts of "
        f"{made.forecaster}, "
        f"{day(made.times[0])} to {day(made.times[-1])}, {len(made.times):,} bars"
    )
    print_notes(loud)
    print()
    print_rows(*table_of(made, _SHOWN))
    print()
    print_notes([*verdict_of(made), *_where(made, out), f"Grid: {made.grid}."])
    print_notes([_CAPTION, chosen(made.notes), *notes])


def table_of(made: "Sweep", count: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and cells of the rows of highest net Sharpe ratio."""
    axes = list(made.grid.axes)
    heads = (*axes, *(head for head, _ in _HEADS.values()))
    rows = [
        (
            *(_setting(made.rows[int(place)][name]) for name in axes),
            *(_number(made.rows[int(place)][name], form) for name, (_, form) in _HEADS.items()),
        )
        for place in made.top(count).index
    ]
    return heads, rows


def verdict_of(made: "Sweep") -> list[str]:
    """What the best one is worth, and how all of them did."""
    if made.best is None:
        return ["No configuration traded: there is no Sharpe ratio, and no best one."]
    chosen = ", ".join(f"{name}={_setting(made.best[name])}" for name in made.grid.axes)
    among = f" among those at {made.assumed}" if made.assumed else ""
    said = [
        f"Best{among}: {chosen}, net Sharpe {made.best_sharpe:.2f}. {made.luck.sentence()}",
        "The best of many always flatters: expect less of it on new bars.",
        f"Of all configurations {made.positive_share:.0%} have a net Sharpe above zero; the median "
        f"is {made.median_sharpe:.2f}.",
    ]
    if made.assumed:
        said.append(
            "Costs and terms of the account are assumptions, no choices: the "
            "best is where they are kindest, and is deflated by the trials that share them."
        )
    return said


def _strategies(made: "Sweep") -> str:
    """What was traded: one strategy, or those of the grid."""
    return ", ".join(map(str, made.grid.axes.get("strategy", (made.base.name,))))


_CAPTION = (
    "All net of costs, a year: CAGR, volatility, Sharpe, turnover (times equity, bought and sold), "
    "costs (share of equity); break-even: cost in bps at which nothing is left. Each configuration "
    "counts as a trial."
)


def _where(made: "Sweep", out: Path | None) -> list[str]:
    """Where the rows are that are not shown."""
    from forecasting.report.captions import counted

    if out is not None:
        return [f"The whole table, {counted(made.grid.size, 'row')}: {out}."]
    if made.grid.size <= _SHOWN:
        return []
    return [f"Shown: {_SHOWN} of {made.grid.size:,} rows. All of them: --out FILE.csv or --json."]


def _setting(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
