"""Figures of a backtest, for the report and for notebooks."""
