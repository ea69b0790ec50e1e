"""Nodes of Nuke as text, read by another's parser and as floats of the format."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import roto_runs, scenes
from videoseg.exporters.nuke import Nuke
from videoseg.types import Bitmap

HEAD = 3
"""Lines of the header, of which the parser knows no version of its own."""


@pytest.fixture(scope="module")
def photograph() -> roto_runs.RotoRun:
    """A ring with a part in its hole, and a disc."""
    both = scenes.mask_of(
        roto_runs.disc(80, 160, 60, 38).to_array() | roto_runs.disc(78, 160, 18).to_array()
    )
    there = [scenes.tracked(both, 1, label="ring"), scenes.tracked(roto_runs.disc(200, 80, 50), 2)]
    info = roto_runs.stream(still=True)
    return roto_runs.RotoRun(scenes.streams(info), (), [roto_runs.at(0, *there)])


def text_of(run: roto_runs.RotoRun, folder: Path) -> str:
    exporter = Nuke()
    assert exporter.produces(run.streams) == ("shapes.nuke.py", "shapes.nk")
    exporter.export(run, folder)
    return (folder / "shapes.nk").read_text(encoding="ascii")


def number(text: str) -> float:
    if text.startswith("x"):
        return float(struct.unpack(">f", bytes.fromhex(text[1:]))[0])
    return float(text)


def alpha(text: str) -> dict[str, Bitmap]:
    """What each node gives; a Merge takes the last of the stack as its B, and the one before."""
    stack: list[Bitmap] = []
    found: dict[str, Bitmap] = {}
    for kind, body in re.findall(r"^(\w+) \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE):
        if kind == "Merge2":
            below, above = stack.pop(), stack.pop()
            stack.append(below & ~above if " operation stencil\n" in body else below | above)
        else:
            assert body.count("{") == body.count("}")
            stack.append(roto_runs.drawn(rings(body)))
        found[re.findall(r"^ name (\w+)$", body, re.MULTILINE)[0]] = stack[-1]
    return found


def rings(curves: str) -> list[tuple[bool, Any]]:
    made = []
    for text in re.findall(r"\{px (.*?)\}\}\s+idem", curves, re.DOTALL):
        pairs = np.array([
            [number(each) for each in pair.split()] for pair in re.findall(r"\{(.*?)\}", text + "}")
        ]).reshape(-1, 3, 2)  # fmt: skip
        segments = roto_runs.segments_of(pairs[:, 1], pairs[:, 0], pairs[:, 2])
        segments[..., 1] = roto_runs.HEIGHT - segments[..., 1]
        made.append((True, segments))
    return made


def test_a_photograph_is_there_as_text(photograph: roto_runs.RotoRun, tmp_path: Path) -> None:
    shown = alpha(text_of(photograph, tmp_path))
    for layer, name in zip(photograph.layers(), ("ring_1_group2_joined", "disc_2"), strict=True):
        expected = photograph.truth(layer, 0)
        iou = (expected & shown[name]).sum() / (expected | shown[name]).sum()
        assert iou > roto_runs.LEAST_IOU


def test_another_parser_finds_the_nodes(photograph: roto_runs.RotoRun, tmp_path: Path) -> None:
    nkparser = pytest.importorskip("nkparser")
    lines = text_of(photograph, tmp_path).splitlines(keepends=True)
    script = nkparser.Script.from_string("".join(lines[HEAD:]))
    assert [each.code for each in script.diagnostics] == ["missing-root"]  # it is no whole script
    kinds = [node.class_name for node in script.all_nodes()]
    assert kinds == ["Roto", "Roto", "Merge2", "Roto", "Merge2", "Roto"]


def test_a_clip_is_not(tmp_path: Path) -> None:
    assert Nuke().produces(roto_runs.placed().streams) == ("shapes.nuke.py",)
