"""Trained models for other programs: the MLflow pyfunc."""
