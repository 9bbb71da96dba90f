"""A picture is the figure as MLflow and a notebook would save it, in fewer colours."""

import base64
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.report.pictures import picture


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def saved(figure: Figure) -> np.ndarray:
    """The slow way: a PNG by `savefig`, read again and given a palette."""
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=160)
    image = Image.fromarray(pixels(drawn.getvalue()))
    image.quantize(256, dither=Image.Dither.NONE).save(small, "png")
    return pixels(small.getvalue())


@pytest.mark.parametrize("name", list(FIGURES))
def test_pixels_are_those_of_a_saved_figure(name: str, book: Backtest) -> None:
    figure = FIGURES[name](book)
    own_dpi = figure.dpi
    made = picture(figure, "words")
    assert figure.dpi == own_dpi
    found = pixels(base64.b64decode(made.source.partition(",")[2]))
    assert found.shape[:2] == (made.height, made.width)
    np.testing.assert_array_equal(found, saved(FIGURES[name](book)))
