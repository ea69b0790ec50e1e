"""Small files that claim very much: none takes more than a few seconds and 300 MB."""

from __future__ import annotations

import io
import re
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.support import media
from tests.support.measured import MOST_MEGABYTES, MOST_SECONDS, Opening, opened_apart
from videoseg.formats.images.header import check_claims
from videoseg.geometry.sizes import check_pixels, most_pixels

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork to measure")

LARGE = 16384
TINY = zlib.compress(bytes(100))
TOO_LARGE = "does not hold pictures of 16384 x 16384 pixels"
NOTHING = "holds no frame that can be decoded"
TEXTS = "the texts or the colour profile in it have more than"
TABLES = "its tables claim more frames than the file has bytes"


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def packed(size: int) -> bytes:
    """Zeros of some bytes, packed."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def png(width: int, height: int, data: bytes, *, depth: int = 8, kind: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def apng(width: int = 8, height: int = 8, *, count: int = 3, extra: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = TINY if width > 8 else zlib.compress(bytes((1 + 3 * width) * height))
    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
    made += chunk(b"acTL", struct.pack(">II", count, 0))
    for index in range(3):
        order = 2 * index - (index > 0)
        made += chunk(b"fcTL", struct.pack(">IIIIIHHBB", order, width, height, 0, 0, 1, 10, 0, 0))
        made += (
            chunk(b"fdAT", struct.pack(">I", order + 1) + rows) if index else chunk(b"IDAT", rows)
        )
    return made + chunk(b"IEND", b"")


def gif(width: int, height: int, frames: int = 3, delay: int = 10) -> bytes:
    made = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    for _ in range(frames):
        made += b"\x21\xf9\x04\0" + struct.pack("<HBB", delay, 0, 0)
        made += b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return made + b";"


def webp(width: int, height: int) -> bytes:
    def three(number: int) -> bytes:
        return struct.pack("<I", number)[:3]

    def part(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    ok, still = cv2.imencode(".webp", np.zeros((2, 2, 3), np.uint8), [64, 101])
    assert ok
    frame = bytes(6) + three(1) * 2 + three(100) + b"\0" + still.tobytes()[12:]
    body = part(b"VP8X", bytes([2, 0, 0, 0]) + three(width - 1) + three(height - 1))
    body += part(b"ANIM", bytes(6)) + part(b"ANMF", frame) * 3
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def jpeg(width: int, height: int) -> bytes:
    ok, image = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
    data = bytearray(image.tobytes())
    assert ok
    struct.pack_into(">HH", data, data.find(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def directory(tags: list[tuple[int, int, int, int]], following: int) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def tiff(width: int, height: int, data: bytes, *, method: int = 1) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, method)]
    tags += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height)]
    tags += [(279, 4, 1, len(data))]
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory(tags, 0)


def tiff_that_overlaps(pages: int = 20000, tags: int = 256) -> bytes:
    """Each page's description begins six bytes after the last one's and has all the tags."""
    made = bytearray(8 + 6 * (pages + 2 * tags + 4))
    made[:8] = b"II*\0" + struct.pack("<I", 8)
    for place in range(8, len(made) - 6, 6):
        struct.pack_into("<H", made, place, tags)
    for page in range(pages - 1):
        struct.pack_into("<I", made, 8 + 6 * page + 2 + 12 * tags, 8 + 6 * page + 6)
    return bytes(made)


def tiff_of_many_tags(pages: int = 1000) -> bytes:
    made = b"II*\0" + struct.pack("<I", 72) + bytes(64)
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64)]
    tags += [(258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags = sorted(tags) + [(60000 + n, 3, 1, 0) for n in range(240)]
    for page in range(pages):
        following = len(made) + 6 + 12 * len(tags)
        made += directory(tags, following if page < pages - 1 else 0)
    return made


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def heic(*, tiles: int, extents: int, size: tuple[int, int]) -> bytes:
    """A grid of one tile again and again, in places that have very many extents."""
    items = b"".join(
        box(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + b"grid\0")
        for number in range(1, tiles + 1)
    )
    places = b"".join(struct.pack(">HHH", number, 0, extents) for number in range(1, tiles + 1))
    meta = bytes(4)
    meta += box(b"pitm", bytes(4) + struct.pack(">H", 1))
    meta += box(b"iinf", bytes(4) + struct.pack(">H", tiles) + items)
    meta += box(
        b"iprp",
        box(b"ipco", box(b"ispe", bytes(4) + struct.pack(">II", *size)))
        + box(b"ipma", bytes(4) + struct.pack(">I", 1) + struct.pack(">HBB", 1, 1, 1)),
    )
    meta += box(b"iloc", bytes(4) + b"\0\0" + struct.pack(">H", tiles) + places)
    return box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", meta)


def patched(key: bytes, offset: int, form: str, *values: int) -> Callable[[], bytes]:
    """A small film, numbers after the name of a box replaced."""

    def made() -> bytes:
        data = bytearray(media.film(name="clip.mp4").read_bytes())
        struct.pack_into(form, data, data.find(key) + 4 + offset, *values)
        return bytes(data)

    return made


def of_many_samples() -> bytes:
    data = bytearray(media.film(name="clip.mp4").read_bytes())
    for key, offset, values in (
        (b"stsz", 4, (1, 1 << 26)),
        (b"stts", 8, (1 << 26,)),
        (b"stsc", 12, (1 << 26,)),
    ):
        struct.pack_into(f">{len(values)}I", data, data.find(key) + 4 + offset, *values)
    return bytes(data)


def of_many_samples_packed() -> bytes:
    """The header packed as QuickTime once did."""
    data = of_many_samples()
    place = data.find(b"moov") - 4
    header = data[place : place + int.from_bytes(data[place : place + 4], "big")]
    inner = box(b"dcom", b"zlib") + box(
        b"cmvd", struct.pack(">I", len(header)) + zlib.compress(header)
    )
    return data[:place] + box(b"moov", box(b"cmov", inner)) + data[place + len(header) :]


def of_pictures_with_text() -> bytes:
    """A film whose frames are PNG, each with a text."""
    frame = png(8, 8, zlib.compress(bytes(25 * 8)))
    place = frame.find(b"IDAT") - 4
    frame = frame[:place] + chunk(b"zTXt", b"a\0\0" + packed(1 << 28)) + frame[place:]
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "rgb24"
        packet = av.Packet(frame)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        packet.time_base = Fraction(1, 10)
        container.mux(packet)
    return file.getvalue()


def fragment_of_many_samples() -> bytes:
    run = box(b"trun", bytes(4) + struct.pack(">I", 1 << 26))
    inner = box(b"traf", box(b"tfhd", b"\0\2\0\0" + struct.pack(">I", 1)) + run)
    whole = media.film(name="clip.mp4").read_bytes()
    return whole + box(b"moof", box(b"mfhd", bytes(8)) + inner) + box(b"mdat", bytes(64))


def with_duration(text: str) -> Callable[[], bytes]:
    """A Matroska file whose DURATION says something."""

    def made() -> bytes:
        data = bytearray(media.film(name="clip.mkv").read_bytes())
        place = data.find(b"00:00:00.", data.find(b"DURATION"))
        assert place > 0
        data[place : place + 18] = text.encode().ljust(18, b"\0")[:18]
        return bytes(data)

    return made


DURATIONS = ("foo", "1:2:1e999999999", "9" * 20, "-1:-1:-1", "1:2:3:4", "nan:0:0", "0:0:1/0")

CASES: Mapping[str, tuple[Callable[[], bytes], str | None]] = {
    "empty.png": (lambda: png(LARGE, LARGE, TINY), TOO_LARGE),
    "one-colour.png": (lambda: png(LARGE, LARGE, packed(1 << 25), depth=1, kind=0), TOO_LARGE),
    "long-chunk.png": (
        lambda: png(8, 8, bytes(36)).replace(b"\0\0\0\x24IDAT", b"\xff\xfc\0\x24IDAT"),
        "claims to have 4,294,705,188 bytes, but",
    ),
    "header.jpg": (lambda: jpeg(LARGE, LARGE), TOO_LARGE),
    "header.tif": (lambda: tiff(LARGE, LARGE, bytes(64)), TOO_LARGE),
    "packed.tif": (lambda: tiff(LARGE, LARGE, packed(LARGE * LARGE), method=8), TOO_LARGE),
    "header.pgm": (lambda: b"P5 # a remark\n16384 16384\n255\n" + bytes(64), TOO_LARGE),
    "header.jp2": (
        lambda: (
            box(b"jP  ", b"\r\n\x87\n")
            + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
            + box(b"jp2h", box(b"ihdr", struct.pack(">IIHBBBB", LARGE, LARGE, 3, 7, 7, 0, 0)))
        ),
        TOO_LARGE,
    ),
    "canvas.webp": (lambda: webp(LARGE, LARGE), TOO_LARGE),
    "wide.webp": (lambda: webp(1 << 24, 16), "does not hold pictures of 16777216 x 16 pixels"),
    "canvas.gif": (lambda: gif(LARGE, 16000), NOTHING),
    "largest.gif": (lambda: gif(65535, 65535), NOTHING),
    "slow.gif": (lambda: gif(4, 4, delay=65535), None),
    "canvas.apng.png": (lambda: apng(LARGE, 16000), NOTHING),
    "claims.apng.png": (lambda: apng(count=2**31 - 1), None),
    "profile.apng.png": (
        lambda: apng(extra=chunk(b"iCCP", b"a\0\0" + packed(1 << 28))),
        TEXTS,
    ),
    "text.apng.png": (lambda: apng(extra=chunk(b"zTXt", b"a\0\0" + packed(1 << 28))), TEXTS),
    "words.apng.png": (
        lambda: apng(extra=chunk(b"iTXt", b"a\0\1\0en\0a\0" + packed(1 << 28))),
        TEXTS,
    ),
    "overlaps.tif": (tiff_that_overlaps, "cannot be decoded as an image"),
    "many-tags.tif": (tiff_of_many_tags, None),
    "extents.heic": (lambda: heic(tiles=20000, extents=65535, size=(64, 64)), "damaged"),
    "header.heic": (
        lambda: heic(tiles=1, extents=0, size=(LARGE, LARGE)),
        "no picture is 16384 x 16384 in",
    ),
    "header.avif": (
        lambda: heic(tiles=1, extents=0, size=(30000, 30000)).replace(b"heic", b"avif"),
        "no picture is 30000 x 30000 in",
    ),
    "samples.mp4": (of_many_samples, TABLES),
    "pictures.mov": (of_pictures_with_text, TEXTS),
    "packed.mov": (of_many_samples_packed, TABLES),
    "fragment.mp4": (fragment_of_many_samples, TABLES),
    "count.mp4": (patched(b"stsz", 8, ">I", 2**32 - 1), "is not a video that can be read"),
    "edit.mp4": (patched(b"elst", 8, ">I", 2**32 - 1), None),
    "times.mp4": (patched(b"stts", 8, ">II", 2**32 - 1, 2**31 - 1), None),
    "scale.mp4": (patched(b"mvhd", 12, ">I", 2**32 - 1), None),
    "scale-0.mp4": (patched(b"mvhd", 12, ">I", 0), None),
    "matrix.mp4": (patched(b"tkhd", 40, ">9i", *[2**31 - 1] * 9), None),
    "header.y4m": (lambda: b"YUV4MPEG2 W16384 H16000 F25:1\nFRAME\n", "does not hold pictures of"),
    **{f"duration-{n}.mkv": (with_duration(text), None) for n, text in enumerate(DURATIONS)},
}


@pytest.fixture(scope="module")
def openings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Opening]:
    folder = tmp_path_factory.mktemp("claims")
    for name, (make, _) in CASES.items():
        (folder / name).write_bytes(make())
    found = opened_apart(folder / name for name in CASES)
    return {path.name: opening for path, opening in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_a_small_file_claims_costs_little(name: str, openings: Mapping[str, Opening]) -> None:
    opening, says = openings[name], CASES[name][1]
    assert opening.seconds <= MOST_SECONDS
    assert opening.megabytes <= MOST_MEGABYTES
    assert "unexpected" not in opening.says
    if says is None:
        assert opening.frames, opening.says
    else:
        assert opening.frames is None
        assert re.search(says, opening.says), opening.says
        assert "\n" not in opening.says


@pytest.mark.parametrize(
    ("width", "height", "stored"),
    [
        (7680, 4320, 100),  # 8K, whatever is in it
        (16320, 12240, 20_000_000),  # the largest photographs of phones
        (14204, 10652, 3_000_000),  # a medium format, packed hard
    ],
)
def test_what_people_have_is_read(width: int, height: int, stored: int) -> None:
    check_pixels(width, height, stored)
    assert width * height <= most_pixels(stored)


def test_a_png_that_is_cut_off_claims_no_more_than_it_had() -> None:
    whole = png(2000, 2000, bytes(1 << 20))
    check_claims(memoryview(whole[: len(whole) // 2]))


def test_profiles_and_texts_that_people_have_are_read() -> None:
    small = chunk(b"iCCP", b"a\0\0" + packed(1 << 20)) + chunk(b"zTXt", b"a\0\0" + packed(1 << 20))
    check_claims(memoryview(apng(extra=small)))
