"""Films and pictures that come with a request, kept only if they are what they seem.

What is text (playlists, lists of clips, drawings) can name other files, which a decoder would open;
so the first bytes decide, and no name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from videoseg.server.asgi import Refusal, RefusedError

_HEAD = 512
_TEXT = 1 << 16
"""Bytes in which a list says what it is."""
_LISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"[Reference]")
_LISTS_IN_XML = (b"<mpd", b"<compositionplaylist", b"<assetmap")
_PACKET = 188
"""Bytes of a packet of MPEG-TS; each begins with 0x47."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x1aE\xdf\xa3", ".mkv"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF8", ".gif"),
    (b"OggS", ".ogv"),
    (b"FLV\x01", ".flv"),
    (b"\x00\x00\x01\xba", ".mpg"),
    (b"\x00\x00\x01\xb3", ".mpg"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", ".mxf"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
)


def suffix_of(head: bytes) -> str | None:
    """The ending for a file that begins so; None for what is no film and no picture."""
    if head[4:8] in _BOXES:
        return ".heic" if head[8:12] in (b"heic", b"heix", b"mif1") else ".mp4"
    if head[:4] == b"RIFF":
        return {b"AVI ": ".avi", b"WEBP": ".webp"}.get(head[8:12])
    if len(head) > _PACKET and head[0] == head[_PACKET] == 0x47:
        return ".ts"
    return next((suffix for start, suffix in _STARTS if head.startswith(start)), None)


def names_files(path: Path) -> bool:
    """Whether a file is a list of other files, which a decoder would open wherever they are.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(_TEXT)
    if begin.startswith(_LISTS):
        return True
    return b"\0" not in begin and any(mark in begin.lower() for mark in _LISTS_IN_XML)


def keep(file: BinaryIO, to: Callable[[str], Path]) -> Path:
    """Copy an upload to where it belongs.

    Args:
        file: The upload, at its beginning.
        to: Gives the path for an ending.

    Raises:
        RefusedError: It is no film and no picture, or there is no room for it.
    """
    head = file.read(_HEAD)
    suffix = suffix_of(head)
    if suffix is None:
        raise RefusedError(
            Refusal(415, "the file is no film and no picture; upload MP4, MKV, MOV, JPEG or PNG")
        )
    file.seek(0)
    path = to(suffix)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise RefusedError(no_room(error)) from error
    return path


def no_room(error: OSError) -> Refusal:
    """What is said of a file that cannot be kept."""
    why = error.strerror or type(error).__name__
    return Refusal(507, f"the file cannot be kept: {why}; make room and try again")
