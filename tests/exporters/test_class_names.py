"""What labels are called as classes: a line that says something, and no two alike."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from tests.support import scenes
from tests.support.labels import export
from videoseg.formats.label_classes import class_names
from videoseg.types import Prompt

ODD = (
    *("background", "ignored", "_background_", "", "   ", "cup", " cup", "Cup", "cup 2"),
    *("a\x00b", "a\x01b", "a b", "two\nlines", "\t", "..", "/", "../../etc/x", "C:\\x", "a:b#c"),
    *("null", "~", "1", "<b>&amp;", '"', "\ud800", "\u202e", "\ufffe", "long " * 400),
)
"""Labels that mean something elsewhere, say nothing, or look alike."""


def lines(path: str) -> Callable[[Path], list[str]]:
    return lambda out: (out / path).read_text("utf-8").split("\n")[:-1]


def categories(path: str) -> Callable[[Path], list[str]]:
    return lambda out: [one["name"] for one in json.loads((out / path).read_text())["categories"]]


def voc(out: Path) -> list[str]:
    found = lines("pascal-voc/labelmap.txt")(out)
    nothing, *named = (line.split(":")[0] for line in found[1:])
    assert nothing == "background"
    assert nothing not in named
    return named


def mots(out: Path) -> list[str]:
    found = lines("mots/instances/labels.txt")(out)
    assert found.index("ignored") == 9
    return found[:9] + found[10:]


def yolo(out: Path) -> list[str]:
    """Escapes in double quotes mean the same in YAML as they do in Python, as far as used here."""
    _, listed = (out / "yolo-seg/data.yaml").read_text("ascii").split("names:\n")
    found = [line.strip().split(": ", 1) for line in listed.splitlines()]
    assert [number for number, _ in found] == [str(n) for n in range(len(found))]
    return [str(ast.literal_eval(text)) for _, text in found]


def cvat(out: Path) -> list[str]:
    root = etree.parse(out / "cvat.xml").getroot()
    named = [str(label.findtext("name")) for label in root.iterfind("meta/task/labels/label")]
    assert [track.get("label") for track in root.iterfind("track")] == named
    return named


def label_studio(out: Path) -> list[str]:
    root = etree.parse(out / "label-studio.xml").getroot()
    named = [str(label.get("value")) for label in root.iter("Label")]
    (task,) = json.loads((out / "label-studio.json").read_text())
    found = [one["value"]["brushlabels"] for one in task["predictions"][0]["result"]]
    assert found == [[name] for name in named]
    return named


def labelme(out: Path) -> list[str]:
    (file,) = (out / "labelme").iterdir()
    return [shape["label"] for shape in json.loads(file.read_text())["shapes"]]


CLASSES: dict[str, Callable[[Path], list[str]]] = {
    "coco": categories("coco.json"),
    "youtube-vis": categories("youtube-vis/instances.json"),
    "pascal-voc": voc,
    "mots": mots,
    "mot": lines("mot/clip/gt/labels.txt"),
    "yolo-seg": yolo,
    "cvat": cvat,
    "label-studio": label_studio,
    "labelme": labelme,
}


def asked(*names: str) -> tuple[Prompt, ...]:
    """A prompt of each label."""
    return tuple(Prompt(label=name, text="a thing") for name in names)


def odd_run(names: tuple[str, ...]) -> scenes.Run:
    """One frame with an object of each label."""
    objects = [
        scenes.tracked(scenes.rectangle(x := 3 * n, 5, x + 2, 9), n + 1, label=name)
        for n, name in enumerate(names)
    ]
    made = [scenes.scene(*objects)]
    return scenes.Run(scenes.streams(), asked(*names), made)


@pytest.mark.parametrize("name", CLASSES)
def test_every_label_is_a_class_of_its_own(name: str, tmp_path: Path) -> None:
    out = export(name, odd_run(ODD), tmp_path / "out")
    found = CLASSES[name](out)
    assert len(found) == len(ODD)
    assert len(set(found)) == len(ODD)
    for each in found:
        assert each == each.strip()
        assert each.isprintable() or "\u202e" in each
        assert each
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("name", CLASSES)
def test_plain_labels_stay_as_they_are(name: str, tmp_path: Path) -> None:
    kept: tuple[str, ...] = ("cup", "Cup", "cup 2", "größte Tasse", "杯子", "null", "a/b", "..")
    if name == "mots":
        kept = (*kept, "i", "j", "k")  # so that there is a class with the number 10
    out = export(name, odd_run(kept), tmp_path / "out")
    assert CLASSES[name](out) == list(kept)


@pytest.mark.parametrize("name", ["coco", "youtube-vis", "pascal-voc", "mot", "yolo-seg"])
def test_two_objects_with_one_label_are_one_class(name: str, tmp_path: Path) -> None:
    box = scenes.rectangle(0, 0, 4, 4)
    two = [scenes.tracked(box, n, label="cup") for n in (1, 2)]
    run = scenes.Run(scenes.streams(), scenes.prompts("cup", "cup"), [scenes.scene(*two)])
    out = export(name, run, tmp_path / "out")
    assert CLASSES[name](out) == ["cup"]


def test_names_that_are_taken() -> None:
    given = ["background", "background 2", "a\nb", "a b", ""]
    assert class_names(given, reserved=["background"]) == {
        "background": "background 2",
        "background 2": "background 2 2",
        "a\nb": "a b",
        "a b": "a b 2",
        "": "object",
    }
