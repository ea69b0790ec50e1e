"""The sample clips: they are what their recipes say, and the truth is where the picture is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import shapely

from sample_media import clips, make, robot
from sample_media._drawing import OUTLINES, Pose, area, coverage, outline, photograph
from videoseg.cli._app import run
from videoseg.runlog.reader import read_run
from videoseg.sources.images import ImageSource
from videoseg.sources.mcap import McapSource
from videoseg.sources.video import VideoSource

SEEDS = range(6)
"""One of each subject, in place and cut out; only seeds that may be used while building."""
COMMITTED = make.committed()


@pytest.mark.parametrize("name", sorted(OUTLINES))
def test_outlines_are_simple_detailed_and_inside_their_photograph(name: str) -> None:
    points = outline(name)
    height, width = photograph(OUTLINES[name]).shape[:2]
    assert len(points) >= 60
    assert shapely.Polygon(points).is_valid
    assert (points >= 0).all()
    assert (points <= [width, height]).all()


def test_coverage_counts_parts_of_pixels() -> None:
    square = np.array([[1.5, 2], [4, 2], [4, 4.25], [1.5, 4.25]])
    covered = coverage(square, 6, 6)
    expected = np.zeros((6, 6))
    expected[2:5, 1:4] = np.outer([1, 1, 0.25], [0.5, 1, 1])
    assert np.abs(covered - expected).max() < 1e-6
    assert area(square) == pytest.approx(2.5 * 2.25)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_clips_show_what_their_recipes_draw(path: Path) -> None:
    clip = COMMITTED[path]
    assert path.stat().st_size < 1_000_000
    assert clips.is_plausible(clip)
    source = VideoSource()
    (info,) = source.open(str(path)).values()
    assert (info.width, info.height, info.frame_rate) == (clip.width, clip.height, clip.frame_rate)
    assert info.has_audio
    assert (info.colour.matrix, info.colour.full_range) == (1, False)
    for frame, (image, _) in zip(source.frames(), clips.frames(clip), strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 5
        assert frame.seconds == frame.index / clip.frame_rate


def test_the_still_is_the_photograph() -> None:
    source = ImageSource()
    (info,) = source.open(str(make.STILL)).values()
    (frame,) = source.frames()
    assert info.still
    assert np.abs(frame.image.astype(int) - photograph("coffee")).mean() < 4


@pytest.mark.parametrize("seed", SEEDS)
def test_scenes_keep_their_promises(seed: int) -> None:
    clip = clips.scene(seed)
    assert clip == clips.scene(seed)
    assert clip.phrase not in clip.absent
    assert len(clip.absent) >= 10
    whole = area(outline(clip.subject))
    earlier = None
    for time, (image, truth) in zip(clip.times, clips.frames(clip), strict=True):
        assert image.shape == (clip.height, clip.width, 3)
        assert truth.shape == (clip.height, clip.width)
        layer = clip.cutout or clip.background
        assert truth.sum() >= 0.59 * whole * layer.pose(time).scale ** 2
        assert truth.mean() >= 0.04
        if earlier is not None:
            assert (truth != earlier).mean() < 0.06, "motion is smooth"
        earlier = truth
    assert earlier is not None


def test_scenes_differ_and_take_turns() -> None:
    scenes = [clips.scene(seed) for seed in SEEDS]
    assert {scene.subject for scene in scenes} == set(OUTLINES)
    assert {scene.cutout is None for scene in scenes} == {True, False}
    assert len({scene.background for scene in scenes}) == len(scenes)


def test_truth_lies_on_the_edge_of_what_moves() -> None:
    """A cut-out over two different backgrounds: the frames agree just where the truth is."""
    clip = dataclasses.replace(COMMITTED[make.FOLDER / "astronaut.mp4"], frame_count=10)
    assert clip.cutout
    still = clips.Layer("chelsea", Pose(320, 180, 1.6), Pose(320, 180, 1.6))
    other = dataclasses.replace(clip, background=still)
    for (one, truth), (two, _) in zip(clips.frames(clip), clips.frames(other), strict=True):
        same = (one == two).all(axis=-1)
        wrong = (same != truth).mean()
        assert wrong < 0.01


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    clip = dataclasses.replace(clips.scene(2), frame_count=24)
    for name in ("one.mp4", "two.mp4"):
        clips.write(clip, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_the_log_of_a_robot_shows_what_its_recipe_draws() -> None:
    pytest.importorskip("mcap")
    source = McapSource()
    streams = source.open(str(robot.LOG))
    assert robot.LOG.stat().st_size < 2_000_000
    for camera, (name, info) in zip(robot.cameras(), streams.items(), strict=True):
        frames = [frame for frame in source.frames() if frame.stream == name]
        assert (info.width, info.height) == (camera.clip.width, camera.clip.height)
        assert info.frame_rate is not None
        assert float(info.frame_rate) == pytest.approx(float(camera.clip.frame_rate), rel=0.1)
        for frame, (stamp, image, _) in zip(frames, camera.frames(), strict=True):
            assert frame.pts == stamp
            assert np.abs(frame.image.astype(int) - image).mean() < 5
    assert source.dropped == 0
    others = [topic for topic in source.describe(str(robot.LOG)) if not topic.has_pictures]
    assert [(topic.name, topic.count) for topic in others] == [("/joint_states", 152), ("/tf", 152)]
    assert any("pictures are missing: 1 (about 10 in all)" in note for note in source.notes)


@pytest.mark.slow
def test_the_cat_of_the_log_is_found_by_both_cameras_and_kept_over_the_pause(
    tmp_path: Path,
) -> None:
    reading = pytest.importorskip("mcap.reader")
    decoding = pytest.importorskip("mcap_protobuf.decoder")
    command = ["segment", str(robot.LOG), robot.PHRASE, "--write", "mcap", "-o", str(tmp_path)]
    assert run([*command, "--set", "exporters.mcap.passthrough=images"]) == 0
    truth = {
        (camera.topic.strip("/").replace("/", "_"), stamp): covered
        for camera in robot.cameras()
        for stamp, _, covered in camera.frames()
    }
    ids: dict[str, set[int]] = {}
    for scene in read_run(tmp_path / "run").scenes():
        covered = truth.pop((scene.stream, scene.pts))
        (item,) = scene.instances
        found = item.instance.mask.to_array()
        assert (found & covered).sum() / (found | covered).sum() > 0.85
        ids.setdefault(scene.stream, set()).add(item.track_id)
    assert not truth
    for camera in robot.cameras():
        name = camera.topic.strip("/").replace("/", "_")
        for topic in (camera.topic, f"/videoseg/{name}/annotations", f"/videoseg/{name}/mask"):
            with (tmp_path / "robot.segmented.mcap").open("rb") as file:
                reader = reading.make_reader(file, decoder_factories=[decoding.DecoderFactory()])
                messages = [each[-1] for each in reader.iter_decoded_messages(topics=[topic])]
            stamps = [message.timestamp.ToNanoseconds() for message in messages]
            assert stamps == [stamp for stamp, _, _ in camera.frames()]
    assert sorted(ids.values(), key=min) == [{1}, {2}]
