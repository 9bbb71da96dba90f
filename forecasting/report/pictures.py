"""Figures as pictures of a page: inlined, small, and with words for who does not see them."""

import base64
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

_DPI = 160
_COLORS = 256
"""Of a picture's palette: a third of the bytes, and nobody sees it."""


@dataclass(frozen=True)
class Picture:
    """A figure as an image of the page.

    Attributes:
        source: A PNG as a data address.
        alt: What it shows, in words and numbers.
        width: Pixels.
        height: Pixels.
    """

    source: Markup
    alt: str
    width: int
    height: int


def picture(figure: Figure, alt: str) -> Picture:
    """Draw a figure.

    Args:
        figure: Any.
        alt: What it shows, in words and numbers.
    """
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    image = Image.open(drawn).convert("RGB")
    image.quantize(_COLORS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    data = base64.b64encode(small.getvalue()).decode()
    return Picture(Markup("data:image/png;base64,") + data, alt, image.width, image.height)
