"""SVG drawings as masks: everything that a document draws, filled.

Paths, rectangles, circles, ellipses, polygons and polylines are read, in groups and through
``use``, with transforms and the view box; so are drawings of the usual editors and those written
here. Fill, stroke and opacity do not matter, ``display`` and ``visibility`` do, and so does
``fill-rule``, as an attribute or in ``style``. Text, pictures, clips, masks and style sheets are
not read; a note names clips and masks.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import PathDataError, PromptError
from videoseg.formats.svg_path import parse_path
from videoseg.formats.xml import SVG, parse_svg
from videoseg.geometry import masks
from videoseg.outlines.raster import rasterise, rasterise_nonzero
from videoseg.types import Bezier, Mask, Part, Polygon, Ring, Shape
from videoseg.types.shapes import corners_of

if TYPE_CHECKING:
    from lxml.etree import _Element

Matrix = npt.NDArray[np.float64]
"""float64 (3, 3), for columns x, y, 1."""

_CONTAINERS = frozenset({"svg", "g", "a", "switch"})
_PIXELS = {"": 1.0, "px": 1.0, "in": 96, "mm": 96 / 25.4, "cm": 96 / 2.54, "pt": 4 / 3, "pc": 16}
"""User units in each unit of length."""
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-z]*|%)\s*", re.ASCII)
_CALL = re.compile(r"\s*,?\s*(\w+)\s*\(([^()]*)\)", re.ASCII)
_SEPARATOR = re.compile(r"[\s,]+")
_SAME_SHAPE = 0.01
"""A drawing may be so much wider or narrower than the frame, as a share."""
_MOST_PIECES = 20_000
_MOST_COMMANDS = 1 << 18
"""Of one path."""
_MOST_CORNERS = 1 << 20
"""Of one element, when its curves have become chords."""
_DEEPEST = 32
"""Of ``use`` in ``use``."""
_CLIPS = frozenset(("clip-path", "mask"))
_PROPERTIES = ("display", "visibility", "fill-rule", *_CLIPS)

_log = logging.getLogger(__name__)


def drawn_mask(
    path: Path, width: int, height: int, *, only: str | None = None, name: str | None = None
) -> Mask:
    """The pixels that an SVG covers in a frame of this size.

    Args:
        path: The file. Its view box, or else its width and height, is the frame; where it has
            none of these, its coordinates are pixels.
        width: Width of the frame, pixels.
        height: Height of the frame, pixels.
        only: The ``id`` of the one element that counts; by default, all do.
        name: What messages call the file.

    Raises:
        UsageError: It cannot be read, or is not SVG.
        PromptError: It is of another shape than the frame, holds what cannot be read, or covers no
            pixel.
    """
    called = name or str(path)
    root = parse_svg(path, name=called)
    drawing = _Drawing(root, called)
    to_frame, size = _to_frame(root, width, height, drawing)
    full = np.zeros((height, width), dtype=np.bool_)
    for piece in drawing.pieces(to_frame, size, only):
        shape = Shape(tuple(Part(_moved(ring, piece.matrix)) for ring in piece.rings))
        if not sum(corners_of(ring, 0.02) for ring in shape.rings) <= _MOST_CORNERS:
            raise drawing.fault("its curves bend far beyond the frame; simplify it first")
        fill = rasterise if piece.even_odd else rasterise_nonzero
        found = fill(shape, width, height)
        if found is not None:
            x1, y1, x2, y2 = found.crop
            full[y1:y2, x1:x2] |= found.bitmap
    mask = masks.from_bitmap(full)
    if mask is None:
        raise PromptError(
            f"{called}: draws nothing inside the frame; shapes and paths are read, text and "
            "pictures are not"
        )
    return mask


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one element draws, and how its coordinates become the frame's."""

    rings: tuple[Ring, ...]
    matrix: Matrix
    even_odd: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What an element has of those around it."""

    matrix: Matrix
    size: tuple[float, float]
    even_odd: bool = False
    visible: bool = True
    wanted: bool = True
    depth: int = 0


class _Drawing:
    """Walks through a document."""

    def __init__(self, root: _Element, name: str) -> None:
        self.root, self.name = root, name
        self._by_id = {each.get("id"): each for each in root.iter() if each.get("id")}
        self._count = 0
        self._clipped = False

    def pieces(
        self, matrix: Matrix, size: tuple[float, float], only: str | None
    ) -> Iterator[_Piece]:
        """Everything that is drawn, or only one element."""
        if only is not None and only not in self._by_id:
            raise PromptError(f"{self.name}: has no element with the id {only!r}")
        yield from self._walk(self.root, _State(matrix, size, wanted=only is None), only, top=True)

    def length(self, text: str | None, whole: float) -> float:
        """A length in user units; a percentage is of ``whole``, and nothing is 0."""
        if text is None or text.strip() in ("", "auto"):
            return 0.0
        found = _LENGTH.fullmatch(text)
        scale = None if found is None else {**_PIXELS, "%": whole / 100}.get(found[2])
        if found is None or scale is None:
            raise self.fault(f"cannot read the length {text!r}; save it in pixels")
        return float(found[1]) * scale

    def fault(self, what: str) -> PromptError:
        """An error about this document."""
        return PromptError(f"{self.name}: {' '.join(what.split())}")

    def _walk(
        self, element: _Element, around: _State, only: str | None, *, top: bool = False
    ) -> Iterator[_Piece]:
        style = _style_of(element)
        if style.get("display") == "none":
            return
        if not self._clipped and _CLIPS & style.keys() and around.visible:
            self._clipped = True
            _log.warning(
                "%s: its clips and masks are not applied; what they hide counts as drawn", self.name
            )
        tag = str(element.tag).removeprefix(f"{{{SVG}}}")
        state = replace(
            around,
            matrix=around.matrix @ self._transform(element.get("transform")),
            even_odd=style.get("fill-rule", "evenodd" if around.even_odd else "") == "evenodd",
            visible=style.get("visibility", "visible" if around.visible else "") == "visible",
            wanted=around.wanted or element.get("id") == only,
        )
        if tag in _CONTAINERS:
            if tag == "svg" and not top:
                state = self._nested(element, state)
            for child in element:
                yield from self._walk(child, state, only)
        elif tag == "use":
            yield from self._used(element, state, only)
        elif tag in _DATA and state.visible and state.wanted:
            yield from self._piece(element, tag, state)

    def _nested(self, element: _Element, state: _State) -> _State:
        """Inside an ``svg`` that is part of the document."""
        if element.get("viewBox") is not None:
            raise self.fault("an svg inside of it has a viewBox, which is not read; ungroup it")
        x, y = (self.length(element.get(k), s) for k, s in zip("xy", state.size, strict=True))
        return replace(state, matrix=state.matrix @ _matrix(1, 0, 0, 1, x, y))

    def _used(self, element: _Element, state: _State, only: str | None) -> Iterator[_Piece]:
        """What a ``use`` shows."""
        link = element.get("href") or element.get("{http://www.w3.org/1999/xlink}href") or ""
        target = self._by_id.get(link.removeprefix("#")) if link.startswith("#") else None
        if target is None:
            return
        if state.depth >= _DEEPEST:
            raise self.fault("its <use> elements show each other without end")
        x, y = (self.length(element.get(k), s) for k, s in zip("xy", state.size, strict=True))
        inside = replace(
            state, matrix=state.matrix @ _matrix(1, 0, 0, 1, x, y), depth=state.depth + 1
        )
        if str(target.tag) == f"{{{SVG}}}symbol":
            for child in target:
                yield from self._walk(child, inside, only)
        else:
            yield from self._walk(target, inside, only)

    def _piece(self, element: _Element, tag: str, state: _State) -> Iterator[_Piece]:
        self._count += 1
        if self._count > _MOST_PIECES:
            raise self.fault(f"draws more than {_MOST_PIECES} elements; simplify it first")

        def length(key: str) -> float:
            width, height = state.size
            whole = {"x": width, "w": width, "y": height, "h": height}
            side = key.removeprefix("r").removeprefix("c")[:1]
            diagonal = math.hypot(width, height) / math.sqrt(2)
            return self.length(element.get(key), whole.get(side, diagonal))

        try:
            rings = parse_path(_DATA[tag](element, length), most=_MOST_COMMANDS)
        except PathDataError as error:
            raise self.fault(f"<{tag}>: {error}") from error
        if rings:
            yield _Piece(rings, state.matrix, state.even_odd)

    def _transform(self, text: str | None) -> Matrix:
        matrix, at = np.eye(3), 0
        given = (text or "").strip()
        if given == "none":
            return matrix
        while at < len(given):
            call = _CALL.match(given, at)
            made = None if call is None else _transformed(call[1], call[2])
            if call is None or made is None or not np.isfinite(made).all():
                raise self.fault(f"cannot read the transform {given!r}")
            matrix, at = matrix @ made, call.end()
        return matrix


def _to_frame(
    root: _Element, width: int, height: int, drawing: _Drawing
) -> tuple[Matrix, tuple[float, float]]:
    """From the document's units to the frame's pixels, and the document's size in its units."""
    box = root.get("viewBox")
    if box is not None:
        try:
            x, y, wide, high = map(float, _SEPARATOR.split(box.strip()))
        except ValueError:
            raise drawing.fault(f"cannot read the viewBox {box!r}") from None
    else:
        sizes = [root.get("width"), root.get("height")]
        if None in sizes or any("%" in str(each) for each in sizes):
            return np.eye(3), (float(width), float(height))
        x, y = 0.0, 0.0
        wide, high = (drawing.length(text, 0) for text in sizes)
    if not (wide > 0 and high > 0 and math.isfinite(x + y + wide + high)):
        raise drawing.fault(f"has no size: {wide:g} x {high:g}")
    if abs(wide * height / (high * width) - 1) > _SAME_SHAPE:
        raise drawing.fault(
            f"is {wide:g} x {high:g}, but the frame is {width} x {height}; a mask has the frame's "
            "size or, as SVG, the same ratio of width to height"
        )
    scale = _matrix(width / wide, 0, 0, height / high, 0, 0)
    return scale @ _matrix(1, 0, 0, 1, -x, -y), (wide, high)


def _moved(ring: Ring, matrix: Matrix) -> Ring:
    points = ring.points if isinstance(ring, Polygon) else ring.segments
    moved = (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
    return Polygon(moved) if isinstance(ring, Polygon) else Bezier(moved)


def _matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> Matrix:
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], dtype=np.float64)


def _transformed(name: str, arguments: str) -> Matrix | None:
    """One function of a ``transform``; None where it is not one."""
    try:
        numbers = [float(each) for each in _SEPARATOR.split(arguments.strip()) if each]
    except ValueError:
        return None
    count = len(numbers)
    if name == "matrix" and count == 6:
        return _matrix(*numbers)
    if name == "translate" and count in (1, 2):
        return _matrix(1, 0, 0, 1, *[*numbers, 0.0][:2])
    if name == "scale" and count in (1, 2):
        return _matrix(numbers[0], 0, 0, numbers[-1], 0, 0)
    if name == "rotate" and count in (1, 3):
        turn = math.radians(numbers[0])
        x, y = numbers[1:] or (0.0, 0.0)
        turned = _matrix(math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn), 0, 0)
        return _matrix(1, 0, 0, 1, x, y) @ turned @ _matrix(1, 0, 0, 1, -x, -y)
    if name in ("skewX", "skewY") and count == 1:
        slope = math.tan(math.radians(numbers[0]))
        return _matrix(1, 0, slope, 1, 0, 0) if name == "skewX" else _matrix(1, slope, 0, 1, 0, 0)
    return None


def _style_of(element: _Element) -> dict[str, str]:
    """Properties of an element: its ``style``, before its attributes."""
    found = {
        key: str(value).strip() for key in _PROPERTIES if (value := element.get(key)) is not None
    }
    for declaration in (element.get("style") or "").split(";"):
        key, _, value = declaration.partition(":")
        if key.strip() in _PROPERTIES:
            found[key.strip()] = value.replace("!important", "").strip()
    none = {key for key in _CLIPS & found.keys() if found[key] == "none"}
    return {key: found[key] for key in found.keys() - none if found[key] != "inherit"}


Lengths = Callable[[str], float]


def _rectangle(element: _Element, length: Lengths) -> str:
    x, y, width, height = (length(key) for key in ("x", "y", "width", "height"))
    if width <= 0 or height <= 0:
        return ""
    given = {key: length(key) for key in ("rx", "ry") if element.get(key) not in (None, "auto")}
    radius = next(iter(given.values()), 0.0)  # of both, where only one is given
    rx = min(max(given.get("rx", radius), 0.0), width / 2)
    ry = min(max(given.get("ry", radius), 0.0), height / 2)
    if rx == 0 or ry == 0:
        return f"M{x!r},{y!r}h{width!r}v{height!r}h{-width!r}z"
    across, down, arc = width - 2 * rx, height - 2 * ry, f"a{rx!r},{ry!r},0,0,1,"
    return (
        f"M{x + rx!r},{y!r}h{across!r}{arc}{rx!r},{ry!r}v{down!r}{arc}{-rx!r},{ry!r}"
        f"h{-across!r}{arc}{-rx!r},{-ry!r}v{-down!r}{arc}{rx!r},{-ry!r}z"
    )


def _ellipse(x: float, y: float, rx: float, ry: float) -> str:
    if rx <= 0 or ry <= 0:
        return ""
    arc = f"a{rx!r},{ry!r},0,0,1,"
    return f"M{x - rx!r},{y!r}{arc}{2 * rx!r},0{arc}{-2 * rx!r},0z"


def _corners(element: _Element, _: Lengths) -> str:
    points = (element.get("points") or "").strip()
    return f"M{points}z" if points else ""


_DATA: Mapping[str, Callable[[Any, Lengths], str]] = {
    "path": lambda element, _: element.get("d") or "",
    "rect": _rectangle,
    "circle": lambda _, length: _ellipse(length("cx"), length("cy"), length("r"), length("r")),
    "ellipse": lambda _, length: _ellipse(length("cx"), length("cy"), length("rx"), length("ry")),
    "polygon": _corners,
    "polyline": _corners,
}
"""Path data of each element that draws."""
