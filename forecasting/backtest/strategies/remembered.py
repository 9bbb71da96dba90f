"""Answers about a forecast that many plans share are worked out once."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from forecasting.forecast.forecast import Forecast

P = ParamSpec("P")
T = TypeVar("T")

_KEPT: WeakKeyDictionary[Forecast, dict[Hashable, Any]] = WeakKeyDictionary()


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Keep the answers of a pure function of a forecast for as long as that forecast lives.

    The forecast is the first argument; the others have to be hashable. What is returned is shared,
    so nobody may write to it.
    """

    @wraps(function)
    def answer(*arguments: P.args, **named: P.kwargs) -> T:
        forecast, *others = arguments
        kept = _KEPT.setdefault(cast(Forecast, forecast), {})
        key = (function, *others, *named.items())
        if key not in kept:
            kept[key] = function(*arguments, **named)
        return kept[key]

    return answer
