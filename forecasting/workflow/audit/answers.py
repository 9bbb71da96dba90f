"""The stages of a fitted pipeline from the network's answer on: memory, orders, scored cells."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.plan import make_plan
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.calibration.calibrate import calibrate
from forecasting.evaluation.scores.cells import common_cells
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecast.law import Law
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.panel import Panel

NETWORK_TOLERANCE = 2e-5
"""Float noise of a pass over a history of another length, or of a step beside it."""
_LEVELS = (0.1, 0.9)
# What a strategy that reckons with costs is told, one way.
_COST = 0.001


@dataclass(eq=False)
class Remembered:
    """A forecaster that several stages ask about the same panel, and that works once.

    Attributes:
        forecaster: Who forecasts.
        name: Its name.
        horizons: Bars ahead.
    """

    forecaster: Forecaster
    _last: tuple[Panel, Forecast] | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Who forecasts."""
        return self.forecaster.name

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars ahead."""
        return self.forecaster.horizons

    def forecast(self, prices: Panel) -> Forecast:
        """The forecaster's answer."""
        if self._last is None or self._last[0] is not prices:
            self._last = prices, self.forecaster.forecast(prices)
        return self._last[1]


def forecast_stage(
    asked: Forecaster, *, name: str = "network", market: str = "", tolerance: float | int
) -> Stage:
    """Quantiles of a forecaster's answers.

    Args:
        asked: Who forecasts.
        name: What the stage is called.
        market: What it openly takes from other tickers.
        tolerance: Largest relative difference of equal answers.
    """
    return Stage(
        name,
        lambda panel: quantiles_of(asked.forecast(panel).law),
        tolerance,
        per_ticker=not market,
        market=market,
    )


def width_stage(asked: Forecaster, market: str) -> Stage:
    """Widths of the central half of a forecaster's answers: their scale."""
    return Stage(
        "network",
        lambda panel: asked.forecast(panel).law.interval_width(0.5),
        NETWORK_TOLERANCE,
        per_ticker=not market,
        market=market,
    )


def stepped_stage(model: NetworkForecaster, market: str, since: np.datetime64) -> Stage:
    """The forecasts of a stream that begins with the history before a time, then goes bar by bar.

    NaN in the history, whose forecasts the stream does not make bar by bar.
    """

    def compute(panel: Panel) -> np.ndarray:
        first = int(np.searchsorted(panel.times, since))
        stream = StreamingForecaster(model)
        begun = quantiles_of(stream.start(panel.at(slice(first))).law)
        steps = [
            quantiles_of(stream.advance(panel.at(slice(t, t + 1))).law)
            for t in range(first, len(panel.times))
        ]
        return np.concatenate([np.full_like(begun, np.nan), *steps])

    return Stage("carried state", compute, NETWORK_TOLERANCE, per_ticker=not market, market=market)


@dataclass(frozen=True, eq=False)
class WithoutNoise:
    """A forecaster whose answers agree to the last bit where they are equal but for float noise.

    Ranks and counts would turn float noise into other orders; what is a true difference stays one.

    Attributes:
        forecaster: Who forecasts.
        usual: Its answer to the prices as they are.
    """

    forecaster: Forecaster
    usual: Forecast

    @property
    def name(self) -> str:
        """Who forecasts."""
        return self.forecaster.name

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars ahead."""
        return self.forecaster.horizons

    def forecast(self, prices: Panel) -> Forecast:
        """The forecaster's answer, with the usual numbers where they differ by noise alone."""
        forecast, usual = self.forecaster.forecast(prices), self.usual
        rows = np.searchsorted(usual.times, forecast.times)
        columns = np.array([usual.tickers.index(ticker) for ticker in forecast.tickers])
        law = usual.law[np.ix_(rows, columns)]
        unit = law.interval_width(0.5)
        expected = iter(law.parameters().values())

        def snap(values: np.ndarray) -> np.ndarray:
            known = next(expected)
            size = np.abs(values) + unit.reshape(*unit.shape, *[1] * (values.ndim - unit.ndim))
            return np.where(np.abs(values - known) <= 2 * NETWORK_TOLERANCE * size, known, values)

        return replace(forecast, law=forecast.law.map(snap))


def calibration_stage(asked: Forecaster) -> Stage:
    """Where the calibrated bands of a forecaster's answers end.

    Args:
        asked: Who forecasts, `WithoutNoise`.
    """

    def compute(panel: Panel) -> np.ndarray:
        forecast = asked.forecast(panel)
        law = calibrate(forecast, panel).law
        return np.where(forecast.law.known[..., None], law.parameters()["threshold"], np.nan)

    return Stage("calibration", compute, market="what tickers share their bands")


def order_stage(
    asked: Forecaster, prices: Panel, strategy: str, parameters: dict[str, Any] | None = None
) -> Stage:
    """Orders of a strategy: its weights on the bars on which it decides, NaN on all others.

    A strategy that looks at what is held is taken to hold what it last wanted.

    Args:
        asked: Who forecasts, `WithoutNoise`.
        prices: As they are.
        strategy: A name, or the path of a Python file.
        parameters: The strategy's, by name.
    """
    # What a backtest would know at its first decision, whatever becomes of the panel.
    rate, count = prices.bars_per_year, len(prices.tickers)

    def compute(panel: Panel) -> np.ndarray:
        given = parameters or {}
        plan = make_plan(
            asked.forecast(panel), strategy, given, rate, count, prices=panel, cost=_COST
        )
        if plan.decide is None:
            return np.where(plan.decides[:, None], plan.weights, np.nan)
        return _followed(plan.policy(panel.times), panel.mask.shape)

    return Stage(f"strategy orders ({strategy})", compute, market="what the strategy compares")


def _followed(policy: Policy, shape: tuple[int, ...]) -> np.ndarray:
    """What a policy wants bar by bar of an account that holds what was wanted last."""
    held, orders = np.zeros((1, shape[1])), np.full(shape, np.nan)
    for bar in range(shape[0]):
        wanted = policy.decide(bar, held)
        if wanted is not None:
            held = np.where(np.isnan(wanted), held, wanted)
            orders[bar] = held[0]
    return orders


def filter_stage(asked: Forecaster) -> Stage:
    """Which cells are scored: they may hang on whether outcomes are there, not on what they are."""

    def compute(panel: Panel) -> np.ndarray:
        forecast = asked.forecast(panel)
        cells, _ = common_cells(panel, [forecast])
        scored = np.zeros((*panel.mask.shape, len(cells)))
        for j, part in enumerate(cells):
            scored[part.date, part.ticker, j] = 1.0
        return scored

    return Stage("test filter", compute, futures=("noise", "x1000"))


def quantiles_of(law: Law) -> np.ndarray:
    """Quantiles along a last axis, all of them far from zero in units of the law's scale."""
    return np.stack([law.quantile(level) for level in _LEVELS], axis=-1)
