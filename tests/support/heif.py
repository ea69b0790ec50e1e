"""HEIC files made in code, as phones write them: a grid of HEVC tiles (ISO 23008-12)."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream

from videoseg.types import RgbImage


def heic(
    image: RgbImage,
    tile: int = 64,
    *,
    turns: int = 0,
    mirror: int | None = None,
    lost: int = 0,
    kind: bytes = b"grid",
    says: tuple[int, int] | None = None,
    brands: bytes = b"heicmif1",
) -> bytes:
    """A HEIC file.

    Args:
        image: uint8 (H, W, 3) as coded.
        tile: Width and height of a tile.
        turns: Quarter turns anticlockwise to show it upright (``irot``).
        mirror: Axis of ``imir``, or None.
        lost: Tiles that the file leaves out.
        kind: Of the item that is shown.
        says: Width and height that the file claims.
        brands: The first one, and more that it claims to fit.
    """
    height, width = image.shape[:2]
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(
        image, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge"
    )
    tiles = [
        _coded(padded[y : y + tile, x : x + tile])
        for y in range(0, rows * tile, tile)
        for x in range(0, columns * tile, tile)
    ]
    tiles = tiles[: len(tiles) - lost]
    shown = len(tiles) + 1
    claimed = says or (width, height)
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *claimed)
    properties = [
        _box(b"hvcC", tiles[0][0]),
        _full(b"ispe", struct.pack(">II", tile, tile)),
        _full(b"ispe", struct.pack(">II", *claimed)),
    ]
    of_grid = [3]
    for name, value in ((b"irot", turns or None), (b"imir", mirror)):
        if value is not None:
            properties.append(_box(name, bytes([value])))
            of_grid.append(len(properties))
    of_items = [(number, [1, 2]) for number in range(1, shown)] + [(shown, of_grid)]
    places = b"".join(
        struct.pack(">HBB", number, len(which), which[0] | 0x80)
        + bytes(place | 0x80 for place in which[1:])
        for number, which in of_items
    )
    kinds = [b"hvc1"] * len(tiles) + [kind]
    entries = [
        _full(b"infe", struct.pack(">HH4s", n, 0, name) + b"\0", version=2, flags=name == b"hvc1")
        for n, name in enumerate(kinds, 1)
    ]
    made_of = struct.pack(f">HH{len(tiles)}H", shown, len(tiles), *range(1, shown))
    sizes = [len(data) for _, data in tiles]

    def meta(start: int) -> bytes:
        starts = [start + sum(sizes[:n]) for n in range(len(sizes))]
        found = [
            struct.pack(">HHHHII", n, 0, 0, 1, at, size)
            for n, (at, size) in enumerate(zip(starts, sizes, strict=True), 1)
        ]
        found.append(struct.pack(">HHHHII", shown, 1, 0, 1, 0, len(grid)))
        boxes = [
            _full(b"hdlr", b"\0\0\0\0pict" + bytes(13)),
            _full(b"pitm", struct.pack(">H", shown)),
            _full(b"iloc", struct.pack(">HH", 0x4400, shown) + b"".join(found), version=1),
            _full(b"iinf", struct.pack(">H", len(entries)) + b"".join(entries)),
            _full(b"iref", _box(b"dimg", made_of)),
            _box(
                b"iprp",
                _box(b"ipco", b"".join(properties))
                + _full(b"ipma", struct.pack(">I", len(of_items)) + places),
            ),
            _box(b"idat", grid),
        ]
        return _full(b"meta", b"".join(boxes))

    head = _box(b"ftyp", brands[:4] + bytes(4) + brands)
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + _box(b"mdat", b"".join(data for _, data in tiles))


def _coded(image: RgbImage) -> tuple[bytes, bytes]:
    """Settings of the decoder, and one coded picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        colour = "range=full:colormatrix=smpte170m"
        options = {"x265-params": f"crf=8:bframes=0:frame-threads=1:log-level=none:{colour}"}
        stream = container.add_stream("libx265", rate=1, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuvj420p", dst_colorspace="ITU601", dst_color_range="JPEG")
        frame.pts, frame.time_base = 0, Fraction(1)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as made:
        data = next(bytes(packet) for packet in made.demux(video=0) if packet.size)
        return bytes(made.streams.video[0].codec_context.extradata or b""), data


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, content: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, flags]) + content)
