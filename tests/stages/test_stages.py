from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

from videoseg.errors import ModelError
from videoseg.geometry import masks
from videoseg.protocols import Segmenter, Stage, VideoSegmenter
from videoseg.stages.batched import Batched
from videoseg.stages.propagated import Propagated
from videoseg.types import Cue, Detections, Frame, Instance, Mask, ModelCard, Prompt
from videoseg.types.snapshot import Snapshot

WIDTH, HEIGHT, SIDE = 320, 240, 64


def scene(index: int, *, seed: int = 0, step: int = 3, there: bool = True) -> Frame:
    """A red square that moves right over a textured wall; ``seed`` picks the wall.

    Walls with an odd seed are bright, others dark.
    """
    import cv2

    rough = np.random.default_rng(seed).integers(0, 120, (24, 32, 3), dtype=np.uint8)
    rough += 130 * (seed % 2)
    image = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    if there:
        x = 10 + step * index
        dots = np.random.default_rng(99).integers(0, 80, (8, 8, 3), dtype=np.uint8)
        spot = cv2.resize(dots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        image[30 : 30 + SIDE, x : x + SIDE] = np.maximum(spot, np.array([180, 0, 0], np.uint8))
    return Frame("cam", index, 40 * index, Fraction(1, 1000), np.asarray(image, dtype=np.uint8))


def truth(index: int, step: int = 3) -> Mask:
    return Mask(10 + step * index, 30, WIDTH, HEIGHT, np.ones((SIDE, SIDE), dtype=np.bool_))


BOX = (10.0, 30.0, 74.0, 94.0, True)


@dataclass
class Recorder:
    """Answers a box with the box, a mask with the mask, text with the top left pixel."""

    card: ClassVar[ModelCard] = ModelCard("recorder", "", frozenset({"text", "box"}), True, "", 0)
    asked: list[tuple[int, tuple[Prompt, ...]]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.batches.append(len(frames))
        return [self._one(frame, tuple(p)) for frame, p in zip(frames, prompts, strict=True)]

    def _one(self, frame: Frame, prompts: tuple[Prompt, ...]) -> Detections:
        self.asked.append((frame.index, prompts))
        found = []
        for number, prompt in enumerate(prompts):
            for cue in prompt.cues:
                bitmap = np.zeros(frame.image.shape[:2], dtype=np.bool_)
                for x1, y1, x2, y2, _ in cue.boxes:
                    bitmap[int(y1) : int(y2), int(x1) : int(x2)] = True
                mask = cue.mask or masks.from_bitmap(bitmap)
                if mask is not None:
                    found.append(Instance(mask, 0.9, number))
            if not prompt.cues:
                corner = Mask(0, 0, frame.width, frame.height, np.ones((1, 1), dtype=np.bool_))
                found.append(Instance(corner, 0.8, number))
        return Detections(frame.stream, frame.index, tuple(found), (0.5,) * len(prompts))


def by_box(frame: int | None = 0) -> Prompt:
    return Prompt("thing", cues=(Cue(frame=frame, boxes=(BOX,)),))


def carried(prompts: Sequence[Prompt], frames: Sequence[Frame]) -> list[Detections]:
    recorder = Recorder()
    pairs = list(Propagated(recorder, prompts).run(frames))
    assert [frame for frame, _ in pairs] == list(frames)
    assert all((f.stream, f.index) == (d.stream, d.index) for f, d in pairs)
    return [detections for _, detections in pairs]


def test_the_stages_are_stages() -> None:
    assert isinstance(Recorder(), Segmenter)
    assert isinstance(Batched(Recorder(), (), 1), Stage)
    assert isinstance(Propagated(Recorder(), ()), Stage)


@pytest.mark.parametrize(("size", "expected"), [(1, [1] * 5), (2, [2, 2, 1]), (8, [5])])
def test_batches_keep_the_order(size: int, expected: list[int]) -> None:
    recorder = Recorder()
    frames = [scene(index) for index in range(5)]
    pairs = list(Batched(recorder, (Prompt("a", text="a"),), size).run(iter(frames)))
    assert [frame for frame, _ in pairs] == frames
    assert [answer.index for _, answer in pairs] == [0, 1, 2, 3, 4]
    assert recorder.batches == expected


def test_a_batch_takes_no_frame_before_it_is_wanted() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for index in range(10):
            taken.append(index)
            yield scene(index)

    next(Batched(Recorder(), (Prompt("a", text="a"),), 3).run(source()))
    assert taken == [0, 1, 2]


def test_a_model_that_loses_frames_is_named() -> None:
    class Lossy(Recorder):
        def segment(
            self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
        ) -> Sequence[Detections]:
            return super().segment(frames, prompts)[1:]

    with pytest.raises(ModelError, match="recorder"):
        list(Batched(Lossy(), (Prompt("a", text="a"),), 2).run([scene(0), scene(1)]))
    with pytest.raises(ModelError, match="recorder"):
        list(Propagated(Lossy(), (by_box(),)).run([scene(0)]))


def test_a_batch_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        Batched(Recorder(), (), -1)


def test_a_box_follows_its_object() -> None:
    answers = carried((by_box(),), [scene(index) for index in range(6)])
    overlaps = [masks.iou(a.instances[0].mask, truth(a.index)) for a in answers]
    assert min(overlaps) > 0.75
    assert {a.instances[0].object_id for a in answers} == {0}


def test_a_cue_is_asked_once_and_then_only_the_moved_mask() -> None:
    recorder = Recorder()
    list(Propagated(recorder, (by_box(),)).run([scene(index) for index in range(3)]))
    cues = [prompts[0].cues for _, prompts in recorder.asked]
    assert cues[0] == (Cue(boxes=(BOX,)),)
    assert all(len(later) == 1 and later[0].mask is not None for later in cues[1:])


def test_a_prompt_is_absent_before_its_frame() -> None:
    answers = carried((by_box(frame=2),), [scene(index) for index in range(4)])
    assert [len(answer.instances) for answer in answers] == [0, 0, 1, 1]


def test_a_cue_between_two_frames_holds_on_the_later_one() -> None:
    answers = carried((by_box(frame=1),), [scene(0), scene(3), scene(6)])
    assert [len(answer.instances) for answer in answers] == [0, 1, 1]


def test_a_cue_without_a_frame_holds_as_given_on_every_frame() -> None:
    answers = carried((by_box(frame=None),), [scene(index) for index in range(4)])
    assert all(masks.iou(a.instances[0].mask, truth(0)) == 1 for a in answers)


def test_a_later_cue_corrects_the_same_object() -> None:
    right = (180.0, 10.0, 220.0, 60.0, True)
    cues = (Cue(frame=0, boxes=(BOX,)), Cue(frame=2, boxes=(right,)))
    recorder = Recorder()
    frames = [scene(index) for index in range(4)]
    answers = [d for _, d in Propagated(recorder, (Prompt("thing", cues=cues),)).run(frames)]
    assert [len(answer.instances) for answer in answers] == [1, 1, 1, 1]
    assert {answer.instances[0].object_id for answer in answers} == {0}
    correction = recorder.asked[2][1][0].cues
    assert correction[0].boxes == (right,)
    moved = correction[1].mask
    assert moved is not None
    assert masks.iou(moved, truth(2)) > 0.75


def test_text_is_asked_on_every_frame_beside_a_carried_box() -> None:
    answers = carried((Prompt("words", text="words"), by_box()), [scene(i) for i in range(3)])
    for answer in answers:
        assert sorted(instance.prompt for instance in answer.instances) == [0, 1]
        by_prompt = {instance.prompt: instance for instance in answer.instances}
        assert by_prompt[0].object_id is None
        assert by_prompt[1].object_id == 0
        assert answer.presence[0] == 0.5


def test_text_stays_with_the_carried_mask() -> None:
    recorder = Recorder()
    prompt = Prompt("thing", text="red square", cues=(Cue(frame=0, boxes=(BOX,)),))
    list(Propagated(recorder, (prompt,)).run([scene(0), scene(1)]))
    assert [prompts[0].text for _, prompts in recorder.asked] == ["red square"] * 2


def test_a_cut_does_not_drag_a_mask_along() -> None:
    frames = [scene(index) for index in range(3)]
    frames += [scene(index, seed=5, there=False) for index in range(3, 6)]
    answers = carried((by_box(),), frames)
    assert [len(answer.instances) for answer in answers] == [1, 1, 1, 0, 0, 0]


def test_streams_do_not_mix() -> None:
    def other(index: int) -> Frame:
        frame = scene(index, seed=8, step=-1)
        return Frame("other", index, frame.pts, frame.time_base, frame.image)

    frames = [make(i) for i in range(4) for make in (scene, other)]
    answers = carried((by_box(),), frames)
    for answer in answers:
        step = 3 if answer.stream == "cam" else -1
        assert masks.iou(answer.instances[0].mask, truth(answer.index, step)) > 0.75


@dataclass
class Script:
    """A memory that notes what it is told and finds nothing by itself."""

    calls: list[str] = field(default_factory=list)

    def start(self, prompts: Sequence[Prompt]) -> None:
        self.calls.append("start")

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        given = detections.instances if detections else ()
        self.calls.append(f"step {frame.index} {len(given)}")
        return Detections(frame.stream, frame.index, given)

    def reset(self) -> None:
        self.calls.append("reset")

    def finish(self) -> None:
        self.calls.append("finish")

    def snapshot(self) -> Snapshot:
        return {}

    def restore(self, state: Snapshot, last: Frame) -> None:
        self.calls.append(f"restore {last.index}")


@pytest.mark.parametrize(
    ("end", "calls"),
    [
        (list, ["start", "step 0 1", "step 1 0", "reset", "step 2 0", "finish"]),
        (next, ["start", "step 0 1", "finish"]),
    ],
    ids=["whole", "left early"],
)
def test_a_model_with_a_memory_is_driven_through_it(
    end: Callable[[Iterator[object]], object], calls: list[str]
) -> None:
    script = Script()
    assert isinstance(script, VideoSegmenter)

    class Resumable(Recorder):
        def video_segmenter(self) -> VideoSegmenter:
            return script

    frames = [scene(0), scene(1), scene(2, seed=5, there=False)]
    run = Propagated(Resumable(), (by_box(),)).run(frames)
    end(run)
    del run
    assert script.calls == calls
