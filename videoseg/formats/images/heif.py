"""HEIC and AVIF: pictures that are put together, cropped and turned as their file says.

ISO 23008-12 (HEIF) keeps items: coded pictures, grids of them, and what belongs to them. Phones
write a picture as a grid of tiles. FFmpeg gives each tile as a stream, which is decoded here and
put into its place; AVIF is decoded by OpenCV, which puts its tiles together but does not turn it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.formats.images.bmff import (
    associations_in,
    boxes_in,
    kinds_in,
    locations_in,
    read_number,
    references_in,
)
from videoseg.formats.images.colour import Converter
from videoseg.formats.images.orientation import UPRIGHT, Orientation
from videoseg.geometry.sizes import most_pixels

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

Place: TypeAlias = tuple[int, int, int, int]
"""x1, y1, x2, y2 of what is shown of a picture."""
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"})
_SPARE = 1 << 20
"""Pixels that tiles may have beyond four times the picture: codecs have a smallest size."""
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
_CODED = (b"hvc1", b"av01")
_GRID = 12
"""Bytes that describe a grid, at most."""


class UnreadableError(SourceError):
    """A picture of a kind that is not read, or whose description is damaged."""


@dataclass(slots=True)
class Item:
    """What a file says about one of its items.

    Attributes:
        kind: ``hvc1``, ``grid`` and so on.
        properties: Boxes that describe it, in the order in which they apply.
        tiles: Items that it is made of.
        alpha_of: Item whose transparency it is.
    """

    kind: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    tiles: tuple[int, ...] = ()
    alpha_of: int | None = None

    def described(self, kind: bytes) -> bytes | None:
        """The content of its box of this kind."""
        return next((content for name, content in self.properties if name == kind), None)


@dataclass(slots=True)
class Heif:
    """The items of a file.

    Attributes:
        data: The file.
        primary: Number of the item to show.
        items: All items by number.
    """

    data: bytes
    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    _content: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes) -> Heif:
        """Read the description.

        Raises:
            UnreadableError: There is none, or it is damaged.
        """
        found = cls(data)
        try:
            boxes = dict(boxes_in(data))
            found._read(dict(boxes_in(boxes[b"meta"][4:])))
            if found.primary not in found.items:
                raise KeyError(found.primary)
        except (KeyError, IndexError, struct.error, ValueError) as error:
            raise UnreadableError("its description is damaged") from error
        return found

    @property
    def shown(self) -> tuple[Place | None, Orientation]:
        """What is shown of the coded picture, None = all, and how that is laid upright."""
        place, orientation = None, UPRIGHT
        for kind, content in self.items[self.primary].properties:
            if kind == b"irot":
                orientation = orientation.turned(-90 * (content[0] & 3))
            elif kind == b"imir":  # 0 exchanges top and bottom, 1 left and right
                orientation = orientation.flipped()
                if not content[0] & 1:
                    orientation = orientation.turned(180)
            elif kind == b"clap":
                place = _aperture(content, *self.size)
        return place, orientation

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as coded, of the item to show.

        Raises:
            UnreadableError: It says nothing, or is too large.
        """
        content = self.items[self.primary].described(b"ispe")
        if content is None or len(content) < 12:
            raise UnreadableError("it does not say its size")
        width, height = struct.unpack_from(">II", content, 4)
        self._check(width, height)
        return width, height

    def check_size(self) -> None:
        """Refuse pictures that are too large, of which any item may be shown.

        Raises:
            UnreadableError: One is, by itself or for the file.
        """
        for item in self.items.values():
            content = item.described(b"ispe")
            if content is not None and len(content) >= 12:
                self._check(*struct.unpack_from(">II", content, 4))

    def grid(self, number: int) -> tuple[int, int, int, int]:
        """Columns and rows of a grid, its width and its height (23008-12, 6.6.2.3).

        Raises:
            UnreadableError: It is damaged, or too large.
        """
        content = self._content.get(number, b"")
        if len(content) < 8 or (content[1] & 1 and len(content) < 12):
            raise UnreadableError("the description of its tiles is damaged")
        width, height = struct.unpack_from(">II" if content[1] & 1 else ">HH", content, 4)
        rows, columns = content[2] + 1, content[3] + 1
        self._check(width, height)
        if rows * columns != len(self.items[number].tiles):
            raise UnreadableError(
                f"it has {len(self.items[number].tiles)} of {rows * columns} tiles"
            )
        return columns, rows, width, height

    def alpha(self) -> int | None:
        """Number of the item that says how transparent the picture is."""
        return next((n for n, item in self.items.items() if item.alpha_of == self.primary), None)

    def _check(self, width: int, height: int) -> None:
        if not 0 < width * height <= most_pixels(len(self.data)):
            raise UnreadableError(f"no picture is {width} x {height} in {len(self.data):,} bytes")

    def _read(self, meta: Mapping[bytes, bytes]) -> None:
        self.primary = read_number(meta[b"pitm"], 4, 4 if meta[b"pitm"][0] else 2)
        for number, kind in kinds_in(meta[b"iinf"]):
            self.items[number] = Item(kind)
        properties = dict(boxes_in(meta[b"iprp"]))
        described = list(boxes_in(properties[b"ipco"]))
        for number, place in associations_in(properties[b"ipma"]):
            if 0 < place <= len(described) and number in self.items:
                self.items[number].properties.append(described[place - 1])
        for kind, origin, targets in references_in(meta.get(b"iref", b"")):
            if kind == b"dimg":
                self.items[origin].tiles = tuple(targets)
            elif kind == b"auxl" and (self.items[origin].described(b"auxC") or b"")[4:] in _ALPHA:
                self.items[origin].alpha_of = targets[0]
        grids = {number for number, item in self.items.items() if item.kind == b"grid"}
        inside = meta.get(b"idat", b"")
        for number, method, start, size in locations_in(meta[b"iloc"]):
            if number in grids:
                size = min(size, _GRID)
                self._content[number] = (inside if method else self.data)[start : start + size]


def is_heic(data: bytes) -> bool:
    """Whether a file is HEIC, by its brands."""
    brands = _brands(data)
    return bool(brands & _HEIC) and not brands & _AVIF


def is_avif(data: bytes) -> bool:
    """Whether a file is AVIF, by its brands."""
    return bool(_brands(data) & _AVIF)


def decoded_heic(data: bytes) -> npt.NDArray[np.uint8]:
    """The upright picture of a HEIC file, (H, W, 3) BGR or (H, W, 4) BGRA.

    Raises:
        UnreadableError: It cannot be decoded, or is of another kind than a picture or a grid.
    """
    from av.error import FFmpegError

    heif = Heif.of(data)
    alpha = heif.alpha()
    wanted = [heif.primary, *([] if alpha is None else [alpha])]
    width, height = heif.size  # refused, where it is too large, before memory is taken
    coded = {tile for number in wanted for tile in _parts(heif, number)}
    try:
        pictures = _decoded(heif, coded, _SPARE + 4 * len(wanted) * width * height)
    except FFmpegError as error:
        raise UnreadableError(f"{error.strerror or error}".lower()) from error
    if missing := coded - pictures.keys():
        raise UnreadableError(f"{len(missing)} of {len(coded)} parts of it cannot be decoded")
    image = _assembled(heif, heif.primary, pictures)[..., ::-1]
    if alpha is not None:
        opacity = _assembled(heif, alpha, pictures)[..., :1]
        if opacity.shape[:2] == image.shape[:2]:
            image = np.concatenate([image, opacity], axis=2)
    return upright(heif, np.ascontiguousarray(image))


def upright(heif: Heif, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A coded picture, cropped and laid as its file says."""
    place, orientation = heif.shown
    if place is not None and (image.shape[1], image.shape[0]) == heif.size:
        x1, y1, x2, y2 = place
        image = np.ascontiguousarray(image[y1:y2, x1:x2])
    return orientation.applied(image)


def _parts(heif: Heif, number: int) -> tuple[int, ...]:
    """The coded pictures that an item is made of.

    Raises:
        UnreadableError: It is made in another way.
    """
    item = heif.items[number]
    parts: tuple[int, ...] = (number,)
    if item.kind == b"grid":
        heif.grid(number)
        parts = item.tiles
    for part in parts:
        kind = heif.items[part].kind if part in heif.items else b"none"
        if kind not in _CODED:
            named = kind.decode("ascii", "replace").strip()
            raise UnreadableError(f"pictures of kind {named!r} are not read")
    return parts


def _decoded(heif: Heif, wanted: set[int], most: int) -> dict[int, npt.NDArray[np.uint8]]:
    """RGB of coded pictures by the number of their item, which is that of FFmpeg's stream.

    Raises:
        UnreadableError: They have more pixels than ``most``.
    """
    import av

    found: dict[int, npt.NDArray[np.uint8]] = {}
    converter = Converter("#000000")
    largest = {"max_pixels": str(most_pixels(len(heif.data)))}
    with av.open(io.BytesIO(heif.data), "r", options=largest) as container:
        streams = [stream for stream in container.streams.video if stream.id in wanted]
        packets: Iterator[Packet[Any]] = container.demux(streams)
        for stream in streams:
            stream.codec_context.options = largest
        for packet in packets:
            number = packet.stream.id
            for frame in packet.decode():
                most -= frame.width * frame.height
                if most < 0:
                    raise UnreadableError("its parts are larger than the whole")
                if number not in found:
                    _tag(frame, heif, number)
                    found[number] = converter.rgb(frame, frame.width, frame.height)
    return found


def _tag(frame: VideoFrame, heif: Heif, number: int) -> None:
    """Give a coded picture the colours that its file says, which count more than its own."""
    whole = heif.items[heif.primary]
    content = heif.items[number].described(b"colr") or whole.described(b"colr") or b""
    if content[:4] == b"nclx" and len(content) >= 11 and number in (*whole.tiles, heif.primary):
        matrix = int.from_bytes(content[8:10], "big")
        frame.colorspace, frame.color_range = matrix, 2 if content[10] & 0x80 else 1


def _assembled(
    heif: Heif, number: int, pictures: Mapping[int, npt.NDArray[np.uint8]]
) -> npt.NDArray[np.uint8]:
    """RGB of an item, its tiles in their places.

    Raises:
        UnreadableError: They do not fit.
    """
    item = heif.items[number]
    if item.kind != b"grid":
        return pictures[number]
    columns, rows, width, height = heif.grid(number)
    high, wide = pictures[item.tiles[0]].shape[:2]
    if wide * columns < width or high * rows < height:
        raise UnreadableError("its tiles do not cover it")
    image = np.empty((height, width, 3), np.uint8)
    for place, tile in enumerate(item.tiles):
        picture = pictures[tile]
        if picture.shape[:2] != (high, wide):
            raise UnreadableError("its tiles are of different sizes")
        y, x = place // columns * high, place % columns * wide
        part = image[y : y + high, x : x + wide]
        part[:] = picture[: part.shape[0], : part.shape[1]]
    return image


def _aperture(content: bytes, width: int, height: int) -> Place:
    """The part of a picture that is shown (14496-12, 12.1.4); all, where it makes no sense."""
    values = struct.unpack_from(">IIIIiIiI", content)
    if 0 in values[1::2]:
        return 0, 0, width, height
    wide, high, right, down = (values[i] / values[i + 1] for i in range(0, 8, 2))
    x = round(right + (width - wide) / 2)
    y = round(down + (height - high) / 2)
    if x < 0 or y < 0 or wide < 1 or high < 1 or x + wide > width or y + high > height:
        return 0, 0, width, height
    return x, y, x + round(wide), y + round(high)


def _brands(data: bytes) -> set[bytes]:
    if data[4:8] != b"ftyp":
        return set()
    end = min(read_number(data, 0, 4), 4096)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
