"""Settings behind the name of a price source: `prices.csv:stamps=start,resample=1d`.

A colon parts the name from its settings, commas part these. A path that exists is a path, whatever
it is called.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from forecasting.errors import DataError

_SETTINGS = re.compile(r"(.+?):([a-z_]+=[^,:=]*(?:,[a-z_]+=[^,:=]*)*)", re.DOTALL)


def split_settings(name: str) -> tuple[str, dict[str, str]]:
    """The bare name of a source, and its settings.

    Raises:
        DataError: A setting came twice, or what follows a file's name is no setting.
    """
    match = _SETTINGS.fullmatch(name)
    if match is None or Path(name).exists():
        bare, colon, rest = name.partition(":")
        if colon and Path(bare).exists() and not Path(name).exists():
            raise DataError(
                f"{rest[:80]!r} behind {bare} are no settings: expected name=value, with commas "
                "between and no spaces, such as stamps=start,resample=1d."
            )
        return name, {}
    settings: dict[str, str] = {}
    for part in match[2].split(","):
        key, _, value = part.partition("=")
        if key in settings:
            raise DataError(f"{key} came twice in {name[:120]!r}: name each setting once.")
        settings[key] = value
    return match[1], settings


def join_settings(name: str, settings: dict[str, str]) -> str:
    """The opposite of `split_settings`."""
    text = ",".join(f"{key}={value}" for key, value in settings.items())
    return f"{name}:{text}" if text else name


def check_setting_names(settings: Iterable[str], known: Iterable[str], name: str) -> None:
    """Refuse a setting that a source does not know.

    Args:
        settings: Names that came.
        known: Names that there are.
        name: The source with its settings, for messages.

    Raises:
        DataError: Names the nearest one that it knows.
    """
    expected = tuple(known)
    for setting in settings:
        if setting not in expected:
            near = difflib.get_close_matches(setting, expected, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(expected)}."
            raise DataError(f"{setting!r} in {name[:120]!r} is no setting: {hint}")
