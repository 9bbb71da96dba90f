"""A strategy and the terms on which it trades a model's forecasts."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.forecast.forecast import Forecast
from forecasting.workflow.judged_span import JudgedSpan


@dataclass(frozen=True)
class Terms:
    """What decides a backtest beside the forecasts and the prices.

    Attributes:
        strategy: A name such as `long_short`, or the path of a Python file.
        cost_bps: Commission, bps of traded notional.
        slippage_bps: Slippage, bps of traded notional.
        execution: `next_open`, `next_close` or `auto`.
        parameters: The strategy's own.
    """

    strategy: str
    cost_bps: float | int
    slippage_bps: float | int
    execution: str = "auto"
    parameters: dict[str, Any] = field(default_factory=dict)

    def configuration(self) -> dict[str, Any]:
        """The terms as plain values; a file counts by what stands in it."""
        file = Path(self.strategy)
        if not file.is_file():
            return asdict(self)
        return asdict(self) | {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}

    def trade(
        self,
        forecast: Forecast,
        span: JudgedSpan,
        *,
        tickers: Sequence[str] | None = None,
        end: str | None = None,
        notes: Sequence[str] = (),
    ) -> Backtest:
        """Trade the forecasts of a span.

        Args:
            forecast: Of the span's prices.
            span: The bars.
            tickers: Trade only these.
            end: The last day that was asked for.
            notes: What has to be said of the span.

        Raises:
            ConfigError: The strategy or a parameter is not valid.
            DataError: The span has no forecast, or too few bars.
        """
        return backtest(
            forecast.select(tickers) if tickers else forecast,
            span.prices,
            strategy=self.strategy,
            cost_bps=self.cost_bps,
            slippage_bps=self.slippage_bps,
            start=span.start,
            end=end,
            execution=self.execution,
            parameters=self.parameters,
            notes=notes,
        )
