"""Edits on what the page shows: as the run itself shows them, without reading it anew."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.web import need_web
from videoseg.formats.svg_path import parse_path
from videoseg.geometry import masks
from videoseg.outlines.raster import rasterise
from videoseg.server.page.editing import edit
from videoseg.server.page.project import Project
from videoseg.server.page.results import Results
from videoseg.types import Part, Shape

need_web()
SQUARE = "M20 20h30v30h-30z"


def truth(results: Results) -> dict[int, dict[int, tuple[str, str, Any]]]:
    """By frame and track label, state and pixels, read from the run itself."""
    return {
        scene.index: {
            each.track_id: (each.label, each.state, each.instance.mask) for each in scene.instances
        }
        for scene in results.run.scenes()
    }


def check(results: Results) -> None:
    results.wait()
    wanted = truth(results)
    said = results.to_json()
    info = results.run.streams[results.frames.stream]
    bars = {bar["track"]: bar for bar in said["tracks"]}
    assert bars.keys() == {track for tracks in wanted.values() for track in tracks}
    shown = results.outlines(0, len(wanted))["frames"]
    for index, tracks in wanted.items():
        here = {
            track: state
            for track, bar in bars.items()
            for first, last, state in bar["runs"]
            if first <= index <= last
        }
        items = {item["track"]: item for item in shown[str(index)]}
        assert here.keys() == items.keys() == tracks.keys()
        for track, (label, state, mask) in tracks.items():
            assert bars[track]["label"] == label
            assert here[track] == items[track]["state"]
            assert here[track] in (state, "corrected")
            rings = parse_path(items[track]["path"])
            drawn = rasterise(Shape(tuple(map(Part, rings))), info.width, info.height)
            assert drawn is not None
            assert masks.iou(drawn, mask) > 0.93


EDITS: list[list[dict[str, Any]]] = [
    [],
    [{"edit": "rename", "track": 2, "label": "ball"}],
    [{"edit": "merge", "track": 1, "other": 2}],
    [{"edit": "split", "track": 1, "at": 3}, {"edit": "merge", "track": 2, "other": 3}],
    [{"edit": "delete", "track": 1}],
    [{"edit": "hide", "track": 2}],
    [{"edit": "outline", "track": 1, "at": 4, "path": SQUARE}],
    [
        {"edit": "split", "track": 2, "at": 5},
        {"edit": "outline", "track": 3, "at": 6, "path": SQUARE},
        {"edit": "rename", "track": 3, "label": "late"},
        {"edit": "merge", "track": 1, "other": 3},
        {"edit": "undo"},
    ],
]


@pytest.mark.parametrize("edits", EDITS)
def test_edits_are_shown_as_the_run_itself_has_them(
    reviewed: Project, edits: list[dict[str, Any]]
) -> None:
    generation = 0
    for said in edits:
        generation = edit(reviewed, {"generation": generation, **said})["generation"]
    check(reviewed.results)


def test_outlines_drawn_by_hand_are_marked_as_corrected(reviewed: Project) -> None:
    made = edit(
        reviewed,
        {"generation": 0, "edit": "outline", "track": 1, "at": 4, "path": SQUARE},
    )
    assert made["tracks"][0]["runs"] == [
        (0, 3, "matched"),
        (4, 4, "corrected"),
        (5, 7, "matched"),
    ]


def test_an_edit_does_not_read_the_outlines_of_the_run_anew(
    reviewed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed.results.wait()
    before = reviewed.results.frames

    def read(*_: object) -> None:
        raise AssertionError("the run is read anew")

    monkeypatch.setattr("videoseg.runlog.reader.RunFolder.tracked", read)
    edit(reviewed, {"generation": 0, "edit": "rename", "track": 1, "label": "x"})
    assert reviewed.results.frames is before
    assert reviewed.results.outlines(0, 8)["frames"]["7"]


def test_what_the_model_found_is_given_beside_what_was_made_of_it(reviewed: Project) -> None:
    reviewed.results.found(0, 8)
    reviewed.results.frames.found(reviewed.results._outlines).wait()
    said = reviewed.results.found(0, 8)
    assert said["whole"]
    wanted = {
        index: [each.mask for each in found.instances]
        for _, index, found in reviewed.results.run.detections()
        if found is not None
    }
    assert {int(index) for index in said["frames"]} == wanted.keys()
    for index, items in said["frames"].items():
        for item, mask in zip(items, wanted[int(index)], strict=True):
            shape = Shape(tuple(map(Part, parse_path(item["path"]))))
            drawn = rasterise(shape, mask.frame_width, mask.frame_height)
            assert drawn is not None
            assert masks.iou(drawn, mask) > 0.93


def test_a_run_that_was_made_anew_is_read_anew(reviewed: Project) -> None:
    reviewed.results.wait()
    before = reviewed.results.frames
    log = reviewed.results.run.folder / "scenes.jsonl"
    text = log.read_bytes()
    log.write_bytes(text + b"\n")
    try:
        assert reviewed.results_now()["generation"] == 0
        assert reviewed.results.frames is not before
    finally:
        log.write_bytes(text)


def test_outlines_can_be_asked_for_while_others_edit(reviewed: Project) -> None:
    wrong: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(30):
                assert set(reviewed.results.outlines(0, 8)["frames"]) <= set(map(str, range(8)))
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for generation in range(4):
        said = {"edit": "rename", "track": 1, "label": f"name {generation}"}
        edit(reviewed, {"generation": generation, **said})
    thread.join()
    assert wrong == []


def test_a_huge_outline_is_an_edit(reviewed: Project, tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 60_000, endpoint=False)
    radii = 30 + 4 * np.sin(40 * angles)
    points = np.stack([80 + radii * np.cos(angles), 48 + radii * np.sin(angles)], axis=1)
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
    said = {"generation": 0, "edit": "outline", "track": 1, "at": 2, "path": path}
    edit(reviewed, said)
    check(reviewed.results)
