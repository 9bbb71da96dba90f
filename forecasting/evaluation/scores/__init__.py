"""Scores: how well a forecast said what then happened."""
