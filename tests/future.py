"""Changing the future, as the leak audit does it: what every causal thing must survive."""

from forecasting.evaluation.audit.future import KINDS as KINDS
from forecasting.evaluation.audit.future import change_future as change_future
from forecasting.evaluation.audit.future import change_future_members as change_future_members
