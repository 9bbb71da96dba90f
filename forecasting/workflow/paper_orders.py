"""Paper trading: what a strategy would order for the next session, from the newest bar.

To forecast the newest bar is not to score it: nothing is counted, and a sealed hold-out is traded
like any other bar.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan, plan_for
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.tape.notes import cost_words
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.calendars import NEW_YORK, local_time
from forecasting.market.panel import Panel, day
from forecasting.report.captions import IN_SAMPLE, counted
from forecasting.workflow.arguments import require_bars, require_model, terms_of
from forecasting.workflow.next_session import next_session, warnings_of_age
from forecasting.workflow.paper_account import send_orders
from forecasting.workflow.positions import account_of
from forecasting.workflow.trading import Terms

_DAILY = "1d"


@dataclass(frozen=True, eq=False)
class PaperOrders:
    """Orders for the next session.

    Attributes:
        forecaster: Who made the forecasts.
        strategy: Name of the strategy.
        parameters: All of them, also those left at their default.
        decided: The newest bar, at whose close the orders are decided.
        session: Day of the session in which they are to be filled.
        decides: Whether the strategy decides at this bar; if not, only exits and margin calls are
            ordered.
        cash: Of the account, before the orders.
        equity: Cash and holdings at the newest close.
        orders: As `SentOrders.table`.
        timing: When it is filled, in words.
        costs: What trading costs, in words.
        notes: What a reader has to know.
    """

    forecaster: str
    strategy: str
    parameters: dict[str, Any]
    decided: np.datetime64
    session: np.datetime64
    decides: bool
    cash: float
    equity: float
    orders: pd.DataFrame
    timing: str
    costs: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it; dates as YYYY-MM-DD."""
        return {
            "forecaster": self.forecaster,
            "strategy": self.strategy,
            "parameters": self.parameters,
            "decided": day(self.decided),
            "session": day(self.session),
            "decides": self.decides,
            "cash": self.cash,
            "equity": self.equity,
            "orders": self.orders,
            "timing": self.timing,
            "costs": self.costs,
            "notes": list(self.notes),
        }


def paper_orders(
    model: NetworkForecaster,
    prices: Panel,
    *,
    strategy: str | Path | Callable[..., Any] = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    held: Mapping[str, float] | None = None,
    cash: float | int | None = None,
    calendar: str = NEW_YORK,
    now: np.datetime64 | None = None,
    **settings: Any,
) -> PaperOrders:
    """Decide at the newest bar what to order for the next session.

    Without holdings the account begins today, in cash: the newest bar is its first decision. With
    holdings it goes on: the strategy decides in its own rhythm, counted from `start`.

    Args:
        model: A trained model.
        prices: Daily bars to the newest.
        strategy: A name, the path of a Python file, or a function.
        tickers: Trade only these.
        start: First decision of the account that goes on; the model's first unseen bar by default.
        held: Ticker to shares held, signed; None for an account that begins with
            the setting `capital`.
        cash: Beside the holdings, in the currency of the prices; negative is borrowed.
        calendar: Of the exchange, for the next session and the age of the newest bar.
        now: Time on the exchange's clock; the computer's by default.
        settings: Costs, account and parameters of the strategy, as for `sweep`.

    Raises:
        ConfigError: The strategy is not valid, it remembers more than holdings say, or holdings and
            cash do not come together.
        DataError: The bars are not daily, there is no forecast, a ticker held is not traded, or the
            account is worth nothing.
    """
    require_model(model)
    require_bars(prices, tickers, start)
    terms = terms_of(strategy, settings)
    terms.require_known()
    forecast = model.forecast(prices)
    first = np.datetime64(start or model.corpus.test_start, "ns")
    made = orders_from(
        forecast.select(tickers) if tickers else forecast,
        prices,
        terms,
        first=first,
        held=held,
        cash=cash,
        calendar=calendar,
        now=now,
    )
    return replace(made, notes=(*_seen(model, made.decided), *made.notes))


def orders_from(
    forecast: Forecast,
    prices: Panel,
    terms: Terms,
    *,
    first: np.datetime64,
    held: Mapping[str, float] | None = None,
    cash: float | int | None = None,
    calendar: str = NEW_YORK,
    now: np.datetime64 | None = None,
) -> PaperOrders:
    """The orders of `paper_orders` from a forecast of these prices; `first` is its `start`."""
    _require_possible(prices, terms, held)
    panel = prices.select(forecast.tickers)
    newest = panel.times[-1]
    shares, money = account_of(panel, terms.account.capital, held, cash)
    span = _span(forecast, prices, newest if held is None else min(first, newest))
    chosen = terms.strategy if callable(terms.strategy) else str(terms.strategy)
    plan = plan_for(span, chosen, terms.parameters, terms.costs)
    how = Execution.choose(span.panel, terms.execution)
    tape = span.tape(how, terms.costs)
    sent = send_orders(tape, plan.policy(tape.times), terms.costs, terms.account, shares, money)
    if sent.equity <= 0:
        raise DataError(
            f"the account is worth {sent.equity:,.2f} at the close of {day(newest)}: expected more "
            "than nothing to trade with. Check the positions and --cash."
        )
    session = next_session(calendar, newest)
    clock = local_time(calendar) if now is None else now
    return PaperOrders(
        forecaster=forecast.name,
        strategy=plan.strategy,
        parameters=plan.parameters,
        decided=newest,
        session=session,
        decides=bool(plan.decides[-1]),
        cash=money,
        equity=sent.equity,
        orders=sent.table(panel.tickers, shares),
        timing=f"{how.describe()} {tape.basis.describe()}",
        costs=cost_words(terms.costs, tape),
        notes=(
            *warnings_of_age(calendar, newest, clock),
            *_rhythm(plan, begins=held is None),
            *forecast.notes,
            *tape.notes,
            *plan.notes,
            *sent.notes,
        ),
    )


def _require_possible(prices: Panel, terms: Terms, held: Mapping[str, float] | None) -> None:
    if prices.interval != _DAILY:
        raise DataError(
            f"{prices.source} has {prices.interval} bars: expected daily ones, for orders are for "
            "the next session. Leave resample= out."
        )
    if held is not None and terms.parameters.get("stop_quantile") is not None:
        raise ConfigError(
            "stop_quantile remembers when each holding began, which positions do not say: expected "
            "none. Leave it out, or begin in cash."
        )


def _span(forecast: Forecast, prices: Panel, first: np.datetime64) -> TradedSpan:
    """From the first bar with a forecast, at `first` or later, to the newest bar.

    Raises:
        DataError: There is no forecast at the newest bar.
    """
    newest = prices.select(forecast.tickers).times[-1]
    if not forecast.between(newest, newest).mask.any():
        raise DataError(
            f"no forecast at the newest bar of {prices.source}, {day(newest)}: expected one to "
            "decide from. Check the newest prices with `forecasting data check`."
        )
    return TradedSpan.of(forecast, prices, first, newest, least_bars=1)


def _seen(model: NetworkForecaster, newest: np.datetime64) -> list[str]:
    if not model.corpus.seen(newest):
        return []
    return [
        f"{IN_SAMPLE}: {model.name} was trained and chosen on bars before "
        f"{model.corpus.test_start[:10]}, so it has seen {day(newest)} and what came after."
    ]


def _rhythm(plan: Plan, *, begins: bool) -> list[str]:
    """Which decision of the strategy this is."""
    if begins:
        return ["The account begins today, in cash: the newest bar is its first decision."]
    every = plan.rules.rebalance_every
    decisions = np.flatnonzero(plan.decides)
    first = day(plan.forecast.times[decisions[0]])
    ago = len(plan.decides) - 1 - int(decisions[-1])
    if not ago:
        rhythm = "on every bar" if every == 1 else f"every {every} bars"
        return [f"A decision bar: {plan.strategy} decides {rhythm} from {first} on."]
    known = STRATEGIES.get(plan.strategy)
    said = f"No decision bar: {plan.strategy} decided {counted(ago, 'bar')} ago, and decides"
    only = "Orders here are exits and margin calls only"
    if known is not None and known.buys_once:
        return [f"{said} never again. {only}."]
    return [
        f"{said} in {counted(every - ago, 'bar')} again. {only}; --set rebalance_every=1 decides "
        "on every bar."
    ]
