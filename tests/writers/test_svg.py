"""The SVG files of single frames: their bytes, their contents, and what a renderer shows."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import resvg_py
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support import scenes
from tests.support.browser import in_script, text_of
from tests.support.places import GOLDEN
from videoseg.errors import OutputError
from videoseg.exporters.animated_svg import AnimatedSvg
from videoseg.formats.palette import colour_of
from videoseg.formats.svg_markup import decimal, track_id_of
from videoseg.geometry.masks import from_bitmap, iou
from videoseg.types import Scene, StreamInfo
from videoseg.writers.svg import Svg

RENEW = "VIDEOSEG_RENEW_GOLDEN"
NAMESPACE = {
    "s": "http://www.w3.org/2000/svg",
    "i": "http://www.inkscape.org/namespaces/inkscape",
}
Test = TypeVar("Test", bound=Callable[..., None])


def with_examples(labels: Iterable[str]) -> Callable[[Test], Test]:
    """Have hypothesis try these labels first."""

    def given_them(test: Test) -> Test:
        for label in labels:
            test = example(label=label)(test)
        return test

    return given_them


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
    disc, ring = root.findall("s:g/s:path", NAMESPACE)
    assert (disc.attrib["id"], ring.attrib["id"]) == ("disc-1", "ring-2")
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
            for other in root.findall("s:g", NAMESPACE):
                if other[0].attrib["data-track"] != str(tracked.track_id):
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
    data = etree.fromstring(path.read_bytes())[0][0].attrib["d"]
    assert "." not in str(data)


def test_each_object_is_a_layer_with_its_name(tmp_path: Path) -> None:
    """Under the same names on every frame, in the order of their numbers, whatever their labels."""
    discs = {number: scenes.disc(20 + 9 * number, 30, 12) for number in (1, 2, 3)}
    labels = {1: "the cat", 2: "dog", 3: "the cat"}
    for index, there in enumerate([(1, 2, 3), (3,), (2, 3)]):
        seen = [scenes.tracked(discs[number], number, label=labels[number]) for number in there]
        path = write(tmp_path, scenes.scene(*seen, index=index))[-1]
        root = etree.fromstring(path.read_bytes())
        layers = root.findall("s:g[@i:groupmode='layer']", NAMESPACE)
        assert len(layers) == len(root)
        named = [str(layer.attrib[f"{{{NAMESPACE['i']}}}label"]) for layer in layers]
        assert named == [f"{labels[number]} {number}" for number in there]
        ids = [str(path.attrib["id"]) for path in root.findall("s:g/s:path", NAMESPACE)]
        assert ids == [f"{labels[number].replace(' ', '-')}-{number}" for number in there]


LABELS = [
    scenes.HOSTILE,
    "R&B <script>alert(1)</script>",
    "a'b\"c",
    " \t\r\n ",
    "]]>&#0;&amp;<![CDATA[<!--",
    "\ud800",
    "\x1b[31m\x00\x7f\x85",
    "\ufffe\uffff\ufdd0\U0001ffff",
    "\u202e\u05d7\u05ea\u05d5\u05dc \u0627\u0644\u0642\u0637\u0629",
    "👩‍👩‍👧 猫 e\u0301",
    "long " * 2000,
    "\ufdfa" * 10_000,
    "",
]


def kept(label: str) -> str:
    """A label as XML 1.0 can hold it (section 2.2, Char)."""
    forbidden = {*range(0x20), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)} - {9, 10, 13}
    return "".join("\ufffd" if ord(char) in forbidden else char for char in label)


def check_names(file: Path, label: str) -> None:
    """Two parsers read the label back wherever it is, and ids that are names of XML, each once."""
    layer_label = f"{{{NAMESPACE['i']}}}label"
    own = ElementTree.parse(file).getroot()  # noqa: S314  (expat, on a file made here)
    for root in (etree.parse(str(file)).getroot(), own):
        elements = list(root.iter())
        assert {each.attrib["data-label"] for each in elements if "data-label" in each.attrib} == {
            kept(label)
        }
        titles = [each for each in elements if each.tag == f"{{{NAMESPACE['s']}}}title"]
        assert {title.text or "" for title in titles} == {kept(label)}
        layers = [str(each.attrib[layer_label]) for each in elements if layer_label in each.attrib]
        assert layers == [f"{kept(label)} {number}" for number in (1, 2)]
        ids = [str(each.attrib["id"]) for each in elements if "id" in each.attrib]
        assert len(ids) == len(set(ids)) >= 4
        for name in ids:
            assert etree.Element(name).tag == name  # refuses what is no XML name
            assert ":" not in name
            assert len(name.encode()) <= 63


moving = functools.cache(scenes.moving)


@settings(max_examples=60, deadline=None)
@given(label=st.text(st.characters()))
@with_examples(LABELS)
def test_any_label_is_read_back(label: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    made = [
        replace(scene, instances=tuple(replace(each, label=label) for each in scene.instances))
        for scene in moving()
    ]
    check_names(write(folder, made[0])[0], label)
    AnimatedSvg().export(scenes.Run(scenes.streams(), scenes.prompts(), made), folder)
    check_names(folder / "animated.svg", label)


@pytest.mark.browser
def test_a_browser_reads_any_label(tmp_path: Path) -> None:
    files = []
    for index, label in enumerate(LABELS):
        made = scenes.scene(scenes.tracked(scenes.disc(30, 30, 12), label=label), index=index)
        files.append(write(tmp_path, made)[-1].read_text(encoding="utf-8"))
    page = f"""<!doctype html><meta charset="utf-8"><pre></pre><script>
      const read = {in_script(files)}.map((text) => {{
        const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
        const path = svg.querySelector("path");
        return [path.dataset.label, path.querySelector("title").textContent, path.id,
                svg.querySelector("#" + CSS.escape(path.id)) === path];
      }});
      document.querySelector("pre").textContent = encodeURIComponent(JSON.stringify(read));
    </script>"""
    read = json.loads(unquote(text_of("pre", page, tmp_path)))
    expected = [[kept(label), kept(label), track_id_of(1, label), True] for label in LABELS]
    assert read == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("the cat", "the-cat-3"),
        ("  The   Cat's_toy! ", "The-Cat-s-toy-3"),
        ("2 dogs", "track-2-dogs-3"),
        ("", "track-3"),
        ("🐱 !?", "track-3"),
        ("猫", "猫-3"),
        ("बिल्ली", "बिल्ली-3"),
        ("Ko\u0308ter", "Köter-3"),
        ("ｃａｔ №①", "cat-No1-3"),
        ("\u202eחתול", "חתול-3"),
        ("\u0301a", "track-\u0301a-3"),
        ("a" * 10_000, f"{'a' * 48}-3"),
        ("猫" * 10_000, f"{'猫' * 16}-3"),
        (f"{'a' * 47} b", f"{'a' * 47}-3"),
        ("a\ud800\x00b", "a-b-3"),
    ],
)
def test_an_id_carries_label_and_number(label: str, expected: str) -> None:
    assert track_id_of(3, label) == expected


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
