"""The data doctor: what is suspicious about prices, said and never repaired.

Pictures of findings: `forecasting.market.checks.plots`, apart because of matplotlib.
"""

from forecasting.market.checks.finding import Finding as Finding
from forecasting.market.checks.inspection import CHECKS as CHECKS
from forecasting.market.checks.inspection import inspect as inspect
