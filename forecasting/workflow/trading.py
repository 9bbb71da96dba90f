"""A strategy and the terms on which it trades a model's forecasts."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import plan_for, require_known
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.sweep.configuration import Configuration
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.workflow.judged_span import JudgedSpan


class Terms(Configuration):
    """A configuration that trades a model's forecasts and that the trial ledger can name."""

    def configuration(self) -> dict[str, Any]:
        """The terms as plain values; a file or a function counts by what stands in it."""
        source = self._source()
        found = {} if source is None else {"sha256": hashlib.sha256(source).hexdigest()}
        return self.plain() | found

    def notes(self) -> tuple[str, ...]:
        """What has to be said of how the ledger knows the strategy."""
        if callable(self.strategy) and self._source() is None:
            return (
                f"The trial ledger knows {self.name} by its name alone: its source cannot be read, "
                "so that a changed function of the same name counts as the same.",
            )
        return ()

    def require_known(self) -> None:
        """Refuse a strategy and parameters that no forecast can save, before there is one.

        Raises:
            ConfigError: An unknown strategy or parameter, or decisions are delayed, which a sweep
                tries.
        """
        if self.delay:
            raise ConfigError(
                f"delay = {self.delay}: expected 0 for a single backtest. Sweep it instead."
            )
        require_known(self._chosen, self.parameters)

    def require_tradable(
        self,
        forecast: Forecast,
        span: JudgedSpan,
        *,
        tickers: Sequence[str] | None = None,
        end: str | None = None,
    ) -> None:
        """Refuse what cannot be traded before the look is counted, for nothing is scored yet.

        A built-in strategy decides once, at the first bar. A user's own may need more bars than
        one, and is asked when it trades.

        Raises:
            ConfigError: A parameter does not fit the tickers or the forecast.
            DataError: The span has no forecast or too few bars, or the prices do not have what the
                execution or the model of the spread needs.
        """
        chosen = forecast.select(tickers) if tickers else forecast
        whole = TradedSpan.of(chosen, span.prices, span.start, end)
        whole.tape(Execution.choose(whole.panel, self.execution), self.costs)
        if isinstance(self._chosen, str) and self._chosen in STRATEGIES:
            first = whole.panel.times[0]
            opening = TradedSpan.of(chosen, span.prices, first, first, least_bars=1)
            plan_for(opening, self._chosen, self.parameters, self.costs)

    def trade(
        self,
        forecast: Forecast,
        span: JudgedSpan,
        *,
        tickers: Sequence[str] | None = None,
        end: str | None = None,
        trial_sharpes: Sequence[float] | None = None,
        notes: Sequence[str] = (),
    ) -> Backtest:
        """Trade the forecasts of a span.

        Args:
            forecast: Of the span's prices.
            span: The bars.
            tickers: Trade only these.
            end: The last day that was asked for.
            trial_sharpes: Annual Sharpe ratios of the other configurations that were tried on
                these bars; None where they were not counted.
            notes: What has to be said of the span.

        Raises:
            ConfigError: As `require_known`, or a parameter does not fit.
            DataError: The span has no forecast, or too few bars.
        """
        self.require_known()
        return backtest(
            forecast.select(tickers) if tickers else forecast,
            span.prices,
            strategy=self._chosen,
            costs=self.costs,
            account=self.account,
            start=span.start,
            end=end,
            execution=self.execution,
            parameters=self.parameters,
            trial_sharpes=trial_sharpes,
            notes=(*notes, *self.notes()),
        )

    @property
    def _chosen(self) -> str | Callable[..., Any]:
        """The strategy as the plan wants it."""
        return str(self.strategy) if isinstance(self.strategy, Path) else self.strategy

    def _source(self) -> bytes | None:
        """The strategy's own code; None of a name, or where it cannot be read."""
        if callable(self.strategy):
            try:
                return inspect.getsource(self.strategy).encode()
            except (OSError, TypeError):
                return None
        file = Path(self.strategy)
        return file.read_bytes() if file.is_file() else None
