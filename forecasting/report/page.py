"""A page: one HTML file that opens anywhere and asks nobody.

The style sheet is inline, figures are data addresses, and a policy in the head forbids every
outside request and every script.
"""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from forecasting.errors import DataError


def render(template: str, content: Mapping[str, Any]) -> str:
    """The page that a template of `templates/` makes of the content; words are escaped."""
    environment = Environment(
        loader=PackageLoader("forecasting.report", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)


def write_page(page: str, path: Path) -> None:
    """Write a page; the file is whole or as it was.

    Raises:
        DataError: The path cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"the report {path} cannot be written ({error.strerror}): expected a file in a "
            "writable folder. Choose another path."
        ) from error
