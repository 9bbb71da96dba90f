"""Calibration that lasts: intervals that keep their promise while the market changes."""
