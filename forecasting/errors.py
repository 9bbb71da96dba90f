"""Errors that a user can act on: what came, what was expected, what to do next.

The command line prints the message of a `ForecastingError` on one line and exits with 1; every
other exception is a defect of this program and keeps its traceback.
"""


class ForecastingError(Exception):
    """Base of all errors that are the outside world's: data, settings, files, network."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ConfigError(ForecastingError):
    """A recipe or an override that cannot be used."""


class DataError(ForecastingError):
    """Prices that are missing, malformed or not enough."""


class SourceError(ForecastingError):
    """A price source that did not answer."""


class ModelFileError(ForecastingError):
    """A model folder that is incomplete, damaged or of another shape than its recipe."""


class TrackingError(ForecastingError):
    """An MLflow store that cannot be reached, or does not have the run that is asked for."""
