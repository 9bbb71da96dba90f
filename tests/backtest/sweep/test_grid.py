"""Grids: every combination once, read from text and back, nonsense refused in a line."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.sweep.grid import MOST_CONFIGURATIONS, Grid
from forecasting.errors import ConfigError

WORDS = st.from_regex(r"[a-z_]{2,12}(\.py)?", fullmatch=True).filter(
    lambda word: word not in ("none", "true", "false", "nan", "inf", "infinity")
)
VALUES = (
    st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | WORDS
)
NAMES = st.from_regex(r"[a-z_][a-z_0-9]{0,15}", fullmatch=True)
GRIDS = st.dictionaries(
    NAMES,
    st.lists(VALUES, min_size=1, max_size=5, unique_by=lambda v: (isinstance(v, bool), v)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_a_grid_reads_what_it_writes(axes: dict[str, list[object]]) -> None:
    grid = Grid.of(axes)
    again = Grid.parse([str(grid)])
    assert again == grid
    for values, others in zip(again.axes.values(), grid.axes.values(), strict=True):
        assert [type(value) for value in values] == [type(value) for value in others]


@settings(max_examples=40, deadline=None)
@given(st.integers(-50, 50), st.integers(0, 40), st.integers(1, 7), st.integers(0, 2))
def test_a_range_is_its_values(first: int, more: int, step: int, digits: int) -> None:
    unit = 10**digits
    texts = [f"{number / unit:.{digits}f}" for number in (first, first + more, step)]
    found = Grid.parse([f"x={':'.join(texts)}"]).axes["x"]
    wanted = [number / unit for number in range(first, first + more + 1, step)]
    assert list(found) == wanted
    whole = all(float(texts[k]).is_integer() for k in (0, 2))
    assert all(isinstance(value, int if whole else float) for value in found)


def test_every_combination_comes_once_and_the_last_axis_changes_fastest() -> None:
    grid = Grid.parse(["top_k=3,5 cost_bps=0:10:5", "no_trade_band=none,2.5"])
    assert grid.axes == {"top_k": (3, 5), "cost_bps": (0, 5, 10), "no_trade_band": (None, 2.5)}
    made = list(grid)
    assert grid.size == len(made) == 12
    assert len({tuple(each.items()) for each in made}) == 12
    assert [each["no_trade_band"] for each in made[:3]] == [None, 2.5, None]


def test_arrays_and_ranges_are_lists() -> None:
    grid = Grid.of({"top_k": range(1, 4), "cost_bps": np.array([0.0, 2.5])})
    assert grid.axes == {"top_k": (1, 2, 3), "cost_bps": (0.0, 2.5)}
    assert all(type(value) is float for value in grid.axes["cost_bps"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("top_k", "expected name=value"),
        ("3=4", "expected name=value"),
        ("=4", "expected name=value"),
        ("top_k=", "a value is missing"),
        ("top_k=1,,2", "a value is missing"),
        ("top_k=3,5,3", "top_k has 3 twice"),
        ("top_k=3,3.0", "top_k has 3.0 twice"),
        ("top_k=1:3,2", "top_k has 2 twice"),
        ("top_k=3 top_k=5", "top_k came before"),
        ("cost_bps=5:1", "is empty"),
        ("cost_bps=0:5:0", "is empty"),
        ("cost_bps=0:5:-1", "is empty"),
        ("cost_bps=1:2:3:4", "is no range"),
        ("cost_bps=1:b", "is no range"),
        ("cost_bps=nan", "finite numbers"),
        ("cost_bps=0:1e999", "is no range"),
        ("cost_bps=0:999999", "has 1,000,000 values"),
        ("a=1:400 b=1:400", f"160,000 configurations (400 a x 400 b): expected at most "
                            f"{MOST_CONFIGURATIONS:,}"),
    ],
)  # fmt: skip
def test_what_is_no_grid_is_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Grid.parse([text])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "axes", [{}, {"top_k": 3}, {"top_k": "3,5"}, {"top_k": []}, {"x": [[1]]}, {"x": [math.inf]}]
)
def test_what_is_no_list_of_values_is_refused(axes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="grid"):
        Grid.of(axes)


def test_no_text_is_no_grid() -> None:
    with pytest.raises(ConfigError, match="the grid is empty"):
        Grid.parse([" "])
