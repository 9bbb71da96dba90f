"""What `forecasting backtest` does with its options: a single backtest, a sweep, or orders.

A choice inside folds stands in `backtest_in_folds`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecasting.cli.progress import counted_progress, progress_line

if TYPE_CHECKING:  # they take seconds to import, which an error should not have to wait for
    from forecasting.backtest.book import Backtest
    from forecasting.forecaster.network_forecaster import NetworkForecaster
    from forecasting.market.panel import Panel


@dataclass(frozen=True)
class Asked:
    """The options that a single backtest, a sweep and today's orders share.

    Attributes:
        model: Name or folder of a model or of a walk-forward.
        tickers: To trade; all by default.
        prices: Source, with what it takes to read it, by the names of `load`.
        strategy: Its name or file.
        parameters: Its own.
        settings: Costs, account and execution, by the names of the verb.
        span: `start`, `end`, `in_sample`, `recipe` and `seed`, by the names of the verb.
        track: Whether it is counted and tracked.
        as_json: Whether to print JSON only.
    """

    model: str
    tickers: list[str] | None
    prices: dict[str, Any]
    strategy: str
    parameters: dict[str, Any]
    settings: dict[str, Any]
    span: dict[str, Any]
    track: bool
    as_json: bool

    def load(self) -> "tuple[NetworkForecaster | Path, Panel]":
        """A model and the prices that it wants, or a walk-forward's folder and its own prices."""
        from forecasting.forecaster import load_forecaster
        from forecasting.workflow.loading import load, load_for
        from forecasting.workflow.walk_forward.manifest import find_walk_forward, read_manifest

        folder, end = find_walk_forward(self.model), self.span["end"]
        if folder is not None:
            # To its last bar, whatever the end: their vintage is what proves them.
            return folder, load(read_manifest(folder).tickers, **self.prices)
        model = load_forecaster(self.model)
        return model, load_for(model, tickers=self.tickers, end=end, **self.prices)


def trade(asked: Asked, *, open_holdout: bool, report: Path | None) -> None:
    """Trade once; print, write the page, track."""
    with progress_line("loading", visible=not asked.as_json) as say:
        maker, panel = asked.load()
        from forecasting.cli.strategies import require_own
        from forecasting.workflow import backtesting
        from forecasting.workflow.places import require_writable

        require_own(asked.parameters, backtesting.backtest)
        if report is not None:
            require_writable(report, "report")
        made = backtesting.backtest(
            maker,
            panel,
            strategy=asked.strategy,
            tickers=asked.tickers,
            open_holdout=open_holdout,
            track=asked.track,
            progress=say,
            **asked.span,
            **asked.settings,
            **asked.parameters,
        )
        if report is not None:
            say("report")
            write_page(made, report, maker, panel)
    show(asked, made, maker, report)


def show(
    asked: Asked, made: "Backtest", maker: "NetworkForecaster | Path", report: Path | None
) -> None:
    """Print a backtest, and track it."""
    from forecasting.cli.printing import print_backtest, print_backtest_notes, print_json

    if asked.as_json:
        print_json(made.to_dict() | ({"report": str(report)} if report else {}))
    else:
        print_backtest(made)
        print()
        print_backtest_notes([made])
        if report is not None:
            print(f"\nreport: {report}")
    if asked.track:
        # After it: a store that does not answer must not cost the result.
        with progress_line("tracking", visible=not asked.as_json):
            from forecasting.workflow.tracking import track_backtest

            track_backtest(maker, made, report=report)


def sweep(
    asked: Asked, texts: Sequence[str], *, given: set[str], out: Path | None, plot: Path | None
) -> None:
    """Trade a grid; print, write table and heat map, track.

    Args:
        asked: The options.
        texts: Of the grid, `name=value,value`.
        given: Names of the settings that are not at their defaults, which a grid replaces.
        out: CSV file for the whole table.
        plot: PNG file for the heat map.
    """
    from forecasting.cli.grid import parse_grid, print_sweep, write_sweep
    from forecasting.cli.printing import print_json

    grid = parse_grid(texts, out, plot)
    kept = {k: v for k, v in asked.settings.items() if k not in grid.axes or k in given}
    visible = not asked.as_json
    with progress_line("loading", visible=visible):
        maker, panel = asked.load()
        from forecasting.cli.strategies import require_own
        from forecasting.workflow import backtesting
        from forecasting.workflow.sweep import sweep as sweep_grid

        require_own(asked.parameters, backtesting.backtest, sweep_grid)
    try:
        with counted_progress(visible=visible) as advance:
            made = sweep_grid(
                maker,
                panel,
                grid,
                strategy=asked.strategy,
                tickers=asked.tickers,
                track=asked.track,
                progress=advance,
                **asked.span,
                **kept,
                **asked.parameters,
            )
    except KeyboardInterrupt as stop:
        # The command ends with 130 and no word of its own.
        print(str(stop) or "interrupted: no configuration was traded.", file=sys.stderr)
        raise
    write_sweep(made, out, plot)
    if asked.as_json:
        print_json(made.to_dict())
    else:
        print_sweep(made, out)
    if asked.track:
        with progress_line("tracking", visible=visible):
            from forecasting.workflow.tracking import track_sweep

            track_sweep(maker, made)


def order(asked: Asked, *, positions: Path | None, cash: float | None) -> None:
    """Print the orders for the next session."""
    from forecasting.cli.printing import print_json, print_orders
    from forecasting.errors import ConfigError

    with progress_line("loading", visible=not asked.as_json) as say:
        from forecasting.workflow.positions import read_positions

        held = None if positions is None else read_positions(positions)
        maker, panel = asked.load()
        if isinstance(maker, Path):
            raise ConfigError(
                f"--today needs one model, and {maker} is a walk-forward: expected the folder of a "
                "model, such as one of its last fold. Name it."
            )
        from forecasting.cli.strategies import require_own
        from forecasting.workflow import backtesting
        from forecasting.workflow.paper_orders import paper_orders

        require_own(asked.parameters, backtesting.backtest, paper_orders)
        say(f"forecasts of {maker.name}")
        made = paper_orders(
            maker,
            panel,
            strategy=asked.strategy,
            tickers=asked.tickers,
            start=asked.span["start"],
            held=held,
            cash=cash,
            **asked.settings,
            **asked.parameters,
        )
    if asked.as_json:
        print_json(made.to_dict())
    else:
        print_orders(made)


def write_page(
    made: "Backtest", file: Path, maker: "NetworkForecaster | Path", panel: "Panel"
) -> None:
    """Write the page of a backtest; `panel` are the prices that it was loaded with."""
    from forecasting.report.backtest_page import write_backtest_page

    write_backtest_page(
        made,
        file,
        model=None if isinstance(maker, Path) else maker,
        # No later bar: it may be sealed.
        prices=panel.between(None, made.ledger.times[-1]),
        forecast=made.plan.forecast,
    )
