"""One self-contained HTML file: verdicts, fan charts, calibration, equity, costs and warnings."""

from forecasting.report.report import Report as Report
