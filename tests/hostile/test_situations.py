"""Situations that strangers meet: odd names, odd files, odd places, as whole commands.

Every row says the exit code and what is said; none may show a traceback or an "unexpected" error,
and what a failed command leaves is looked at. Other programs read what the others have made.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

import videoseg
from tests.support.commandline import captured
from tests.support.fakes import Colours
from tests.support.media import clip, film
from videoseg.cli._app import run
from videoseg.types import RgbImage

SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
BOX = (20, 10, 60, 40)
WIDTH, HEIGHT = 96, 64


def _picture(index: int, width: int, height: int) -> RgbImage:
    image = np.full((height, width, 3), 48, np.uint8)
    x1, y1, x2, y2 = BOX
    image[y1:y2, x1:x2] = (230, 20, 20)
    return image


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    said: str


def command(*arguments: str) -> Ended:
    """Run ``videoseg`` in this process, with a model that finds red, green and blue."""
    code, out, text = captured(arguments, {"models": {"colours": Colours}})
    assert "Traceback" not in text
    assert "unexpected" not in text, text
    return Ended(code, out, text)


def segment(*arguments: str) -> Ended:
    return command("segment", *arguments, "--model", "colours", "--progress", "none")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a clip of eight frames and a red box on it."""
    monkeypatch.chdir(tmp_path)
    made = clip(frames=8, width=WIDTH, height=HEIGHT, picture=_picture)
    (tmp_path / "clip.mp4").write_bytes(made.read_bytes())
    return tmp_path


NAMES = [
    "2024-05-01T12:30:45.mp4",
    "100%.mp4",
    "a%20b.mp4",
    "frame%04d.mp4",
    "a?b&c#d.mp4",
    "new\nline.mp4",
    "[x].mp4",
    "{stem}.mp4",
    "~x.mp4",
    ".hidden.mp4",
    "back\\slash.mp4",
    "http:x.mp4",
    "pipe:0.mp4",
    "no ending",
    "ünï-日本-🐈.mp4",
    os.fsdecode(b"no-utf8-\xff.mp4"),
]


# numpy's word to pycocotools.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names(name: str) -> None:
    os.rename("clip.mp4", name)
    done = segment(name, "red", "--json", "-q", *("--write", "masks", "--write", "overlay"))
    assert (done.code, done.said) == (0, "")
    summary = json.loads(done.out.encode("utf-8"))
    assert summary["input"] == name
    out = Path(summary["out"])
    with open(out / "overlay.mp4", "rb") as file, av.open(file, "r") as overlay:
        assert len(list(overlay.decode(video=0))) == 8
    record = json.loads((out / "masks.json").read_text(encoding="utf-8"))
    (x1, y1, x2, y2), found = BOX, coco.decode(record["annotations"][0]["segmentation"])
    assert found[y1:y2, x1:x2].all()
    assert found.sum() == (x2 - x1) * (y2 - y1)
    assert command("info", name, "--json").code == 0
    assert command("rerun", str(out), "-o", "again", "--write", "masks").code == 0


def _labels() -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:40, 20:60], labels[50:60, 70:90] = 3, 7
    cv2.imwrite("labels.png", labels)


def _svg(inside: str, name: str = "mask.svg", box: str = "0 0 96 64") -> Callable[[], None]:
    text = f'<svg {SVG} viewBox="{box}">{inside}</svg>'
    return lambda: void(Path(name).write_text(text, encoding="utf-8"))


def void(_: object) -> None: ...


RECTANGLE = '<rect x="20" y="10" width="40" height="30"/>'
INKSCAPE = (
    '<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:groupmode="layer" '
    'transform="translate(10,5)"><path style="fill:#f00" d="m 10,5 h 40 v 30 H 10 Z"/></g>'
)
CLIPPED = (
    f'<clipPath id="c">{RECTANGLE}</clipPath><rect width="96" height="64" clip-path="url(#c)"/>'
)
MASKS: dict[str, tuple[Callable[[], None], str, int | str]] = {
    "an id of a label picture": (_labels, "labels.png#3", 1200),
    "no id of several": (_labels, "labels.png", "holds the ids 3, 7; name one"),
    "an id that is not there": (_labels, "labels.png#9", "has no id 9; it holds 3, 7"),
    "of another size": (
        lambda: void(cv2.imwrite("s.png", np.full((9, 9), 255, np.uint8))),
        "s.png",
        "is 9 x 9, but clip is 96 x 64",
    ),
    "empty": (
        lambda: void(cv2.imwrite("e.png", np.zeros((HEIGHT, WIDTH), np.uint8))),
        "e.png",
        "no pixel of it is set",
    ),
    "an SVG": (_svg(RECTANGLE), "mask.svg", 1200),
    "of Inkscape": (_svg(INKSCAPE), "mask.svg", 1200),
    "shown by use": (
        _svg('<defs><rect id="r" width="40" height="30"/></defs><use xlink:href="#r" x="20"/>'),
        "mask.svg",
        1200,
    ),
    "twice as large": (
        _svg('<rect width="80" height="60"/>', box="0 0 192 128"),
        "mask.svg",
        1200,
    ),
    "hidden": (_svg(f'<g display="none">{RECTANGLE}</g>'), "mask.svg", "draws nothing"),
    "of another shape": (_svg(RECTANGLE, box="0 0 9 9"), "mask.svg", "the same ratio"),
    "clipped": (_svg(CLIPPED), "mask.svg", WIDTH * HEIGHT),
    "compressed": (
        lambda: void(Path("m.svgz").write_bytes(gzip.compress(f"<svg {SVG}/>".encode()))),
        "m.svgz",
        "is a compressed SVG, which is not read; save it as plain SVG",
    ),
    "a video": (lambda: None, "clip.mp4", "cannot be decoded as an image"),
    "no file": (lambda: None, "nosuch.png", "no such file"),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name: str, place: Path) -> None:
    make, given, expected = MASKS[name]
    make()
    done = segment("clip.mp4", "--mask", given, "-o", "out", "--write", "masks")
    if isinstance(expected, str):
        assert done.code == 2
        assert expected in done.said.splitlines()[-1]
        assert not (place / "out").exists()
    else:
        assert done.code == 0, done.said
        record = json.loads((place / "out" / "masks.json").read_bytes())
        assert record["annotations"][0]["area"] == expected
    assert ("its clips and masks are not applied" in done.said) == (name == "clipped")


@dataclass(frozen=True)
class Refused:
    """A command that must end with one line, and leave nothing.

    Attributes:
        arguments: What follows ``segment``.
        code: The exit code.
        says: What the last line says, as a regular expression.
        text: What the file ``given`` holds, where there is one.
    """

    arguments: tuple[str, ...]
    code: int
    says: str
    text: bytes | None = None


PROMPTS = ("clip.mp4", "--prompts", "given")
SETTINGS = ("clip.mp4", "red", "--config", "given")
REFUSED = {
    "no input": Refused(("", "red"), 1, "no such file or folder"),
    "no phrase": Refused(("clip.mp4", " "), 2, "an empty phrase names nothing"),
    "a folder without a name": Refused(("clip.mp4", "red", "-o", ""), 2, "-o: the name .* empty"),
    "a field that is none": Refused(("clip.mp4", "red", "-o", "{x}"), 2, r"no field \{x\}"),
    "out is the input": Refused(("clip.mp4", "red", "-o", "clip.mp4"), 1, "cannot write to clip"),
    "out is a device": Refused(("clip.mp4", "red", "-o", "/dev/null"), 1, "cannot write to /dev"),
    "a start after the end": Refused(("clip.mp4", "red", "--start", "50f"), 2, "after the last"),
    "in a file of unknown length": Refused(("f.ts", "red", "--start", "50f"), 2, "after the last"),
    "and by time": Refused(("f.ts", "red", "--start", "99"), 2, "99 is after the last frame"),
    "a start that is none": Refused(("clip.mp4", "red", "--start", "1:99"), 2, "'1:99' is not"),
    "an end before the start": Refused(
        ("clip.mp4", "red", "--start", "5f", "--end", "3f"), 2, "no frames between 5f and 3f"
    ),
    "a box of two numbers": Refused(("clip.mp4", "--box", "1,2"), 2, "--box is x1,y1,x2,y2"),
    "a box in shares": Refused(("clip.mp4", "--box", ".1,.1,.5,.5"), 2, "shares of the frame"),
    "a mark after the end": Refused(
        ("clip.mp4", "--prompt", "box=1,2,50,60;at=99"), 2, r"has 8 frames \(0 to 7\)"
    ),
    "a phrase of no colour": Refused(("clip.mp4", "mauve"), 4, "no colour is called 'mauve'"),
    "prompts, empty": Refused(PROMPTS, 2, "given is not JSON", b""),
    "prompts, Latin-1": Refused(PROMPTS, 2, "line 1: is not UTF-8", b'[{"text":"r\xe9d"}]'),
    "prompts, deep": Refused(PROMPTS, 2, "given is not JSON", b"[" * 100_000),
    "prompts, none": Refused(PROMPTS, 2, "at least one entry", b"[]"),
    "prompts, infinity": Refused(PROMPTS, 2, "got inf", b'[{"box":[1,2,3,4],"at":1e999}]'),
    "settings, torn": Refused(SETTINGS, 2, "given is not TOML", b"[writers.svg"),
    "settings, unknown": Refused(SETTINGS, 2, "unknown table 'nope'", b"[nope]\na=1"),
    "a list without inputs": Refused(("--list", "given", "--text", "red"), 2, "no inputs", b"\n"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="devices of POSIX")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, place: Path) -> None:
    row = REFUSED[name]
    if row.text is not None:
        (place / "given").write_bytes(row.text)
    made = film(name="f.ts", codec="mpeg2video")
    (place / "f.ts").write_bytes(made.read_bytes())
    before = sorted(place.rglob("*"))
    done = segment(*row.arguments)
    assert done.code == row.code, done.said
    assert re.search(row.says, done.said.splitlines()[-1]), done.said
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("name", ["seen.jpg", "seen", ""])
def test_a_preview_has_the_ending_of_what_it_is(place: Path, name: str) -> None:
    done = command("preview", "clip.mp4", "--grid", "-o", name)
    assert done.code == 2
    assert "a preview is a PNG; give a name that ends in .png" in done.said
    assert [path.name for path in place.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_files_of_other_editors(place: Path, encoding: str) -> None:
    (place / "p.json").write_text('[{"text": "red", "label": "é"}]', encoding=encoding)
    (place / "s.toml").write_text("[writers.masks]\r\nlabels = 'grey'\r\n", encoding=encoding)
    options = ("--prompts", "p.json", "--config", "s.toml", "--write", "masks", "-o", "out")
    assert segment("clip.mp4", *options).code == 0
    assert json.loads(Path("out/masks.json").read_bytes())["categories"][0]["name"] == "é"
    labels = cv2.imread("out/masks/000000.png", cv2.IMREAD_UNCHANGED)
    assert labels is not None
    assert np.unique(labels).tolist() == [0, 1]


def test_json_in_a_file_is_utf8_whatever_the_terminal_takes(place: Path) -> None:
    os.rename("clip.mp4", "fenêtre.mp4")
    for encoding in ("latin-1", "cp1252", "ascii", "utf-8"):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with redirect_stdout(out):
            assert run(["info", "fenêtre.mp4", "--json"]) == 0
        out.flush()
        assert "fenêtre" in json.loads(out.buffer.getvalue().decode("utf-8"))


class Picture:
    """Such as one of Pillow: numpy takes it, and it is no sequence."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.__array_interface__ = array.__array_interface__
        self._kept = array


@pytest.mark.parametrize(
    ("asked", "marks", "labels"),
    [
        (["red"], {}, ["red"]),
        ([["red", "green"]], {}, ["red"]),
        ([("red",)], {}, ["red"]),
        (["red|green"], {}, ["red"]),
        ([], {"box": np.array([10, 5, 70, 50], np.float32)}, ["object"]),
        ([], {"mask": Picture(np.pad(np.ones((30, 40), np.uint8), 12))}, ["object"]),
    ],
)
def test_the_python_door(asked: list[Any], marks: dict[str, Any], labels: list[str]) -> None:
    if isinstance(mask := marks.get("mask"), Picture):
        marks = {"mask": Picture(np.ascontiguousarray(np.resize(mask._kept, (HEIGHT, WIDTH))))}
    door: Any = videoseg.segment
    frames = list(door("clip.mp4", *asked, model=Colours(), **marks))
    assert len(frames) == 8
    assert [item.label for item in frames[0][1].instances] == labels


@pytest.mark.parametrize(
    ("asked", "marks", "says"),
    [
        ([3], {}, "prompts must be a sequence, got 3"),
        ([{"text": "red"}], {}, "prompts must be a sequence"),
        ([], {"box": "1,2,3,4"}, "boxes must be a sequence"),
        ([], {"point": 0}, "points must be a sequence"),
        ([], {"mask": 3}, "bool or whole numbers"),
    ],
)
def test_mistakes_at_the_python_door(asked: list[Any], marks: dict[str, Any], says: str) -> None:
    door: Any = videoseg.segment
    with pytest.raises(videoseg.VideosegError, match=says):
        list(door("clip.mp4", *asked, model=Colours(), **marks))


def test_onnx_runtime_reports_nothing(place: Path) -> None:
    code = (
        "import os\n"
        "from videoseg.models.embedded.features import onnx_runtime\n"
        "onnx_runtime()\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    clean = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**clean, "HOME": str(place), "XDG_CACHE_HOME": str(place / "cache")},
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "1"
    assert not [path for path in place.rglob("*") if "onnxruntime" in path.name]
