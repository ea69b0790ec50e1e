"""Recordings for Rerun, as its own package reads them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import labels, recordings, scenes
from tests.support.labels import export
from tests.support.rrd import columns
from videoseg.formats.palette import colour_of
from videoseg.types import Recorded, Scene

pytest.importorskip("rerun.chunk")

CAT = Path(__file__).parents[2] / "sample_media" / "cat.mp4"
RUNS = labels.hard_runs()


@pytest.mark.parametrize("kind", RUNS)
def test_it_writes_one_file_that_is_sound(kind: str, tmp_path: Path) -> None:
    (path,) = export("rerun", RUNS[kind](), tmp_path / "out").iterdir()
    assert path.name.endswith(".segmented.rrd")
    done = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "verify", path], capture_output=True, text=True
    )
    assert "1 file verified without error" in done.stdout + done.stderr


@pytest.mark.parametrize("types", ["foxglove", "ros2"])
def test_it_finds_nothing_wrong_with_an_mcap_of_ours(types: str, tmp_path: Path) -> None:
    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    folder = export("mcap", run, tmp_path / "out", types=types, passthrough="all")
    done = subprocess.run(
        [sys.executable, "-m", "rerun", "mcap", "check", folder / "drive.segmented.mcap"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if "/videoseg/" in line]
    assert len(rows) == 3 * len(recordings.STREAMS)
    assert {(row[0], row[-1]) for row in rows} == {("ok", "\N{EM DASH}")}


def test_each_picture_of_a_log_has_its_objects_at_its_stamp(tmp_path: Path) -> None:
    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    found = columns(export("rerun", run, tmp_path / "out") / "drive.segmented.rrd")
    for name in recordings.STREAMS.values():
        made = [scene for scene in run.made if scene.stream == name]
        stamps = [scene.pts for scene in made]
        masks, boxes = found[f"/{name}/mask"], found[f"/{name}/boxes"]
        outlines = found[f"/{name}/outlines"]
        assert masks["stamp"] == boxes["stamp"] == outlines["stamp"] == masks["time"] == stamps
        assert masks["frame"] == boxes["frame"] == [scene.index for scene in made]
        for scene, buffer, captions, ids, rings in zip(
            made,
            masks["SegmentationImage:buffer"],
            boxes["Boxes2D:labels"],
            outlines["LineStrips2D:class_ids"],
            outlines["LineStrips2D:strips"],
            strict=True,
        ):
            pixels = np.array(buffer[0], np.uint8).reshape(scenes.HEIGHT, scenes.WIDTH)
            assert (pixels == labels_in(scene)).all()
            tracks = [tracked.track_id for tracked in scene.instances]
            assert [int(text.split("#")[1].split()[0]) for text in captions] == tracks
            for tracked in scene.instances:
                own = [
                    ring for ring, id_ in zip(rings, ids, strict=True) if id_ == tracked.track_id
                ]
                mask = tracked.instance.mask.to_array()
                assert labels.iou(labels.filled(own), mask) > 0.95


@pytest.mark.parametrize("kind", ["all the same", "backwards", "none"])
def test_where_stamps_do_not_rise_there_are_timelines_that_do(kind: str, tmp_path: Path) -> None:
    made = []
    for scene in labels.mixed():
        stamp = {"all the same": 7 * 10**9, "backwards": (99 - scene.index) * 10**9, "none": 0}
        said = Recorded("/cam", "lens", stamp[kind], scene.pts, scene.pts)
        made.append(replace(scene, recorded=said))
    found = columns(export("rerun", labels.run_of(made), tmp_path) / "clip.segmented.rrd")
    times = [round(scene.seconds * 10**9) for scene in made]
    for part in ("mask", "boxes", "outlines"):
        entity = found[f"/clip/{part}"]
        shown = sorted(zip(entity["frame"], entity["time"], entity["stamp"], strict=True))
        assert [frame for frame, _, _ in shown] == [scene.index for scene in made]
        assert [time for _, time, _ in shown] == times == sorted(set(times))
        expected = [each.recorded.stamp for each in made if each.recorded]
        assert [stamp for _, _, stamp in shown] == (times if kind == "none" else expected)


def labels_in(scene: Scene) -> Any:
    made = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.int64)
    for tracked in sorted(scene.instances, key=lambda each: each.instance.score):
        made[tracked.instance.mask.to_array()] = tracked.track_id
    return made


def test_tracks_have_their_colours(tmp_path: Path) -> None:
    run = labels.run_of(labels.mixed())
    found = columns(export("rerun", run, tmp_path) / "clip.segmented.rrd")
    ((context,),) = found["/"]["AnnotationContext:context"]
    known = {each["class_id"]: each["class_description"]["info"] for each in context}
    assert known[0]["color"] == 0
    for track, label in enumerate(("disc #1", "ring #2", "disc #3"), 1):
        red, green, blue = colour_of(track)
        assert known[track]["color"] == (red << 24 | green << 16 | blue << 8 | 255)
        assert known[track]["label"] == label


def test_a_video_is_shown_at_the_times_of_its_frames(tmp_path: Path) -> None:
    info = replace(scenes.stream(), location=str(CAT))
    run = scenes.Run({"clip": info}, scenes.prompts(), scenes.moving())
    found = columns(export("rerun", run, tmp_path / "a") / "cat.segmented.rrd")
    assert len(found["/clip/video"]["AssetVideo:blob"][0][0]) == CAT.stat().st_size
    times = found["/clip/video"]["video_time"]
    assert times[0] == 0
    assert found["/clip/video"]["frame"] == list(range(60))
    assert np.diff(times) == pytest.approx(1e9 / 24, abs=1)
    assert found["/clip/boxes"]["video_time"][1] == 40_000_000
    plain = export("rerun", run, tmp_path / "b", video=False, masks=False) / "cat.segmented.rrd"
    assert set(columns(plain)) == {"/", "/clip/outlines", "/clip/boxes"}


def test_the_same_run_is_the_same_recording(tmp_path: Path) -> None:
    run = labels.run_of(labels.mixed())
    one, two = (export("rerun", run, tmp_path / name) / "clip.segmented.rrd" for name in "ab")
    compare = [sys.executable, "-m", "rerun", "rrd", "compare", "--unordered"]
    subprocess.run([*compare, str(one), str(two)], check=True, capture_output=True)
