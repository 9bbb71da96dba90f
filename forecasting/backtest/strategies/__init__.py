"""Strategies: pure functions from forecasts and what is held to target weights."""
