"""What a run log may hold: the same rules where it is written and where it is read.

What breaks one of them is refused before it is written, so that a run that has ended well can be
read back; a log that breaks one is damaged.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from videoseg.errors import RunLogError
from videoseg.geometry.sizes import check_pixels
from videoseg.types import Bitmap, StreamInfo

T = TypeVar("T")
_LARGEST = 2**63 - 1
"""No container holds a larger number; sums and floats of smaller ones are safe."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what breaks a rule into an error that names what is not written.

    Raises:
        RunLogError: The block raised an error of a value.
    """
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise RunLogError(
            f"{what} cannot be kept, for it could not be read back: {' '.join(str(error).split())}"
        ) from error


def whole(value: object) -> int:
    """A whole number of at most 64 bits; not a truth value.

    Raises:
        TypeError: It is something else.
        ValueError: It is larger.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"expected a whole number, got {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(f"expected a whole number, got {value!r}") from error
    if not -_LARGEST <= number <= _LARGEST:
        raise ValueError(f"a number of more than 64 bits: {number}")
    return number


def whole_or_none(value: object) -> int | None:
    """As ``whole``; None stays None."""
    return None if value is None else whole(value)


def number(value: Any) -> float:
    """A number that is finite.

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite.
    """
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"expected a finite number, got {found}")
    return found


def check_streams(streams: Mapping[str, StreamInfo]) -> None:
    """Refuse streams whose frames are larger than any that can be decoded.

    Raises:
        ValueError: There is such a stream.
    """
    for info in streams.values():
        check_pixels(info.width, info.height)


def stream_of(name: str, streams: Mapping[str, T]) -> T:
    """The stream of a record.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in streams:
        raise ValueError(f"no stream is called {name!r}")
    return streams[name]


def check_instance(size: Sequence[int], prompt: int, info: StreamInfo, prompts: int) -> None:
    """Refuse an instance of another size than its frame, or of a prompt that was not asked.

    Args:
        size: Height and width of the frame that its mask is of.
        prompt: The prompt that it answers.
        info: The stream of the frame.
        prompts: How many prompts were asked.

    Raises:
        ValueError: It is such.
    """
    if list(size) != [info.height, info.width]:
        raise ValueError(f"a mask of size {list(size)} in {info.stream!r}")
    if prompt not in range(prompts):
        raise ValueError(f"prompt {prompt} of {prompts}")


def check_levels(levels: np.ndarray[Any, np.dtype[np.int8]], bitmap: Bitmap) -> None:
    """Refuse logits that mean other pixels than the mask has.

    Raises:
        ValueError: They do.
    """
    if not np.array_equal(levels > 0, bitmap):
        raise ValueError("logits that are not above 0 in the mask and nowhere else")
