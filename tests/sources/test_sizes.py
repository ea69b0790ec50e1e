"""Pictures that are too large: one clear line as soon as they are opened, no memory taken."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from videoseg.cli._app import run
from videoseg.config.run_config import RunConfig
from videoseg.errors import SourceError
from videoseg.formats.images.header import claimed_size
from videoseg.jobs.inputs import open_source
from videoseg.jobs.job import Job
from videoseg.sources.video import VideoSource
from videoseg.types import Prompt, StreamInfo

SIDE = 30_000
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG"},
    "progressive.jpg": {"format": "JPEG", "progressive": True, "exif": b"Exif\0\0" + b"x" * 60_000},
    "webp": {"format": "WEBP"},
    "lossless.webp": {"format": "WEBP", "lossless": True},
    "alpha.webp": {"format": "WEBP"},
    "bmp": {"format": "BMP"},
    "tif": {"format": "TIFF"},
    "packed.tif": {"format": "TIFF", "compression": "tiff_deflate"},
}


def encoded(name: str, width: int, height: int) -> bytes:
    """A picture by another program."""
    mode = "RGBA" if name.startswith("alpha") else "RGB"
    made = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, len(mode)), np.uint8)
    Image.fromarray(pixels, mode).save(made, **FORMATS[name])
    return made.getvalue()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(37, 21), (300, 700)])
def test_the_size_that_a_header_claims(name: str, size: tuple[int, int]) -> None:
    data = encoded(name, *size)
    assert claimed_size(memoryview(data)) == size
    for end in range(0, min(len(data), 400), 7):
        claimed_size(memoryview(data[:end]))  # torn ones say something else, or nothing


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"II*\0", b"\xff\xd8\xff\xe0\0\0" * 9])
def test_what_claims_nothing(data: bytes) -> None:
    assert claimed_size(memoryview(data)) in (None, (0, 0))


def huge(name: str) -> bytes:
    """A small picture whose header claims 30,000 pixels either way."""
    data = bytearray(encoded(name, 300, 700))
    for order in "<>":
        for kind in "HI":
            for value in (300, 700):
                old, new = struct.pack(order + kind, value), struct.pack(order + kind, SIDE)
                at = data.find(old, 0, 64) if name != "tif" else data.rfind(old)
                if at >= 0:
                    data[at : at + len(old)] = new
    return bytes(data)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("name", ["png", "bmp"])
def test_no_memory_is_taken_for_what_is_too_large(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"large.{name}"
    path.write_bytes(huge(name))
    assert claimed_size(memoryview(path.read_bytes())) == (SIDE, SIDE)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("is decoded"))
    for command in (
        ["info", str(path)],
        ["segment", str(path), "cat", "-o", str(tmp_path / "out")],
    ):
        assert run(command) == 1
        said = capsys.readouterr().err
        assert f"{path}: pictures of 30000 x 30000 pixels are too large" in said
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_every_source_is_held_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that does not look itself; what it has open is closed."""
    closed = []
    info = StreamInfo("front", SIDE, SIDE, Fraction(1, 25))
    monkeypatch.setattr(VideoSource, "open", lambda *_: {"front": info})
    monkeypatch.setattr(VideoSource, "close", lambda _: closed.append(1))
    with pytest.raises(SourceError, match="30000 x 30000 pixels are too large"):
        open_source("a.mp4", RunConfig())
    assert closed
    with pytest.raises(SourceError, match="too large"):
        Job("a.mp4", (Prompt("cat", "cat"),), RunConfig())
