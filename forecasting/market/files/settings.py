"""What a price file does not say of itself, and its user has to: `prices.csv:stamps=start`."""

from dataclasses import dataclass

from forecasting.errors import DataError
from forecasting.market.files.time_zones import check_zone_name
from forecasting.market.source_settings import check_setting_names, split_settings

FILE_SETTINGS = ("stamps", "timezone", "source_timezone", "quote")
_CHOICES = {"stamps": ("start", "end"), "quote": ("bid", "ask")}


@dataclass(frozen=True)
class FileSettings:
    """Where price files are, and how they are to be read.

    Attributes:
        path: The file, folder or glob.
        stamps: Whether bars are stamped with their `start` (then they are moved to their end, where
            a panel has them) or with their `end`; None where the user has not said, which takes
            them for ends and says so. Daily bars bear their day and take neither.
        timezone: The exchange's zone, such as `America/New_York`, to which the bar times are
            converted; None keeps the clock of the file.
        source_timezone: The zone of a file's times where they do not name it, such as `UTC`.
        quote: `bid` or `ask`, for files that have both.
    """

    path: str
    stamps: str | None = None
    timezone: str | None = None
    source_timezone: str | None = None
    quote: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise DataError(f"{name} is {value[:40]!r}: expected {' or '.join(choices)}.")
        for zone in (self.timezone, self.source_timezone):
            if zone is not None:
                check_zone_name(zone)
        if self.source_timezone is not None and self.timezone is None:
            raise DataError(
                f"source_timezone={self.source_timezone} came alone: expected timezone=ZONE beside "
                "it, the exchange's zone, to which the bar times are converted."
            )

    @classmethod
    def parse(cls, name: str) -> "FileSettings":
        """Read `PATH` or `PATH:setting=value,...`.

        Raises:
            DataError: No such setting or value.
        """
        path, settings = split_settings(name)
        check_setting_names(settings, FILE_SETTINGS, name)
        return cls(path, **settings)
