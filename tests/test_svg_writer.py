"""The SVG files of single frames: their bytes, their contents, and what a renderer shows."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import resvg_py
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests import scenes
from videoseg.errors import OutputError
from videoseg.geometry.masks import from_bitmap, iou
from videoseg.outlines.markup import decimal, escape
from videoseg.palette import colour_of
from videoseg.types import Scene, StreamInfo
from videoseg.writers.svg import Svg

GOLDEN = Path(__file__).parent / "golden"
RENEW = "VIDEOSEG_RENEW_GOLDEN"
NAMESPACE = {"s": "http://www.w3.org/2000/svg"}


def write(
    folder: Path, *made: Scene, writer: Svg | None = None, info: StreamInfo | None = None
) -> list[Path]:
    writer = writer or Svg()
    streams = scenes.streams(info or scenes.stream())
    writer.open(folder, streams, scenes.prompts())
    for scene in made:
        writer.write(scene, None)
    writer.close(complete=True)
    return sorted((folder / "svg").iterdir())


@pytest.mark.parametrize("index", [0, 3])
def test_golden(tmp_path: Path, index: int) -> None:
    """Set VIDEOSEG_RENEW_GOLDEN to write the files anew; look at them before you commit."""
    (path,) = write(tmp_path, scenes.moving()[index])
    golden = GOLDEN / f"frame-{path.name}"
    if os.environ.get(RENEW):
        golden.write_bytes(path.read_bytes())
    assert path.read_bytes() == golden.read_bytes()


def test_a_file_says_what_and_when_it_shows(tmp_path: Path) -> None:
    (path,) = write(tmp_path, scenes.moving()[4], info=scenes.stream(start_number=1001))
    assert path.name == "001005.svg"
    root = etree.fromstring(path.read_bytes())
    assert root.attrib["viewBox"] == f"0 0 {scenes.WIDTH} {scenes.HEIGHT}"
    found = {name: root.attrib[f"data-{name}"] for name in ("stream", "frame", "pts", "time-base")}
    assert found == {"stream": "clip", "frame": "4", "pts": "108", "time-base": "1/600"}
    assert root.attrib["data-seconds"] == "0.18"
    disc, ring = root.findall("s:path", NAMESPACE)
    assert (disc.attrib["id"], ring.attrib["id"]) == ("track-1", "track-2")
    assert ring.attrib["data-track"] == "2"
    assert ring.attrib["data-label"] == "ring"
    assert ring.attrib["data-score"] == "0.7"
    assert ring.attrib["data-state"] == "matched"
    assert ring.attrib["fill-rule"] == "evenodd"
    assert ring.attrib["fill"] == "#{:02x}{:02x}{:02x}".format(*colour_of(2))
    assert ring.findtext("s:title", namespaces=NAMESPACE) == "ring"


def test_a_renderer_shows_the_masks(tmp_path: Path) -> None:
    made = scenes.moving()
    for path, scene in zip(write(tmp_path, *made), made, strict=True):
        for tracked in scene.instances:
            root = etree.fromstring(path.read_bytes())
            for other in root.findall("s:path", NAMESPACE):
                if other.attrib["data-track"] != str(tracked.track_id):
                    root.remove(other)
            svg = etree.tostring(root, encoding="unicode")
            png = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_string=svg)), np.uint8)
            picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
            assert picture is not None
            assert picture.shape == (scenes.HEIGHT, scenes.WIDTH, 4)
            shown = from_bitmap(np.asarray(picture[..., 3] > 127))
            assert shown is not None
            assert iou(shown, tracked.instance.mask) >= 0.985  # discs of 600 px


def test_an_empty_frame_is_a_picture_of_nothing(tmp_path: Path) -> None:
    (path,) = write(tmp_path, scenes.scene())
    assert len(etree.fromstring(path.read_bytes())) == 0


def test_decimals_are_a_setting(tmp_path: Path) -> None:
    made = scenes.scene(scenes.tracked(scenes.disc(30.3, 30.2, 12.6)))
    (path,) = write(tmp_path, made, writer=Svg(precision=0))
    data = etree.fromstring(path.read_bytes())[0].attrib["d"]
    assert "." not in str(data)


@pytest.mark.parametrize(
    "label",
    [scenes.HOSTILE, "R&B <script>alert(1)</script>", "a'b\"c", "\t\r\n", "\ud800", "\x1b["],
)
def test_any_label_survives(tmp_path: Path, label: str) -> None:
    made = scenes.scene(scenes.tracked(scenes.disc(30, 30, 12), label=label))
    (path,) = write(tmp_path, made)
    (element,) = etree.fromstring(path.read_bytes())
    kept = "".join("\ufffd" if char in "\x00\x1b\ud800" else char for char in label)
    assert element.attrib["data-label"] == kept
    assert element.findtext("s:title", namespaces=NAMESPACE) == kept


@given(st.text(st.characters()))
def test_escaped_text_reads_back(text: str) -> None:
    root = etree.fromstring(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    assert root.attrib["b"] == (root.text or "")
    for read, written in zip(str(root.attrib["b"]), text, strict=True):
        assert read in (written, "\ufffd")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0001, "0"),
        (1e-9, "0"),
        (0.1 + 0.2, "0.3"),
        (1e9, "1000000000"),
        (-2.5, "-2.5"),
    ],
)
def test_decimal(value: float, text: str) -> None:
    assert decimal(value, 3) == text


def test_several_streams_get_a_folder_each(tmp_path: Path) -> None:
    streams = scenes.streams(*(scenes.stream(name) for name in ("a/b", "A b", "../..", "ü")))
    writer = Svg()
    writer.open(tmp_path, streams, scenes.prompts())
    for name in streams:
        writer.write(scenes.scene(stream=name), None)
    writer.close(complete=True)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.svg"))
    names = ("A_b-2", "a_b", "stream-2", "stream")
    assert found == [f"svg/{name}/000000.svg" for name in names]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "svg").write_text("in the way")
    with pytest.raises(OutputError, match="svg"):
        Svg().open(tmp_path, scenes.streams(), scenes.prompts())
