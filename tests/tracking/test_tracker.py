from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.tracked import (
    HEIGHT,
    PROMPTS,
    RATE,
    WIDTH,
    Answer,
    background,
    detections,
    disc,
    frames,
    ids,
    info,
    seen,
    track,
)
from videoseg import registry
from videoseg.geometry import masks
from videoseg.geometry.region import Bounds
from videoseg.outlines.vectorize import outlines_of
from videoseg.protocols import Tracker
from videoseg.tracking.association import best_pairs
from videoseg.tracking.iou import IouTracker
from videoseg.tracking.region import Confined
from videoseg.types import (
    Frame,
    Mask,
    RgbImage,
    Scene,
)

COLOURS = ((230, 30, 40), (30, 60, 230), (20, 200, 60))


def raw() -> IouTracker:
    """A tracker that leaves masks as they are."""
    return IouTracker(smoothing=0)


def centre(mask: Mask) -> tuple[float, float]:
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return (x1 + x2) / 2, (y1 + y2) / 2


def painted(*found: Mask, colours: Sequence[tuple[int, int, int]] = COLOURS) -> RgbImage:
    """The background with objects on it, each in a colour of its own."""
    image = background()
    for mask, colour in zip(found, itertools.cycle(colours)):
        image[masks.to_bitmap(mask)] = colour
    return image


# Contract of every tracker ------------------------------------------------------------------------


@pytest.fixture(params=registry.names("tracking"))
def any_tracker(request: pytest.FixtureRequest) -> Tracker:
    made = registry.find("tracking", request.param).make()
    assert isinstance(made, Tracker)
    return made


def test_contract_one_object_keeps_its_id_from_its_first_frame(any_tracker: Tracker) -> None:
    scenes = track(any_tracker, [[seen(30 + 2 * i, 60)] for i in range(30)])
    assert [ids(scene) for scene in scenes] == [[1]] * 30
    assert all(item.label == "ball" for scene in scenes for item in scene.instances)
    for index, scene in enumerate(scenes):
        (only,) = scene.instances
        assert masks.iou(only.instance.mask, disc(30 + 2 * index, 60)) > 0.9


def test_contract_empty_clip(any_tracker: Tracker) -> None:
    assert track(any_tracker, []) == []


def test_contract_nothing_found(any_tracker: Tracker) -> None:
    assert all(not scene.instances for scene in track(any_tracker, [[], None, []]))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_contract_stills_and_short_clips_show_their_objects(
    any_tracker: Tracker, length: int
) -> None:
    scenes = track(any_tracker, [[seen(40, 40), seen(100, 80)]] * length)
    assert [ids(scene) for scene in scenes] == [[1, 2]] * length


def test_contract_a_second_run_starts_afresh(any_tracker: Tracker) -> None:
    first = track(any_tracker, [[seen(40, 40)]] * 5)
    second = track(any_tracker, [[seen(40, 40)]] * 5)
    assert [ids(scene) for scene in first] == [ids(scene) for scene in second] == [[1]] * 5


def test_contract_scenes_carry_the_frames_time(any_tracker: Tracker) -> None:
    any_tracker.start({"clip": info()}, PROMPTS)
    base = Fraction(1, 90000)
    times = [1000, 4003, 7007, 7900]
    scenes: list[Scene] = []
    for index, pts in enumerate(times):
        frame = Frame("clip", index + 5, pts, base, background(), duration=7)
        scenes += any_tracker.update(frame, detections(frame, [seen(50, 50)]))
    scenes += any_tracker.finish()
    assert [(s.index, s.pts, s.time_base, s.duration) for s in scenes] == [
        (index + 5, pts, base, 7) for index, pts in enumerate(times)
    ]


def test_contract_streams_are_apart_and_ids_are_not(any_tracker: Tracker) -> None:
    any_tracker.start({"left": info("left"), "right": info("right")}, PROMPTS)
    scenes: list[Scene] = []
    pairs = zip(frames(12, stream="left"), frames(12, stream="right"), strict=True)
    for left, right in pairs:
        # The same place in both: only the stream tells them apart.
        scenes += any_tracker.update(left, detections(left, [seen(60, 60)]))
        scenes += any_tracker.update(right, detections(right, [seen(60, 60)]))
    scenes += any_tracker.finish()
    by_stream = {name: [s for s in scenes if s.stream == name] for name in ("left", "right")}
    for found in by_stream.values():
        assert [scene.index for scene in found] == list(range(12))
        assert len({tuple(ids(scene)) for scene in found}) == 1
    assert sorted(ids(found[0])[0] for found in by_stream.values()) == [1, 2]


objects = st.builds(
    seen,
    st.integers(0, WIDTH),
    st.integers(0, HEIGHT),
    st.integers(2, 30),
    score=st.floats(0, 1),
    prompt=st.integers(0, 1),
    object_id=st.none() | st.integers(0, 2),
)


@examples(60)
@given(
    answers=st.lists(st.none() | st.lists(objects, max_size=4), max_size=24),
    cuts=st.sets(st.integers(0, 23), max_size=3),
    streams=st.lists(st.sampled_from(["a", "b"]), min_size=24, max_size=24),
    look_ahead=st.sampled_from([0, 3, 16]),
    smoothing=st.sampled_from([0.0, 0.5]),
)
@example(  # an open birth, and a suspected cut behind a frame whose motion is looked at
    answers=[[seen(60, 60)], *[None] * 7],
    cuts={4},
    streams=["a"] * 24,
    look_ahead=3,
    smoothing=0.5,
)
def test_any_stream_of_detections_gives_every_frame_one_scene(
    answers: list[Answer],
    cuts: set[int],
    streams: list[str],
    look_ahead: int,
    smoothing: float,
) -> None:
    tracker = IouTracker(look_ahead=look_ahead, smoothing=smoothing)
    tracker.start({"a": info("a"), "b": info("b")}, PROMPTS)
    counts = {"a": 0, "b": 0}
    out: dict[str, list[Scene]] = {"a": [], "b": []}
    picture = 0
    for number, answer in enumerate(answers):
        name = streams[number]
        picture += number in cuts
        frame = Frame(name, counts[name], counts[name], Fraction(1, 25), background(picture))
        counts[name] += 1
        for scene in tracker.update(frame, detections(frame, answer)):
            out[scene.stream].append(scene)
        assert counts[name] - len(out[name]) <= look_ahead + 2
    for scene in tracker.finish():
        out[scene.stream].append(scene)
    for name, found in out.items():
        assert [scene.index for scene in found] == list(range(counts[name]))
        assert [scene.shot for scene in found] == sorted(scene.shot for scene in found)
        for scene in found:
            assert ids(scene) == sorted(set(ids(scene)))
    used = {number for found in out.values() for scene in found for number in ids(scene)}
    assert used == set(range(1, len(used) + 1))


# Bounds -------------------------------------------------------------------------------------------


def test_masks_are_cut_at_the_bounds_and_lose_a_vector_that_crosses_them() -> None:
    left = masks.to_bitmap(disc(80, 60, 30))
    left[:, 80:] = False
    (outline,) = outlines_of([disc(80, 60, 30)])
    found = [dataclasses.replace(seen(80, 60, 30), outline=outline)]
    (scene,) = track(Confined(raw(), Bounds((0, 0, 80, HEIGHT))), [found])
    (only,) = scene.instances
    assert np.array_equal(masks.to_bitmap(only.instance.mask), left)
    assert only.instance.outline is None
    (scene,) = track(Confined(raw(), Bounds((0, 0, WIDTH, HEIGHT))), [found])
    assert scene.instances[0].instance.outline is outline


# Identity -----------------------------------------------------------------------------------------


def test_crossing_objects_keep_their_ids() -> None:
    answers = [[seen(20 + 4 * i, 50), seen(140 - 4 * i, 66)][:: 1 - 2 * (i % 2)] for i in range(30)]
    scenes = track(raw(), answers)
    for index, scene in enumerate(scenes):
        assert ids(scene) == [1, 2]
        assert centre(scene.instances[0].instance.mask)[0] == pytest.approx(20 + 4 * index, abs=1)


def test_ten_objects_keep_their_ids() -> None:
    def scene_at(i: int) -> list[tuple[int, float, float]]:
        return [(k, 16 + 30 * (k % 5) + i % 7, 30 + 60 * (k // 5) + i % 5) for k in range(10)]

    rng = np.random.default_rng(1)
    answers, truths = [], []
    for i in range(25):
        order = rng.permutation(10)
        placed = scene_at(i)
        answers.append([seen(placed[k][1], placed[k][2], 9) for k in order])
        truths.append(placed)
    names: dict[int, set[int]] = {}
    for scene, truth in zip(track(raw(), answers), truths, strict=True):
        assert ids(scene) == list(range(1, 11))
        for item in scene.instances:
            x, y = centre(item.instance.mask)
            nearest = min(truth, key=lambda t: (t[1] - x) ** 2 + (t[2] - y) ** 2)
            names.setdefault(nearest[0], set()).add(item.track_id)
    assert all(len(found) == 1 for found in names.values())


def test_fast_object_without_overlap_keeps_its_id() -> None:
    answers = [[seen(15 + 17 * i, 60, 8)] for i in range(8)]
    images = {i: painted(answer[0].mask) for i, answer in enumerate(answers)}
    scenes = track(raw(), answers, images=images)
    assert [ids(scene) for scene in scenes] == [[1]] * 8


def test_an_occluded_object_comes_back_under_its_id_and_is_not_drawn_meanwhile() -> None:
    hidden = range(12, 30)
    answers: list[Answer] = [[] if i in hidden else [seen(20 + 2 * i, 60)] for i in range(45)]
    scenes = track(raw(), answers)
    assert [ids(scene) for scene in scenes] == [[] if i in hidden else [1] for i in range(45)]


def test_lost_time_is_measured_in_seconds() -> None:
    """The same frames, shown at another pace: 20 missing frames are 0.8 s or 8 s."""
    answers: list[Answer] = [[] if 5 <= i < 25 else [seen(60, 60)] for i in range(40)]
    for base, expected in ((Fraction(1, 25), 1), (Fraction(1, 5) * 2, 2)):
        tracker = raw()
        tracker.start({"clip": info()}, PROMPTS)
        scenes: list[Scene] = []
        for frame, answer in zip(frames(40), answers, strict=True):
            timed = dataclasses.replace(frame, time_base=base)
            scenes += tracker.update(timed, detections(timed, answer))
        scenes += tracker.finish()
        assert ids(scenes[-1]) == [expected]


def test_flickers_never_appear_and_use_no_id() -> None:
    answers = [[seen(40, 40)] for _ in range(40)]
    for index in (3, 4, 11, 19, 27):
        answers[index] = [*answers[index], seen(120, 20 + 2 * index, 8)]
    for index in range(30, 40):
        answers[index] = [*answers[index], seen(120, 60)]
    scenes = track(raw(), answers)
    assert [ids(scene) for scene in scenes] == [[1]] * 30 + [[1, 2]] * 10


def test_weak_detections_go_on_with_a_track_but_begin_none() -> None:
    answers = [
        [seen(40, 40, score=0.1 if i % 2 and i > 4 else 0.9), seen(120, 80, score=0.2)]
        for i in range(20)
    ]
    scenes = track(raw(), answers)
    assert [ids(scene) for scene in scenes] == [[1]] * 20
    assert all(scene.instances[0].state == "matched" for scene in scenes)


def test_prompts_do_not_mix() -> None:
    scenes = track(raw(), [[seen(60, 60, prompt=int(i >= 8))] for i in range(16)])
    assert [ids(scene) for scene in scenes] == [[1]] * 8 + [[2]] * 8
    assert [item.label for scene in scenes for item in scene.instances] == ["ball"] * 8 + [
        "cup"
    ] * 8


def test_the_models_identity_is_kept_without_waiting() -> None:
    tracker = raw()
    tracker.start({"clip": info()}, PROMPTS)
    # They swap places: overlap alone would swap them.
    for index, frame in enumerate(frames(6)):
        a, b = (40, 100) if index % 2 else (100, 40)
        answer = [seen(a, 60, object_id=7), seen(b, 60, object_id=9)]
        (scene,) = tracker.update(frame, detections(frame, answer))
        assert ids(scene) == [1, 2]
        assert [item.instance.object_id for item in scene.instances] == [7, 9]
    assert list(tracker.finish()) == []


def test_an_identity_claimed_twice_on_a_frame_goes_to_the_better_answer() -> None:
    answer = [seen(40, 60, score=0.6, object_id=3), seen(100, 60, score=0.8, object_id=3)]
    for scene in track(raw(), [answer] * 4):
        (only,) = scene.instances
        assert only.instance.score == 0.8


# Gaps ---------------------------------------------------------------------------------------------


def test_short_misses_are_filled_in() -> None:
    answers: list[Answer] = [[] if i in (8, 9) else [seen(20 + 3 * i, 60)] for i in range(20)]
    scenes = track(raw(), answers)
    assert [ids(scene) for scene in scenes] == [[1]] * 20
    states = [scene.instances[0].state for scene in scenes]
    assert [i for i, state in enumerate(states) if state == "interpolated"] == [8, 9]
    for index in (8, 9):
        drawn = scenes[index].instances[0].instance.mask
        assert masks.iou(drawn, disc(20 + 3 * index, 60)) > 0.85


def test_frames_without_an_answer_are_filled_in_between_sightings_only() -> None:
    answers: list[Answer] = [[seen(20 + 2 * i, 60)] if i % 5 == 0 else None for i in range(43)]
    images = {i: painted(disc(20 + 2 * i, 60)) for i in range(43)}
    scenes = track(raw(), answers, images=images)
    # The last four come after the last sighting: nothing is known of them.
    assert [ids(scene) for scene in scenes] == [[1]] * 41 + [[]] * 2
    for index, scene in enumerate(scenes[:41]):
        (only,) = scene.instances
        assert only.state == ("interpolated" if index % 5 else "matched")
        assert masks.iou(only.instance.mask, disc(20 + 2 * index, 60)) > 0.85


def test_long_silence_keeps_a_track_alive_but_does_not_draw_it() -> None:
    answers: list[Answer] = [None if 5 <= i < 65 else [seen(60, 60)] for i in range(80)]
    assert raw().max_lost_seconds < 60 / RATE
    scenes = track(raw(), answers)
    assert [ids(scene) for scene in scenes] == [[] if 5 <= i < 65 else [1] for i in range(80)]


def test_a_vanished_object_is_gone_at_once() -> None:
    answers: list[Answer] = [[seen(60, 60)] if i < 10 else [] for i in range(20)]
    for smoothing in (0.0, 1.0):
        scenes = track(IouTracker(smoothing=smoothing), answers)
        assert [ids(scene) for scene in scenes] == [[1]] * 10 + [[]] * 10


def test_scenes_leave_at_once_where_nothing_is_open() -> None:
    tracker = raw()
    tracker.start({"clip": info()}, PROMPTS)
    waits = []
    out = 0
    for index, frame in enumerate(frames(12)):
        out += len(list(tracker.update(frame, detections(frame, [seen(60, 60)]))))
        waits.append(index + 1 - out)
    assert waits == [1, 2] + [0] * 10


# Shots --------------------------------------------------------------------------------------------


def test_a_cut_ends_tracks_and_counts_shots() -> None:
    scenes = track(raw(), [[seen(60, 60)]] * 20, images={10: background(1)})
    assert [ids(scene) for scene in scenes] == [[1]] * 10 + [[2]] * 10
    assert [scene.shot for scene in scenes] == [0] * 10 + [1] * 10


def test_cuts_can_be_left_alone() -> None:
    scenes = track(
        IouTracker(smoothing=0, cuts=False), [[seen(60, 60)]] * 20, images={10: background(1)}
    )
    assert [ids(scene) for scene in scenes] == [[1]] * 20


def test_the_models_identity_outlives_a_cut() -> None:
    scenes = track(raw(), [[seen(60, 60, object_id=4)]] * 20, images={10: background(1)})
    assert [ids(scene) for scene in scenes] == [[1]] * 20
    assert scenes[-1].shot == 1


def test_unrelated_photographs_each_show_their_objects() -> None:
    images = {index: background(index) for index in range(6)}
    scenes = track(raw(), [[seen(20 * index + 20, 60)] for index in range(6)], images=images)
    assert [ids(scene) for scene in scenes] == [[index + 1] for index in range(6)]


# What it costs ------------------------------------------------------------------------------------

RUN = """
import json, sys
import videoseg
frames = videoseg.segment("sample_media/cat.mp4", "the cat")
found = [len(scene.instances) for _, (_, scene) in zip(range(4), frames)]
print(json.dumps([found, "scipy.optimize" in sys.modules]))
"""


def test_a_run_of_one_object_never_imports_what_only_competing_pairs_need() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[1] * 4, False]


def test_pairs_that_compete_are_chosen_together() -> None:
    worth = np.array([[0.9, 0.8, 0.0], [0.8, 0.0, 0.0], [0.0, 0.0, 0.4]])
    assert best_pairs(worth) == [(0, 1), (1, 0), (2, 2)]
    assert best_pairs(np.array([[0.0, 0.9], [0.0, 0.0]])) == [(0, 1)]
    assert best_pairs(np.zeros((2, 3))) == []


@pytest.mark.parametrize("seed", range(50))
def test_pairs_are_those_of_a_solver(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 9, 2)
    worth = rng.uniform(0, 2, shape) * (rng.uniform(size=shape) < rng.uniform(0.1, 1))
    rows, columns = scipy.optimize.linear_sum_assignment(worth, maximize=True)
    wanted = zip(rows.tolist(), columns.tolist(), strict=True)
    assert best_pairs(worth) == sorted(pair for pair in wanted if worth[pair] > 0)
