"""Figures as pictures of a page: inlined, small, and with words for who does not see them."""

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
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
    image, small = _drawn(figure), BytesIO()
    image.quantize(_COLORS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    data = base64.b64encode(small.getvalue()).decode()
    return Picture(Markup("data:image/png;base64,") + data, alt, image.width, image.height)


def _drawn(figure: Figure) -> Image.Image:
    """The pixels that `savefig` would encode; the figure keeps its own resolution."""
    own_dpi, figure.dpi = figure.dpi, _DPI
    try:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return Image.fromarray(pixels).convert("RGB")
    finally:
        figure.dpi = own_dpi
