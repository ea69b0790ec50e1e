"""The shape of pixels, written into the header of a finished Matroska file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from videoseg.formats.matroska import PLACEHOLDER, set_pixel_aspect

WIDTH, HEIGHT = 720, 576


def film(path: Path, *, title: str | None = PLACEHOLDER, codec: str = "ffv1") -> list[bytes]:
    """Write a film; its pictures."""
    options = {"fflags": "+bitexact"}
    if path.suffix == ".mkv":
        options["write_crc32"] = "0"
    with av.open(str(path), "w", options=options) as sink:
        stream = sink.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if title is not None:
            stream.metadata["title"] = title
        for index in range(3):
            image = np.full((HEIGHT, WIDTH, 3), 60 * index, np.uint8)
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        sink.mux(stream.encode(None))
    return decoded(path)


def decoded(path: Path) -> list[bytes]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray().tobytes() for frame in source.decode(video=0)]


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.webm", "libvpx-vp9")])
@pytest.mark.parametrize(
    "aspect", [Fraction(16, 15), Fraction(64, 45), Fraction(3), Fraction(1, 3)]
)
def test_the_shape_is_read_back(name: str, codec: str, aspect: Fraction, tmp_path: Path) -> None:
    path = tmp_path / name
    pictures = film(path, codec=codec)
    size = path.stat().st_size
    set_pixel_aspect(path, WIDTH, HEIGHT, aspect)
    assert path.stat().st_size == size
    assert decoded(path) == pictures
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.sample_aspect_ratio == aspect
        assert "title" not in stream.metadata
        source.seek(40_000)
        assert next(source.decode(stream)).pts is not None


@pytest.mark.parametrize("content", [None, b"", b"\x1a\x45", bytes(1000), b"\xff" * 1000])
def test_other_files_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    if content is None:
        film(path, title=None)
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"placeholder|no element"):
        set_pixel_aspect(path, WIDTH, HEIGHT, Fraction(2))
    assert path.read_bytes() == before
