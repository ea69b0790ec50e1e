"""Values as Python code hands them over, of any type that fits, converted in one place.

Numbers may be Python's, ``Fraction``, ``Decimal``, or scalars and 0-d arrays of numpy and torch;
points and boxes may be sequences of them, or arrays. What does not fit is one ``PromptError`` that
shows the value.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from fractions import Fraction
from typing import Any

from videoseg.errors import PromptError, shown

_MOST = 10**9
"""Numbers of frames and of objects are smaller."""


def plain(value: Any) -> Any:
    """Arrays and their scalars (numpy, torch, pandas) as lists and numbers; all else as it is."""
    listed = None if isinstance(value, type) else getattr(value, "tolist", None)
    return listed() if callable(listed) else value


def setting(value: Any) -> Any:
    """A setting's value as settings files have it: numbers of any type, also inside of lists."""
    found = plain(value)
    if isinstance(found, list | tuple):
        return [setting(each) for each in found]
    if isinstance(found, bool | int | float) or not isinstance(found, numbers.Real | Decimal):
        return found
    if isinstance(found, Fraction):  # some settings are exact
        return found if found.denominator > 1 else found.numerator
    return float(found)


def number(value: object, what: str) -> float:
    """A finite number.

    Raises:
        PromptError: It is none.
    """
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, numbers.Real | Decimal):
        raise PromptError(f"{what} must be numbers, got {shown(value)}")
    try:
        converted = float(found)
    except OverflowError:  # a whole number beyond every float
        raise PromptError(f"{what} are too large a number") from None
    except ValueError:  # a signalling NaN
        converted = math.nan
    if not math.isfinite(converted):
        raise PromptError(f"{what} must be finite numbers, got {shown(value)}")
    return converted


def whole(value: object, what: str, *, least: int = 0) -> int:
    """A whole number from ``least`` on; 3.0 is one.

    Raises:
        PromptError: It is none, or a smaller one.
    """
    found = plain(value)
    try:
        if isinstance(found, bool):
            raise TypeError
        if isinstance(found, numbers.Real | Decimal) and found == math.floor(found):
            found = math.floor(found)
        converted = operator.index(found)
    except (TypeError, ValueError, ArithmeticError):
        raise PromptError(f"{what} must be a whole number, got {shown(value)}") from None
    if not least <= converted < _MOST:
        raise PromptError(
            f"{what} must be at least {least} and below {_MOST}, got {shown(converted)}"
        )
    return converted


def sequence(value: object, what: str) -> list[Any]:
    """The items of a list, tuple, array or other iterable; None holds none.

    Raises:
        PromptError: It is text, a mapping, a set, or no iterable.
    """
    found = plain(value)
    if found is None:
        return []
    if isinstance(found, str | bytes | Mapping | Set) or not isinstance(found, Iterable):
        raise PromptError(f"{what} must be a sequence, got {shown(value)}")
    return list(found)


def points(value: object) -> tuple[tuple[float, float, bool], ...]:
    """``(x, y, positive)`` for each point; without the flag a point is positive.

    Raises:
        PromptError: It is neither a point nor a sequence of points.
    """
    return tuple(
        (x, y, flag) for (x, y), flag in _marks(value, 2, "a point", "x, y or x, y, positive")
    )


def boxes(value: object) -> tuple[tuple[float, float, float, float, bool], ...]:
    """``(x1, y1, x2, y2, positive)`` for each box; without the flag a box is positive.

    Raises:
        PromptError: It is neither a box nor a sequence of boxes, or one has no inside.
    """
    form = "x1, y1, x2, y2 or x1, y1, x2, y2, positive"
    found = []
    for (x1, y1, x2, y2), flag in _marks(value, 4, "a box", form):
        if x1 >= x2 or y1 >= y2:
            raise PromptError(
                f"a box is x1,y1,x2,y2 with x1 < x2 and y1 < y2, got {(x1, y1, x2, y2)}"
            )
        found.append((x1, y1, x2, y2, flag))
    return tuple(found)


def _marks(value: object, count: int, what: str, form: str) -> Iterable[tuple[list[float], bool]]:
    """Each mark's coordinates and flag; a single mark need not be in a sequence of its own."""
    plural = {"a point": "points", "a box": "boxes"}[what]
    given = [plain(each) for each in sequence(value, plural)]
    if given and not any(_holds_items(each) for each in given):
        given = [given]
    for each in given:
        mark = list(each) if _holds_items(each) else []
        if len(mark) not in (count, count + 1):
            raise PromptError(f"{what} is {form}, got {shown(each)}")
        coordinates = [number(part, f"{what}'s coordinates") for part in mark[:count]]
        yield coordinates, _flag(mark[count], what) if len(mark) > count else True


def _holds_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set)


def _flag(value: object, what: str) -> bool:
    found = plain(value)
    if found not in (0, 1):  # an array cannot hold a bool beside numbers
        raise PromptError(f"{what} is positive (True) or not (False), got {shown(value)}")
    return bool(found)
