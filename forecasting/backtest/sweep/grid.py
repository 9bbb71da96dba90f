"""A grid of settings: every combination of the values of its axes is one configuration."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from forecasting.errors import ConfigError

MOST_CONFIGURATIONS = 100_000
"""Configurations of a grid; beyond them a search by hand has become one by chance."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_EXAMPLE = "name=value,value or name=first:last:step, such as top_k=3,5,10 or cost_bps=0:20:5"


@dataclass(frozen=True)
class Grid:
    """Axes and their values, in the order in which they were given.

    Attributes:
        axes: Name of a setting to its values, each once: numbers, words, or None for what is off.

    Raises:
        ConfigError: There is no axis, one has no values or one twice, or there are more than
            `MOST_CONFIGURATIONS` combinations.
    """

    axes: dict[str, tuple[Any, ...]]

    def __post_init__(self) -> None:
        if not self.axes:
            raise ConfigError(f"the grid is empty: expected {_EXAMPLE}. Name an axis.")
        for name, values in self.axes.items():
            _check_axis(name, values)
        if self.size > MOST_CONFIGURATIONS:
            lengths = " x ".join(f"{len(values)} {name}" for name, values in self.axes.items())
            raise ConfigError(
                f"the grid has {self.size:,} configurations ({lengths}): expected at most "
                f"{MOST_CONFIGURATIONS:,}. Leave values out; the best of more is luck in any case."
            )

    @classmethod
    def of(cls, axes: Mapping[str, Any]) -> "Grid":
        """The grid of names and their values, such as `{"top_k": [3, 5], "cost_bps": range(9)}`.

        Raises:
            ConfigError: As for the grid, or the values are no list of numbers, words and None.
        """
        made = {}
        for name, values in axes.items():
            if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
                raise ConfigError(f"grid axis {name} = {values!r}: expected a list of values.")
            made[name] = tuple(_plain(name, value) for value in values)
        return cls(made)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Grid":
        """The grid of texts such as `top_k=3,5,10`, `cost_bps=0:20:5` or both with a blank between.

        A range holds its last value where a whole number of steps leads there; its step is 1 by
        default. `none` switches a setting off, `true` and `false` are no words.

        Raises:
            ConfigError: A text is none of these, an axis comes twice, or as for the grid.
        """
        axes: dict[str, tuple[Any, ...]] = {}
        for text in itertools.chain.from_iterable(each.split() for each in texts):
            name, separator, values = text.partition("=")
            if not separator or not name.isidentifier():
                raise ConfigError(f"--grid {text!r}: expected {_EXAMPLE}. Correct it.")
            if name in axes:
                raise ConfigError(
                    f"--grid {text!r}: {name} came before, expected each axis once. Put all its "
                    "values behind one name."
                )
            axes[name] = tuple(
                itertools.chain.from_iterable(_values(text, part) for part in values.split(","))
            )
        return cls(axes)

    def __str__(self) -> str:
        """The text that `parse` reads."""
        return " ".join(
            f"{name}={','.join(_text(value) for value in values)}"
            for name, values in self.axes.items()
        )

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return math.prod(len(values) for values in self.axes.values())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each configuration as name to value; the last axis changes fastest."""
        for values in itertools.product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))


def _check_axis(name: str, values: tuple[Any, ...]) -> None:
    if not values:
        raise ConfigError(f"grid axis {name} has no values: expected at least one. Add it.")
    seen: list[Any] = []
    for value in values:
        alike = [other for other in seen if isinstance(value, bool) == isinstance(other, bool)]
        if value in alike:
            raise ConfigError(
                f"grid axis {name} has {_text(value)} twice: expected each value once, for each "
                "configuration counts. Drop the repeat."
            )
        seen.append(value)


def _values(text: str, part: str) -> tuple[Any, ...]:
    """What stands between two commas: a value, or the values of a range."""
    if not part:
        raise ConfigError(f"--grid {text!r}: a value is missing, expected {_EXAMPLE}. Add it.")
    if found := _RANGE.fullmatch(part):
        return _range(part, *(Decimal(number) for number in found.groups(default="1")))
    if ":" in part and part[0] in "+-.0123456789":
        raise ConfigError(
            f"--grid {text!r}: {part!r} is no range, expected {_EXAMPLE}. Correct it."
        )
    return (_plain(text, _value(part)),)


def _value(part: str) -> Any:
    """None, a truth value, a whole number, a number or a word."""
    named = {"none": None, "true": True, "false": False}
    if part.lower() in named:
        return named[part.lower()]
    for kind in (int, float):
        try:
            return kind(part)
        except ValueError:
            continue
    return part


def _range(text: str, first: Decimal, last: Decimal, step: Decimal) -> tuple[int | float, ...]:
    """first, first + step, ... up to last, in decimal arithmetic: 0:0.3:0.1 ends with 0.3."""
    if step <= 0 or last < first:
        raise ConfigError(
            f"range {text!r} of the grid is empty: expected first:last:step with first at most "
            "last and a step above 0. Correct it."
        )
    count = int((last - first) / step) + 1
    if count > MOST_CONFIGURATIONS:
        raise ConfigError(
            f"range {text!r} of the grid has {count:,} values: expected at most "
            f"{MOST_CONFIGURATIONS:,}. Take a wider step."
        )
    values = [first + k * step for k in range(count)]
    if all(number == number.to_integral_value() for number in (first, step)):
        return tuple(int(value) for value in values)
    return tuple(float(value) for value in values)


def _plain(name: str, value: Any) -> Any:
    """A number, a word or None; numbers of NumPy as Python's own."""
    item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(item, float) and not math.isfinite(item):
        raise ConfigError(f"grid {name}: a value is {item}, expected finite numbers. Correct it.")
    if item is None or isinstance(item, bool | int | float | str):
        return item
    raise ConfigError(f"grid {name}: {item!r} is no value, expected numbers or words. Correct it.")


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
