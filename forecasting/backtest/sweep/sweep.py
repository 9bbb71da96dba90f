"""A sweep: every configuration of a grid traded on the same forecasts and prices."""

from collections.abc import Callable, Sequence

import numpy as np

from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.execution import Execution
from forecasting.backtest.judge import benchmark_plans
from forecasting.backtest.statistics.summary import summarise_batch
from forecasting.backtest.sweep.batches import batches
from forecasting.backtest.sweep.configuration import Configuration
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.prepare import PreparedSweep, plan_of, prepare
from forecasting.backtest.sweep.result import STATISTICS, Sweep, sweep_table
from forecasting.backtest.tape.notes import cost_words
from forecasting.backtest.traded_span import TradedSpan
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.survivorship import survivorship

SweepProgress = Callable[[str, int, int], None]
"""Called with a few words, how many configurations are traded, and how many there are."""


def sweep(
    forecast: Forecast,
    prices: Panel,
    grid: Grid,
    *,
    base: Configuration | None = None,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    trial_sharpes: Sequence[float] | None = None,
    notes: Sequence[str] = (),
    progress: SweepProgress | None = None,
) -> Sweep:
    """Trade a forecast under every configuration of a grid.

    A configuration gets what `backtest` would give it, to the last bit.

    Args:
        forecast: Made by any `Forecaster`; its tickers and times must be in `prices`.
        prices: The panel that was forecast.
        grid: Settings and their values: parameters of the strategy, costs (`cost_bps`,
            `slippage_bps`, `spread`, `impact`), terms of the account (`capital`,
            `participation_cap`, ...), `strategy`, `execution`, and `delay` in bars.
        base: All other settings; those of `backtest` by default.
        start: First day on which a decision may be made.
        end: Last day that is counted.
        trial_sharpes: Annual Sharpe ratios of other configurations that were tried on these bars,
            NaN for one without a result.
        notes: What else a reader has to know.
        progress: Called when a batch is traded.

    Raises:
        ConfigError: An unknown setting, a value that does not fit, or too many configurations.
        DataError: Prices and forecast do not belong together, the span has too few bars, or the
            prices do not have what an execution or a model of the spread needs.
    """
    prepared = prepare(forecast, prices, grid, base or Configuration(), start=start, end=end)
    return trade(prepared, trial_sharpes=trial_sharpes, notes=notes, progress=progress)


def trade(
    prepared: PreparedSweep,
    *,
    trial_sharpes: Sequence[float] | None = None,
    notes: Sequence[str] = (),
    progress: SweepProgress | None = None,
) -> Sweep:
    """Trade what is prepared, in batches that share a tape and decide on the same bars.

    Of each batch only returns and statistics are kept, so that memory stays bounded.

    Args: as `sweep`.

    Raises:
        ConfigError: A combination of values that each fit alone does not.
    """
    span, configurations = prepared.span, prepared.configurations
    n, times, bars_per_year = len(configurations), span.panel.times, span.prices.bars_per_year
    statistics = {name: np.full(n, np.nan) for name in STATISTICS}
    # A column a configuration, each in one piece: batches fill columns, statistics read them.
    returns = np.empty((n, len(times) - 1)).T
    done = 0
    for batch in batches(configurations, lambda each: plan_of(span, each), times):
        rows = list(batch.rows)
        ledger = simulate_batch(
            prepared.tapes[batch.tape],
            batch.policy,
            [configurations[row].costs for row in rows],
            [configurations[row].account for row in rows],
        )
        found = summarise_batch(ledger, bars_per_year)
        for name in STATISTICS:
            statistics[name][rows] = found[name]
        returns[:, rows] = ledger.returns
        done += len(rows)
        if progress is not None:
            progress("trading", done, n)
    tapes = prepared.tapes.values()
    first = next(iter(tapes))
    names = dict.fromkeys(each.execution for each in configurations)
    how = dict.fromkeys(Execution.choose(span.panel, name) for name in names)
    said = dict.fromkeys(
        [
            *(f"{each.describe()} {first.basis.describe()}" for each in how),
            f"Where the grid does not say otherwise: {cost_words(prepared.base.costs, first)}",
            *(note for tape in tapes for note in tape.notes),
        ]
    )
    return Sweep(
        forecaster=span.forecast.name,
        grid=prepared.grid,
        base=prepared.base,
        table=sweep_table(prepared.grid, statistics),
        returns=returns,
        times=times,
        bars_per_year=bars_per_year,
        trial_sharpes=None if trial_sharpes is None else tuple(trial_sharpes),
        notes=(survivorship(span.panel), *notes, *span.forecast.notes, *said),
        benchmarks=_benchmarks(span, prepared.base),
    )


def _benchmarks(span: TradedSpan, base: Configuration) -> dict[str, np.ndarray]:
    """Returns of each benchmark under the settings that a grid starts from."""
    tape = span.tape(Execution.choose(span.panel, base.execution), base.costs)
    return {
        plan.strategy: simulate(tape, plan.policy(tape.times), base.costs, base.account).returns
        for plan in benchmark_plans(span, None, base.parameters, base.costs)
    }
