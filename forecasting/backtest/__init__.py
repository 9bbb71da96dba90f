"""Forecasts traded with costs, one bar after each decision, against the simplest portfolios."""

from forecasting.backtest.accounting.ledger import Ledger as Ledger
from forecasting.backtest.accounting.simulate import simulate as simulate
from forecasting.backtest.accounting.terms import AccountTerms as AccountTerms
from forecasting.backtest.backtest import backtest as backtest
from forecasting.backtest.book import Backtest as Backtest
from forecasting.backtest.book import Comparison as Comparison
from forecasting.backtest.costs import Costs as Costs
from forecasting.backtest.execution import Execution as Execution
from forecasting.backtest.strategies.registry import STRATEGIES as STRATEGIES
