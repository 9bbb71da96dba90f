"""The leak audit of a user's own code, without a model: a feature function, or a strategy.

A features file has a function `features(panel)` that returns an array (time, ticker) or (time,
ticker, feature), known row by row at the close of its bar, NaN where there is nothing. Features
that look at other tickers on purpose (a rank, a market mean) say so by a line `MARKET = True`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.strategies.user_strategy import LooksAheadError
from forecasting.config.user_file import in_words, load_function
from forecasting.errors import ConfigError, DataError, ForecastingError
from forecasting.evaluation.audit.audit import Audit
from forecasting.evaluation.audit.finding import Finding, Outcome, worst_of
from forecasting.evaluation.audit.future_perturbation import (
    FUTURE_PERTURBATION,
    future_perturbation,
)
from forecasting.evaluation.audit.information import INFORMATION_ALARM, feature_alarm
from forecasting.evaluation.audit.other_prices import OTHER_PRICES, other_prices
from forecasting.evaluation.audit.panel_independence import PANEL_INDEPENDENCE, panel_independence
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.truncation import TRUNCATION, truncation
from forecasting.evaluation.audit.warm_up import WARM_UP_SENSITIVITY, warm_up
from forecasting.evaluation.baselines.linear import LinearT
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.features import look_back
from forecasting.market.panel import Panel
from forecasting.market.sequences import VOLATILITY_DECAY, make_sequences
from forecasting.workflow.audit.answers import Remembered, order_stage
from forecasting.workflow.audit.audit import Progress, Test, conclude, run_tests
from forecasting.workflow.audit.spans import audit_spans

USER_TESTS = (
    FUTURE_PERTURBATION,
    TRUNCATION,
    WARM_UP_SENSITIVITY,
    PANEL_INDEPENDENCE,
    INFORMATION_ALARM,
)
"""What a user's code has to pass."""
HINTS = {
    FUTURE_PERTURBATION: "see e.g. shift(-1), centred windows, whole-sample means and deviations",
    TRUNCATION: "see e.g. whole-sample means and deviations, or filling backwards",
    WARM_UP_SENSITIVITY: "see e.g. cumulative sums and means since the first bar",
    PANEL_INDEPENDENCE: "if it means to look at other tickers, add a line MARKET = True",
    OTHER_PRICES: "see e.g. a file that it opens, or what it keeps between calls",
    INFORMATION_ALARM: "see e.g. a column that is, or contains, the return to be forecast",
}
"""Where to look first."""

# A bar that the audit cuts at lies behind as many bars as common features look back.
_NEEDED = 260
_CUTS = 6
_EVERYWHERE = 40
_FEATURES = ("features", "features(panel)")
_LEAST_HISTORY = 32
# What the baseline's fit on the first half was found to need.
_BARS_OF_ONE, _BARS_OF_FOUR = 670, 300


def audit_features(path: Path, prices: Panel, *, progress: Progress | None = None) -> Audit:
    """Audit the function `features(panel)` of a user's file.

    Args:
        path: Python file.
        prices: To compute them on.
        progress: Called before each test and at the end.

    Raises:
        ConfigError: No such file, one that does not run, or features that are none.
        DataError: The prices are too short.
    """
    started = time.perf_counter()
    function = load_function(path, *_FEATURES)
    looks_around = bool(function.__globals__.get("MARKET", False))
    stage = Stage(
        "features(panel)",
        # The file is run anew for each panel: what it kept of another one is gone.
        lambda panel: _features(path, load_function(path, *_FEATURES), panel),
        per_ticker=not looks_around,
        market="MARKET = True" if looks_around else "",
    )
    _require_values(path, stage.compute(prices))
    tests: list[tuple[str, Test]] = [
        (FUTURE_PERTURBATION, lambda: _everywhere(stage, prices)),
        *_tests(lambda _: stage, prices),
        (OTHER_PRICES, lambda: (other_prices(stage.compute, prices, stage=stage.name),)),
    ]
    findings = worst_of(run_tests(tests, progress))
    compulsory = (*USER_TESTS, OTHER_PRICES)
    return conclude(f"features of {path.name}", _hinted(findings), compulsory, prices, started)


def audit_strategy(strategy: str, prices: Panel, *, progress: Progress | None = None) -> Audit:
    """Audit a strategy on the forecasts of a linear baseline, fitted on the first half of prices.

    Args:
        strategy: A name, or the path of a Python file.
        prices: To forecast and decide on.
        progress: Called before each test and at the end.

    Raises:
        ConfigError: The strategy is not valid.
        DataError: The prices are too short.
    """
    started = time.perf_counter()
    baseline = _linear(prices)
    tests = [name for name in USER_TESTS if name != WARM_UP_SENSITIVITY]

    def stage(panel: Panel) -> Stage:
        # Every bar decides, so that no day of the week is left out; an optimiser is too slow.
        optimises = strategy in STRATEGIES and STRATEGIES[strategy].extra is not None
        every = {"rebalance_every": 21 if optimises else 1}
        return replace(
            order_stage(Remembered(baseline), panel, strategy, every), name="strategy orders"
        )

    try:
        stage(prices).compute(prices)
        chosen = [(name, test) for name, test in _tests(stage, prices) if name in tests]
        findings = run_tests(chosen, progress)
    except LooksAheadError as error:
        leak = Finding(FUTURE_PERTURBATION, "strategy orders", Outcome.FAILED, str(error))
        findings = (leak,)
    else:
        findings = _hinted(findings)
    return conclude(f"strategy {strategy}", findings, tests, prices, started)


def _tests(stage_on: Callable[[Panel], Stage], prices: Panel) -> Sequence[tuple[str, Test]]:
    """The tests of one stage, made anew for each stretch of bars."""
    spans = audit_spans(prices, min(_NEEDED, len(prices.times) // 2), 1)

    def perturbed() -> tuple[Finding, ...]:
        parts = [
            future_perturbation([stage_on(span.panel)], span.panel, span.cuts, seed=k)
            for k, span in enumerate(spans)
        ]
        return worst_of(finding for part in parts for finding in part)

    last = spans[1]
    panel, stage = last.panel, stage_on(last.panel)
    n_bars = len(panel.times)
    cuts = np.linspace(last.cuts[0], n_bars - 2, _CUTS).astype(int).tolist()
    lengths = np.unique(
        np.geomspace(min(_LEAST_HISTORY, n_bars // 4), n_bars // 2, 8).astype(int)
    ).tolist()
    return (
        (FUTURE_PERTURBATION, perturbed),
        (TRUNCATION, lambda: truncation([stage], panel, cuts)),
        (WARM_UP_SENSITIVITY, lambda: warm_up([stage], panel, lengths)),
        (PANEL_INDEPENDENCE, lambda: panel_independence([stage], panel)),
        (INFORMATION_ALARM, lambda: (_alarm(stage_on(prices), prices),)),
    )


def _everywhere(stage: Stage, prices: Panel) -> tuple[Finding, ...]:
    """The future of many bars of the whole history: a leak may show on some days only."""
    n_bars = len(prices.times)
    low = min(_LEAST_HISTORY, n_bars // 2)
    cuts = np.random.default_rng(0).choice(
        np.arange(low, n_bars - 1), min(_EVERYWHERE, n_bars - 1 - low), replace=False
    )
    return future_perturbation([replace(stage, futures=("noise",))], prices, np.sort(cuts).tolist())


def _alarm(stage: Stage, prices: Panel) -> Finding:
    values = stage.compute(prices)
    grid = values if values.ndim == 3 else values[:, :, None]
    names = [f"column {j}" for j in range(grid.shape[2])] if grid.shape[2] > 1 else [stage.name]
    return feature_alarm(grid, names, prices, stage=stage.name)


def _features(path: Path, function: Callable[[Panel], object], panel: Panel) -> np.ndarray:
    """What the user's function says of a panel, if it is an array of features of it."""
    try:
        values = np.array(function(panel), dtype=float)
    except ForecastingError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"features file {path} failed with {in_words(error)} on {len(panel.times)} bars of "
            f"{len(panel.tickers)} tickers. Correct features()."
        ) from error
    if values.ndim not in (2, 3) or values.shape[:2] != panel.mask.shape:
        raise ConfigError(
            f"features file {path} returned an array of shape {values.shape}: expected (time, "
            f"ticker) = {panel.mask.shape}, or a third axis of features. Correct features()."
        )
    return values


def _require_values(path: Path, values: np.ndarray) -> None:
    if not np.isfinite(values).any():
        raise ConfigError(
            f"features file {path} returned no number that is finite: expected NaN only where "
            "there is nothing. Correct features()."
        )


def _linear(prices: Panel) -> Forecaster:
    """Linear-t on the features of closes, so that expected returns differ between tickers."""
    counts, needed = prices.mask.sum(axis=0), look_back("close")
    if prices.member is None and counts.min() < needed:
        ticker = prices.tickers[int(counts.argmin())]
        raise DataError(
            f"{ticker} has {counts.min()} bars in {prices.source}: expected at least {needed}, for "
            f"the forecasts that a strategy is audited on. Leave out {ticker}, or use longer "
            "histories."
        )
    sequences = make_sequences(prices, variant="close")
    rows = sequences.last_label < len(prices.times) // 2
    try:
        return LinearT.fit(sequences, rows, decay=VOLATILITY_DECAY)
    except DataError as error:
        raise DataError(
            f"{prices.source} has {len(prices.times)} bars of {len(counts)} "
            f"ticker{'s' if len(counts) > 1 else ''}: expected about {_BARS_OF_ONE} of one ticker "
            f"or {_BARS_OF_FOUR} of four, for a strategy is audited on forecasts that are fitted "
            "on the first half. Use longer histories, or more tickers."
        ) from error


def _hinted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Failures with a word on where to look."""
    return tuple(
        replace(each, measured=f"{each.measured}; {HINTS[each.test]}")
        if each.outcome is Outcome.FAILED and each.test in HINTS
        else each
        for each in findings
    )
