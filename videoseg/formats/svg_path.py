"""SVG path data: parsed into rings, and written from them.

The grammar is that of SVG 2, section 9.3: all its commands, absolute and relative, repeated without
their letter, with numbers run together (``.5.5-1e3``) and arc flags that nothing need separate from
what follows. Text that breaks the grammar is an error at the offending character: to draw what came
before it, as SVG asks, is for viewers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from videoseg.errors import PathDataError
from videoseg.formats.decimals import decimal_text
from videoseg.kernels.path_text import path_kernel
from videoseg.types import Bezier, Polygon, Ring, Shape

_Point = tuple[float, float]
_Units = npt.NDArray[np.int64]
_Segment = tuple[_Point, ...]  # the end of a line, or two control points and the end of a cubic

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPACE = re.compile(r"[ \t\n\f\r]*")
_COMMA = re.compile(r"[ \t\n\f\r]*,?[ \t\n\f\r]*")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_ARC_FLAGS = (3, 4)
_MIRRORS = {"S": "CS", "T": "QT"}  # S and T continue the curve before if it is one of these
_LARGEST = 1e12  # no picture is that wide; sums and squares of smaller numbers stay finite
_NO_RADIUS = 1e-9


class LongPathError(PathDataError):
    """Path data of more commands than are allowed."""


def parse_path(data: str, *, most: int | None = None) -> tuple[Ring, ...]:
    """Rings of SVG path data, one for each subpath that can enclose anything.

    A subpath of straight lines becomes a ``Polygon``, any other a ``Bezier`` with its lines,
    quadratics and arcs turned into cubics (an arc stays within 3e-4 of its radius). Every subpath
    is closed, as for filling. One of fewer than three straight points is left out.

    Args:
        data: The text.
        most: Commands that it may hold, repeated ones among them; None = any number.

    Raises:
        PathDataError: The text is not path data; the message names the position, from 0.
        LongPathError: It holds more commands than ``most``.
    """
    rings = (_ring(subpath) for subpath in _subpaths(data, most))
    return tuple(ring for ring in rings if ring is not None)


def format_path(shape: Shape, *, precision: int = 1, uniform: bool = False) -> str:
    """Path data of a shape, short: relative commands, each ring closed with ``z``.

    What adds up is rounded, not what is written, so nothing drifts. A handle that mirrors the one
    before it within one unit of the last decimal is left to ``s``, and a curve whose handles lie
    on its ends or on the thirds of its chord becomes a line.

    Args:
        shape: What to write.
        precision: Decimals, 0 to 6; trailing zeros are dropped, and there are no exponents.
        uniform: Every segment as a ``c`` of its own, so that shapes of equal structure have
            commands of equal structure and can be blended.

    Raises:
        ValueError: A coordinate is not finite, or larger than ``parse_path`` takes.
    """
    rings = shape.rings
    if not rings:
        return ""
    given = np.concatenate([_cubics(ring) for ring in rings])
    if not (np.abs(given) <= _LARGEST).all():
        raise ValueError(f"the coordinates of an outline must be finite, and below {_LARGEST:g}")
    units = np.rint(given * 10**precision).astype(np.int64)
    sizes = np.array(
        [len(ring.points if isinstance(ring, Polygon) else ring.segments) for ring in rings]
    )
    compiled = path_kernel()
    if compiled is not None:
        return compiled(units, sizes, precision, uniform)
    lasts = np.cumsum(sizes) - 1
    firsts = lasts - sizes + 1
    letters, numbers, used = _commands_of(units, firsts, lasts, uniform=uniform)
    # Each ring begins with a move, from where the ring before it began and ended.
    starts = units[firsts, 0]
    moves = np.zeros((len(rings), 6), dtype=np.int64)
    moves[:, 4:] = np.diff(starts, axis=0, prepend=[[0, 0]])
    letters = np.insert(letters, firsts, ord("m"))
    numbers = np.insert(numbers, firsts, moves, axis=0)
    used = np.insert(used, firsts, [False] * 4 + [True] * 2, axis=0)
    ring = np.insert(np.repeat(np.arange(len(rings)), sizes), firsts, np.arange(len(rings)))
    kept = used.any(axis=1)
    return _text(letters[kept], numbers[kept], used[kept], ring[kept], precision)


def _cubics(ring: Ring) -> npt.NDArray[np.float64]:
    """Control points of a ring's segments, (S, 4, 2); a line has its handles on its ends."""
    if isinstance(ring, Polygon):
        begin = ring.points.astype(np.float64)
        end = np.roll(begin, -1, axis=0)
        return np.stack([begin, begin, end, end], axis=1)
    ends = ring.segments[:, 2:].astype(np.float64)
    return np.concatenate([np.roll(ends, 1, axis=0), ring.segments], axis=1)


def _commands_of(
    units: _Units, firsts: _Units, lasts: _Units, *, uniform: bool
) -> tuple[npt.NDArray[np.uint8], _Units, npt.NDArray[np.bool_]]:
    """Letter, arguments (S, 6) and which of them are written, of each segment; none if none is."""
    begin, end = units[:, 0], units[:, 3]
    numbers = (units[:, 1:] - begin[:, None]).reshape(-1, 6)
    letters = np.full(len(units), ord("c"), dtype=np.uint8)
    used = np.ones((len(units), 6), dtype=np.bool_)
    if uniform:
        return letters, numbers, used
    way = end - begin
    on_ends = (units[:, 1] == begin).all(axis=1) & (units[:, 2] == end).all(axis=1)
    third = np.abs(3 * numbers.reshape(-1, 3, 2)[:, :2] - way[:, None] * [[[1], [2]]])
    is_line = on_ends | (third <= 3).all(axis=(1, 2))
    into = np.where(is_line[:, None], 0, end - units[:, 2])
    before = np.roll(into, 1, axis=0)
    before[firsts] = 0
    mirrored = ~is_line & (np.abs(numbers[:, :2] - before) <= 1).all(axis=1)
    # A line of no length is not written, and ``s`` would mirror the curve before it.
    unwritten = is_line & (way == 0).all(axis=1)
    mirrored[1:] &= ~unwritten[:-1]
    letters[mirrored] = ord("s")
    used[mirrored, :2] = False
    letters[is_line] = ord("l")
    used[is_line, :4] = False
    letters[is_line & (way[:, 1] == 0)] = ord("h")
    letters[is_line & (way[:, 0] == 0)] = ord("v")
    used[is_line, 4:] &= way[is_line] != 0
    used[lasts[is_line[lasts]]] = False  # z draws it
    return letters, numbers, used


def _text(
    letters: npt.NDArray[np.uint8],
    numbers: _Units,
    used: npt.NDArray[np.bool_],
    ring: _Units,
    precision: int,
) -> str:
    """Commands as text; a letter like the one before is left out, and an ``l`` after ``m``."""
    repeated = (letters[1:] == letters[:-1]) & (letters[1:] != ord("m"))
    repeated |= (letters[1:] == ord("l")) & (letters[:-1] == ord("m"))
    row, column = np.nonzero(used)
    leads = np.diff(row, prepend=-1) > 0
    units = numbers[row, column]
    one = 10**precision
    pointed = units % one != 0
    joins = np.zeros(len(units), dtype=np.bool_)  # ".5" may stand right behind "1.5"
    joins[1:] = pointed[:-1] & pointed[1:] & (np.abs(units[1:]) < one)
    before = np.where(joins | (units < 0), 0, ord(" ")).astype(np.uint8)
    written = leads & ~np.concatenate([[False], repeated])[row]
    before[written] = letters[row[written]]
    after = np.zeros(len(units), dtype=np.uint8)
    after[np.flatnonzero(np.diff(ring[row], append=-1))] = ord("z")
    return decimal_text(units, precision, before, after, leading_zero=False)


@dataclass(slots=True)
class _Subpath:
    start: _Point
    segments: list[_Segment] = field(default_factory=list)


def _ring(subpath: _Subpath) -> Ring | None:
    if all(len(segment) == 1 for segment in subpath.segments):
        points = [subpath.start, *(end for (end,) in subpath.segments)]
        if _same(points[-1], points[0]):
            points.pop()
        return Polygon(np.array(points, dtype=np.float32)) if len(points) > 2 else None
    cubics: list[_Segment] = []
    at = subpath.start
    for segment in subpath.segments:
        cubics.append(segment if len(segment) == 3 else _line(at, segment[0]))
        at = segment[-1]
    if not _same(at, subpath.start):
        cubics.append(_line(at, subpath.start))
    return Bezier(np.array(cubics, dtype=np.float32))


def _subpaths(data: str, most: int | None) -> Iterator[_Subpath]:
    """Subpaths in absolute coordinates, of lines and cubics only."""
    subpath: _Subpath | None = None
    at = control = (0.0, 0.0)
    before = ""
    for count, (position, letter, numbers) in enumerate(_commands(data)):
        if count == most:
            raise LongPathError(f"the path data holds more than {most} commands")
        kind = letter.upper()
        if subpath is None and kind != "M":
            raise PathDataError(f"path data begins with M, got {letter!r} at {position}")
        if subpath is not None and kind in "MZ":
            yield subpath
        if subpath is not None and kind == "Z":
            at = subpath.start
            subpath = _Subpath(at)
        elif subpath is None or kind == "M":
            (at,) = _absolute(kind, numbers, at, letter.islower(), position)
            subpath = _Subpath(at)
        else:
            points = _absolute(kind, numbers, at, letter.islower(), position)
            mirrored = _between(control, at, 2) if before in _MIRRORS.get(kind, ()) else at
            segments, control = _segments(kind, at, points, mirrored, numbers)
            subpath.segments.extend(segments)
            at = points[-1]
        before = kind
    if subpath is not None:
        yield subpath


def _absolute(
    kind: str, numbers: tuple[float, ...], at: _Point, relative: bool, position: int
) -> list[_Point]:
    """The points among a command's arguments."""
    x, y = at if relative else (0.0, 0.0)
    if kind == "H":
        points = [(x + numbers[0], at[1])]
    elif kind == "V":
        points = [(at[0], y + numbers[0])]
    else:
        pairs = numbers[5:] if kind == "A" else numbers
        points = [(x + a, y + b) for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    if any(abs(value) > _LARGEST for point in points for value in point):
        raise PathDataError(f"the command at {position} goes beyond {_LARGEST:g}")
    return points


def _segments(
    kind: str, at: _Point, points: list[_Point], mirrored: _Point, numbers: tuple[float, ...]
) -> tuple[list[_Segment], _Point]:
    """Segments of a drawing command, and the control point that a next S or T mirrors."""
    end = points[-1]
    if kind == "C":
        return [tuple(points)], points[1]
    if kind == "S":
        return [(mirrored, *points)], points[0]
    if kind in "QT":
        control = points[0] if kind == "Q" else mirrored
        return [(_between(at, control, 2 / 3), _between(end, control, 2 / 3), end)], control
    if kind == "A":
        radii_and_turn = (abs(numbers[0]), abs(numbers[1]), math.radians(numbers[2] % 360))
        return _arc(at, end, *radii_and_turn, large=bool(numbers[3]), sweep=bool(numbers[4])), end
    return [(end,)], end


def _line(begin: _Point, end: _Point) -> _Segment:
    return (_between(begin, end, 1 / 3), _between(begin, end, 2 / 3), end)


def _same(a: _Point, b: _Point) -> bool:
    """Whether two points are one, but for the last bits of sums of relative coordinates."""
    return all(
        math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
        for one, other in zip(a, b, strict=True)
    )


def _between(a: _Point, b: _Point, t: float) -> _Point:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def _arc(
    begin: _Point, end: _Point, rx: float, ry: float, turn: float, *, large: bool, sweep: bool
) -> list[_Segment]:
    """Cubics along an elliptical arc (SVG 2, appendix B.2)."""
    if begin == end:
        return []
    if min(rx, ry) < _NO_RADIUS:
        return [(end,)]
    cosine, sine = math.cos(turn), math.sin(turn)

    # In units of the radii, along the ellipse's own axes, the arc is one of a unit circle.
    def to_circle(point: _Point) -> _Point:
        return (
            (cosine * point[0] + sine * point[1]) / rx,
            (cosine * point[1] - sine * point[0]) / ry,
        )

    half = to_circle(((end[0] - begin[0]) / 2, (end[1] - begin[1]) / 2))
    reach = math.hypot(*half)
    if reach > 1:  # too small an ellipse grows until it fits
        rx, ry, half, reach = rx * reach, ry * reach, (half[0] / reach, half[1] / reach), 1.0
    height = math.sqrt(max(0.0, 1 - reach**2)) / reach if reach else 0.0
    side = 1 if large == sweep else -1
    centre = (side * height * half[1], -side * height * half[0])
    first = math.atan2(-half[1] - centre[1], -half[0] - centre[0])
    last = math.atan2(half[1] - centre[1], half[0] - centre[0])
    sweep_angle = (last - first) % (2 * math.pi) - (0 if sweep else 2 * math.pi)

    middle = _between(begin, end, 0.5)

    def to_plane(x: float, y: float) -> _Point:
        x, y = x * rx, y * ry
        return (middle[0] + cosine * x - sine * y, middle[1] + sine * x + cosine * y)

    count = max(1, math.ceil(abs(sweep_angle) / (math.pi / 2) - 1e-9))
    step = sweep_angle / count
    handle = 4 / 3 * math.tan(step / 4)
    segments: list[_Segment] = []
    for index in range(count):
        a, b = first + index * step, first + (index + 1) * step
        ax, ay = centre[0] + math.cos(a), centre[1] + math.sin(a)
        bx, by = centre[0] + math.cos(b), centre[1] + math.sin(b)
        segments.append(
            (
                to_plane(ax - handle * math.sin(a), ay + handle * math.cos(a)),
                to_plane(bx + handle * math.sin(b), by - handle * math.cos(b)),
                end if index == count - 1 else to_plane(bx, by),
            )
        )
    return segments


def _commands(data: str) -> Iterator[tuple[int, str, tuple[float, ...]]]:
    """Position, letter and arguments of every command, repeated ones with their letter."""
    at = _skip(_SPACE, data, 0)
    while at < len(data):
        start, letter = at, data[at]
        count = _ARGUMENTS.get(letter.upper())
        if count is None or not letter.isascii():
            raise PathDataError(f"expected a command of path data, got {letter!r} at {at}")
        at = _skip(_SPACE, data, at + 1)
        numbers, at = _arguments(letter, data, at)
        yield start, letter, numbers
        while count and at < len(data):
            following = _skip(_COMMA, data, at)
            if following == len(data) or data[following] not in "+-.0123456789":
                break
            letter = {"M": "L", "m": "l"}.get(letter, letter)
            start = following
            numbers, at = _arguments(letter, data, following)
            yield start, letter, numbers
        at = _skip(_SPACE, data, at)


def _arguments(letter: str, data: str, at: int) -> tuple[tuple[float, ...], int]:
    """One set of a command's arguments, and the position after it."""
    kind = letter.upper()
    numbers: list[float] = []
    for index in range(_ARGUMENTS[kind]):
        if index:
            at = _skip(_COMMA, data, at)
        if kind == "A" and index in _ARC_FLAGS:
            if data[at : at + 1] not in ("0", "1"):
                raise PathDataError(f"expected a flag, 0 or 1, {_found(data, at)}")
            numbers.append(float(data[at]))
            at += 1
            continue
        match = _NUMBER.match(data, at)
        if match is None:
            raise PathDataError(f"expected a number for {letter!r}, {_found(data, at)}")
        number = float(match.group())
        if not abs(number) <= _LARGEST:
            raise PathDataError(f"the number at {at} is beyond {_LARGEST:g}")
        numbers.append(number)
        at = match.end()
    return tuple(numbers), at


def _found(data: str, at: int) -> str:
    return f"got {data[at]!r} at {at}" if at < len(data) else f"but the path data ends at {at}"


def _skip(pattern: re.Pattern[str], data: str, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at
