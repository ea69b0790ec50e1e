"""Many numbers as short decimal text at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def decimal_text(
    units: npt.NDArray[np.int64],
    decimals: int,
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
    *,
    leading_zero: bool = True,
) -> str:
    """Numbers one after another, without trailing zeros, exponents or ``-0``.

    Args:
        units: int64 (N,), each number times 10 to the power of ``decimals``.
        decimals: Digits after the point, from 0.
        before: uint8 (N,), the ASCII character before each number, 0 for none.
        after: The same after it.
        leading_zero: Whether a fraction is written ``0.5`` rather than ``.5``.
    """
    rest = np.abs(units)
    digits = max(len(str(int(rest.max(initial=0)))), decimals + 1)
    # A row for each number, of which some characters are kept: before, sign, digits with the point
    # among them, after.
    characters = np.empty((len(units), digits + 4), dtype=np.uint8)
    kept = np.empty(characters.shape, dtype=np.bool_)
    characters[:, 0], kept[:, 0] = before, before > 0
    characters[:, 1], kept[:, 1] = ord("-"), units < 0
    characters[:, -1], kept[:, -1] = after, after > 0
    column = digits + 2
    fraction = np.zeros(len(units), dtype=np.bool_)
    for place in range(-decimals, digits - decimals):
        if place == 0:
            characters[:, column], kept[:, column] = ord("."), fraction
            column -= 1
        tens = rest // 10
        digit = rest - 10 * tens
        characters[:, column] = digit + ord("0")
        if place < 0:
            fraction |= digit > 0
            kept[:, column] = fraction
        else:
            kept[:, column] = rest > 0
            if place == 0:
                kept[:, column] |= leading_zero | ~fraction
        rest = tens
        column -= 1
    return characters[kept].tobytes().decode("ascii")
