"""A strategy and the terms on which it trades a model's forecasts."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.sweep.configuration import Configuration
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

    def trade(
        self,
        forecast: Forecast,
        span: JudgedSpan,
        *,
        tickers: Sequence[str] | None = None,
        end: str | None = None,
        trial_sharpes: np.ndarray | None = None,
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
            ConfigError: The strategy or a parameter is not valid, or decisions are delayed, which
                a sweep tries.
            DataError: The span has no forecast, or too few bars.
        """
        if self.delay:
            raise ConfigError(
                f"delay = {self.delay}: expected 0 for a single backtest. Sweep it instead."
            )
        return backtest(
            forecast.select(tickers) if tickers else forecast,
            span.prices,
            strategy=str(self.strategy) if isinstance(self.strategy, Path) else self.strategy,
            costs=self.costs,
            account=self.account,
            start=span.start,
            end=end,
            execution=self.execution,
            parameters=self.parameters,
            trial_sharpes=None if trial_sharpes is None else trial_sharpes.tolist(),
            notes=(*notes, *self.notes()),
        )

    def _source(self) -> bytes | None:
        """The strategy's own code; None of a name, or where it cannot be read."""
        if callable(self.strategy):
            try:
                return inspect.getsource(self.strategy).encode()
            except (OSError, TypeError):
                return None
        file = Path(self.strategy)
        return file.read_bytes() if file.is_file() else None


def make_terms(
    strategy: str | Path | Callable[..., Any],
    *,
    cost_bps: float | int,
    slippage_bps: float | int,
    spread: str,
    impact: float | int,
    execution: str,
    parameters: dict[str, Any],
    **account: Any,
) -> Terms:
    """The terms by the names that the verb `backtest` gives them; `account` is of `AccountTerms`.

    Raises:
        ConfigError: A cost or a term of the account lies outside its range.
    """
    costs = Costs(cost_bps, slippage_bps, SpreadModel.choose(spread), impact)
    return Terms(strategy, costs, AccountTerms(**account), execution, parameters)
