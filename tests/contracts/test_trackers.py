"""What every tracker keeps to, whichever there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.tracked import PROMPTS, Answer, detections, frames, ids, info, seen, track
from videoseg import registry
from videoseg.protocols import Tracker, TwoPassTracker
from videoseg.types import Frame, Scene

NAMES = registry.names("tracking")


def make(name: str) -> Tracker:
    tracker = registry.find("tracking", name).make()
    assert isinstance(tracker, Tracker)
    return tracker


@pytest.fixture(params=NAMES)
def tracker(request: pytest.FixtureRequest) -> Tracker:
    return make(request.param)


def passing(count: int = 12) -> list[Answer]:
    """Two discs that pass each other, with a gap, and frames on which nobody was asked."""
    answers: list[Answer] = []
    for n in range(count):
        both = [seen(30 + 4 * n, 40), seen(100 - 4 * n, 90, prompt=1)]
        answers.append(None if n % 5 == 3 else both[:1] if n == 6 else both)
    return answers


def facts(scenes: list[Scene]) -> list[object]:
    return [
        (
            *(scene.index, scene.shot, ids(scene), [each.state for each in scene.instances]),
            *(each.instance.mask.to_array().tobytes() for each in scene.instances),
        )
        for scene in scenes
    ]


def test_there_is_the_usual_one() -> None:
    assert "iou" in NAMES


def test_each_frame_leaves_once_and_in_order(tracker: Tracker) -> None:
    scenes = track(tracker, passing())
    assert [scene.index for scene in scenes] == list(range(12))


def test_nothing_found_is_nothing_drawn(tracker: Tracker) -> None:
    scenes = track(tracker, [[], None, [], None])
    assert [scene.instances for scene in scenes] == [()] * 4


def test_ids_count_from_one_and_rise_within_a_scene(tracker: Tracker) -> None:
    scenes = track(tracker, passing())
    found = {number for scene in scenes for number in ids(scene)}
    assert found == set(range(1, len(found) + 1))
    assert all(ids(scene) == sorted(set(ids(scene))) for scene in scenes)


def test_an_identity_keeps_its_prompt_and_label(tracker: Tracker) -> None:
    of: dict[int, set[tuple[int, str]]] = {}
    for scene in track(tracker, passing()):
        for each in scene.instances:
            of.setdefault(each.track_id, set()).add((each.instance.prompt, each.label))
    assert of
    for found in of.values():
        ((prompt, label),) = found
        assert label == PROMPTS[prompt].label


def test_outlines_are_left_to_the_step_after_it(tracker: Tracker) -> None:
    drawn = [each for scene in track(tracker, passing()) for each in scene.instances]
    assert drawn
    assert not any(each.shape.parts for each in drawn)


def test_a_new_start_forgets_everything(tracker: Tracker) -> None:
    first = facts(track(tracker, passing()))
    assert facts(track(tracker, passing())) == first


def test_two_of_a_kind_draw_the_same(tracker: Tracker) -> None:
    other = type(tracker)()
    assert facts(track(tracker, passing())) == facts(track(other, passing()))


def test_streams_do_not_mix_and_ids_are_of_the_run(tracker: Tracker) -> None:
    names = ("left", "right")
    tracker.start({name: info(name) for name in names}, PROMPTS)
    scenes: list[Scene] = []
    for frame, answer in zip(frames(12), passing(), strict=True):
        for name in names:
            here = replace(frame, stream=name)
            scenes += tracker.update(here, detections(here, answer))
    scenes += tracker.finish()
    of = {
        name: {number for scene in scenes if scene.stream == name for number in ids(scene)}
        for name in names
    }
    assert of["left"]
    assert of["right"]
    assert not of["left"] & of["right"]
    for name in names:
        assert [scene.index for scene in scenes if scene.stream == name] == list(range(12))


def test_a_studied_run_is_followed_as_it_comes_again() -> None:
    for name in NAMES:
        tracker = make(name)
        if not isinstance(tracker, TwoPassTracker):
            continue
        answers = passing()
        pairs = [
            (frame, detections(frame, answer))
            for frame, answer in zip(frames(len(answers)), answers, strict=True)
        ]
        tracker.study({"clip": info()}, pairs)
        scenes = track(tracker, answers)
        assert len({number for scene in scenes for number in ids(scene)}) == 2


def test_images_are_left_as_they_are(tracker: Tracker) -> None:
    tracker.start({"clip": info()}, PROMPTS)
    for frame, answer in zip(frames(4), passing(4), strict=True):
        image = frame.image.copy()
        image.setflags(write=False)
        locked = Frame(frame.stream, frame.index, frame.pts, frame.time_base, image)
        tracker.update(locked, detections(locked, answer))
        assert np.array_equal(image, frame.image)
    tracker.finish()
