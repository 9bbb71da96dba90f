"""Judging forecasts: baselines, proper scores, significance, calibration. No torch here."""

from forecasting.evaluation.evaluate import evaluate as evaluate
from forecasting.evaluation.evaluation import Evaluation as Evaluation
