"""`forecasting backtest --grid ... --choose-in-folds`: a walk-forward that chooses as it goes."""

from collections.abc import Sequence
from pathlib import Path

from forecasting.cli.backtest_runs import Asked, show, write_page
from forecasting.cli.progress import counted_progress, progress_line


def choose_in_folds(asked: Asked, texts: Sequence[str], *, report: Path | None) -> None:
    """Trade a walk-forward, each fold with what did best before it; print, write the page, track.

    Args:
        asked: The options.
        texts: Of the grid to choose from, `name=value,value`.
        report: HTML file of the page.
    """
    from forecasting.cli.grid import parse_grid
    from forecasting.errors import ConfigError

    grid = parse_grid(texts)
    visible = not asked.as_json
    with progress_line("loading", visible=visible):
        maker, panel = asked.load()
        if not isinstance(maker, Path):
            raise ConfigError(
                f"--choose-in-folds needs the folds of a walk-forward, and {maker.name} is one "
                "model: expected the folder of a walk-forward. Make one with `forecasting "
                "walk-forward`."
            )
        from forecasting.cli.strategies import require_own
        from forecasting.workflow import backtesting
        from forecasting.workflow.chosen_in_folds import chosen_in_folds
        from forecasting.workflow.places import require_writable

        require_own(asked.parameters, backtesting.backtest, chosen_in_folds)
        if report is not None:
            require_writable(report, "report")
    with counted_progress(visible=visible) as advance:
        made = chosen_in_folds(
            maker,
            panel,
            grid,
            strategy=asked.strategy,
            tickers=asked.tickers,
            track=asked.track,
            progress=advance,
            **{name: asked.span[name] for name in ("start", "end", "recipe", "seed")},
            **asked.settings,
            **asked.parameters,
        )
        if report is not None:
            write_page(made, report, maker, panel)
    show(asked, made, maker, report)
