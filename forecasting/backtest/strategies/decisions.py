"""The decisions of strategies on the bars of their forecast, as a policy on the bars of a tape."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.strategies.parameters import TradingRules
from forecasting.backtest.strategies.rules.decision_function import DecisionFunction, Together
from forecasting.backtest.strategies.rules.no_trade_band import NoTradeBand
from forecasting.backtest.strategies.rules.placing import Placing
from forecasting.backtest.strategies.rules.quantile_stop import QuantileStop
from forecasting.backtest.strategies.scores import horizon_index, predicted_quantile
from forecasting.forecast.forecast import Forecast

Decide = Callable[[Forecast, np.ndarray], object]


@dataclass(frozen=True, eq=False, kw_only=True)
class Decisions:
    """What is wanted at the closes of a forecast.

    Attributes:
        name: Who decides, for messages.
        forecast: What is decided from.
        weights: Target weights on the bars of the forecast, known at their close; NaN where they
            depend on what is held.
        decides: On which of these bars an order is sent.
        horizon: Bars ahead that the strategy looks.
        rules: What holds for every strategy.
        cost: One-way cost of trading that the rules reckon with, share of notional.
        decide: From the forecast up to a bar and the weights held to those wanted, for a strategy
            that looks at what is held; None for one that has its `weights` beforehand.
    """

    name: str
    forecast: Forecast = field(repr=False)
    weights: Float[np.ndarray, "time ticker"] = field(repr=False)
    decides: Bool[np.ndarray, " time"] = field(repr=False)
    horizon: int
    rules: TradingRules
    cost: float | int = 0.0
    decide: Decide | None = field(default=None, repr=False)

    def policy(self, times: np.ndarray, *, delay: int = 0) -> Policy:
        """The decisions on the bars of a tape, for one simulation; see `policy_of`."""
        return policy_of([self], times, delay=delay)


def policy_of(plans: Sequence[Decisions], times: np.ndarray, *, delay: int = 0) -> Policy:
    """The decisions of several plans on one forecast as one policy, a configuration each.

    Forecast rows are matched by time. A configuration that does not decide on a bar on which
    another does has weights of NaN there: its holdings and orders are left alone.

    Args:
        plans: In the order of the configurations.
        times: Bar times of the tape, ascending.
        delay: Bars by which every decision comes too late.

    Raises:
        DataError: The tape lacks the bar of a decision.
        ValueError: The plans decide from different forecasts; or one has a stop, which takes every
            answer for a decision, and they decide on different bars.
    """
    forecast = plans[0].forecast
    if any(plan.forecast is not forecast for plan in plans):
        raise ValueError("the plans of one policy must decide from one forecast")
    on_time = Placing.of(forecast, times)
    on_time.require(forecast, np.logical_or.reduce([plan.decides for plan in plans]))
    placing = on_time.later(delay)
    policy = _wanted(plans, placing)
    bands = [
        0.0 if plan.rules.no_trade_band is None else plan.cost / plan.rules.no_trade_band
        for plan in plans
    ]
    if any(bands):
        variance = _of_each(
            [plan.horizon for plan in plans], lambda h: placing.put(_variance(forecast, h), np.nan)
        )
        policy = NoTradeBand(policy, variance, np.array(bands))
    if any(plan.rules.stop_quantile is not None for plan in plans):
        if any((plan.decides != plans[0].decides).any() for plan in plans):
            raise ValueError("plans with a stop must decide on the same bars")
        policy = _stopped(policy, plans, on_time, placing)
    return policy


def _wanted(plans: Sequence[Decisions], placing: Placing) -> Policy:
    """What the strategies themselves want."""
    if any(plan.decide is not None for plan in plans):
        each = tuple(_by_itself(plan, placing) for plan in plans)
        return each[0] if len(each) == 1 else Together(each)
    decides = placing.put(np.logical_or.reduce([plan.decides for plan in plans]), False)
    if len(plans) == 1:
        return Targets(placing.put(plans[0].weights, 0.0), decides)
    weights = np.full((len(plans), placing.n_bars, plans[0].weights.shape[1]), np.nan)
    for c, plan in enumerate(plans):
        placing.put_into(weights[c], plan.weights, plan.decides)
    return Targets(weights, decides)


def _by_itself(plan: Decisions, placing: Placing) -> Policy:
    if plan.decide is None:
        return _wanted([plan], placing)
    return DecisionFunction(plan.decide, plan.forecast, placing.rows(plan.decides), plan.name)


def _stopped(
    policy: Policy, plans: Sequence[Decisions], on_time: Placing, placing: Placing
) -> QuantileStop:
    """The policy with the stops of those plans that have one."""
    forecast = plans[0].forecast
    nothing = np.full(forecast.mask.shape, np.nan)

    def limits(above: bool) -> np.ndarray:
        def limit(key: tuple[int, float | None]) -> np.ndarray:
            horizon, level = key
            if level is None:
                return placing.put(nothing, np.nan)
            return placing.put(
                predicted_quantile(forecast, horizon, 1 - level if above else level), np.nan
            )

        return _of_each([(plan.horizon, plan.rules.stop_quantile) for plan in plans], limit)

    return QuantileStop(
        policy,
        log_price=on_time.put(np.log(forecast.price), np.nan),
        lower=limits(above=False),
        upper=limits(above=True),
        horizon=np.array([plan.horizon for plan in plans]),
    )


def _variance(forecast: Forecast, horizon: int) -> Float[np.ndarray, "time ticker"]:
    """Of the log return over a horizon; NaN where nothing is forecast."""
    column = horizon_index(forecast, horizon)
    return np.where(forecast.mask, forecast.volatility[:, :, column] ** 2, np.nan)


def _of_each(keys: Sequence[Hashable], made: Callable[..., np.ndarray]) -> np.ndarray:
    """One array for all configurations where they share a key, else one a configuration."""
    distinct = {key: made(key) for key in dict.fromkeys(keys)}
    if len(distinct) == 1:
        [shared] = distinct.values()
        return shared
    return np.stack([distinct[key] for key in keys])
