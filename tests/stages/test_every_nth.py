"""A model that is asked on some frames only: which, in what order, and what becomes of the rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from tests.stages.test_stages import Recorder, by_box, scene, truth
from tests.support import media
from tests.support.fakes import Colours
from videoseg.geometry import masks
from videoseg.protocols import Resumable, Stage
from videoseg.stages.batched import Batched
from videoseg.stages.every_nth import EveryNth, batch_within, every_nth, seeing_ahead
from videoseg.stages.propagated import Propagated
from videoseg.stages.replayed import Replayed
from videoseg.tracking.iou import IouTracker
from videoseg.types import Cue, Detections, Frame, Mask, Prompt, Scene, StreamInfo

RED = (Prompt("red", text="red"),)


def frame(index: int) -> Frame:
    image = media.moving_square(index, 192, 128)
    image[image[..., 0] == 230] = (200, 20, 20)
    return Frame("a", index, index, Fraction(1, 25), image)


def run(
    count: int, every: int, *, batch: int = 1, first: int = 0, start: int = 0
) -> tuple[Colours, list[tuple[Frame, Detections | None]]]:
    model = Colours()
    stage = every_nth(Batched(model, RED, batch), every, first=first, also=())
    return model, list(stage.run(frame(index) for index in range(start, count)))


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
@pytest.mark.parametrize("every", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("count", [0, 1, 2, 6, 7, 13])
def test_every_nth_and_the_last_are_asked_and_all_come_in_order(
    count: int, every: int, batch: int
) -> None:
    model, pairs = run(count, every, batch=batch)
    asked = sorted({*range(0, count, every), *([count - 1] if count else [])})
    assert [index for call in model.calls for index in call] == asked
    assert [each.index for each, _ in pairs] == list(range(count))
    assert [each.index for each, answer in pairs if answer is not None] == asked
    assert all(answer is None or answer.index == each.index for each, answer in pairs)


def test_every_frame_needs_no_stage_around() -> None:
    inner = Batched(Colours(), RED)
    assert every_nth(inner, 1, first=0, also=()) is inner
    assert isinstance(every_nth(inner, 2, first=0, also=()), Stage)
    assert not isinstance(every_nth(inner, 2, first=0, also=()), Resumable)
    with pytest.raises(ValueError, match="at least 1"):
        EveryNth(inner, 0)


@pytest.mark.parametrize(("batch", "every"), [(1, 1000), (4, 2), (4, 9), (64, 3)])
def test_few_frames_wait(batch: int, every: int) -> None:
    taken = 0

    def source() -> Iterator[Frame]:
        nonlocal taken
        for index in range(300):
            taken += 1
            yield frame(index % 40)

    stage = EveryNth(Batched(Colours(), RED, batch_within(batch, every)), every)
    most = max(taken - given for given, _ in enumerate(stage.run(source())))
    assert most <= 34
    assert batch_within(batch, every) >= 1


def test_frames_that_nobody_waits_for_go_on_at_once() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for index in range(40):
            taken.append(index)
            yield frame(index)

    stage = EveryNth(Batched(Colours(), RED, 1), 30)
    for given, _ in itertools.islice(stage.run(source()), 20):
        assert taken[-1] <= given.index + 1


def test_cues_are_asked_on_their_own_frames() -> None:
    def box(index: int) -> Cue:
        x = 10.0 + 3 * index
        return Cue(frame=index, boxes=((x, 30.0, x + 64, 94.0, True),))

    recorder = Recorder()
    prompts = (Prompt("thing", cues=(box(0), box(7))),)
    stage = every_nth(Propagated(recorder, prompts), 5, first=0, also=(0, 7, None))
    pairs = list(stage.run(scene(index) for index in range(12)))
    assert [each.index for each, answer in pairs if answer is not None] == [0, 5, 7, 10, 11]
    by_frame = {index: asked for index, (prompt,) in recorder.asked if (asked := prompt.cues)}
    assert by_frame[7][0].boxes == box(7).boxes
    seen = {each.index: answer for each, answer in pairs if answer is not None}
    assert masks.bounding_box(seen[7].instances[0].mask) == (31, 30, 95, 94)
    assert masks.iou(seen[10].instances[0].mask, truth(10)) > 0.75


@pytest.mark.parametrize("known", range(1, 12))
def test_a_run_that_goes_on_asks_the_same_frames(known: int) -> None:
    frames = [scene(index) for index in range(12)]
    prompts = (by_box(0), Prompt("corner", text="corner"))

    def made(recorder: Recorder) -> Stage:
        return every_nth(Propagated(recorder, prompts), 4, first=2, also=(0,))

    whole = [*made(Recorder()).run(iter(frames))]
    first = made(Recorder())
    assert isinstance(first, Resumable)
    running = first.run(iter(frames))
    before = list(itertools.islice(running, known))
    logged = [(each.stream, each.index, answer) for each, answer in before]
    recorder = Recorder()
    then = made(recorder)
    again = list(Replayed(logged, then, first.snapshot()).run(iter(frames)))
    assert [each.index for each, _ in again] == list(range(12))
    assert not {index for index, _ in recorder.asked} & set(range(known))
    for (_, one), (_, other) in zip(whole, again, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            boxes = [
                [masks.bounding_box(found.mask) for found in answer.instances]
                for answer in (one, other)
            ]
            assert boxes[0] == boxes[1]


@pytest.mark.parametrize("every", [2, 3, 6, 25])
def test_the_tracker_fills_in_what_was_not_asked(every: int) -> None:
    _, pairs = run(30, every)
    tracker = seeing_ahead(IouTracker(), every)
    tracker.start({"a": StreamInfo("a", 192, 128, Fraction(1, 25))}, RED)
    scenes: list[Scene] = []
    for each, answer in pairs:
        scenes += tracker.update(each, answer)
    scenes += tracker.finish()
    assert [made.index for made in scenes] == list(range(30))
    for made, (_, answer) in zip(scenes, pairs, strict=True):
        (item,) = made.instances
        assert item.track_id == 1
        assert item.state == ("interpolated" if answer is None else "matched")
        x1, y1, x2, y2 = media.square_box(made.index, 192, 128)
        square = Mask(x1, y1, 192, 128, np.ones((y2 - y1, x2 - x1), np.bool_))
        assert masks.iou(item.instance.mask, square) > (0.8 if every < 20 else 0.5)
