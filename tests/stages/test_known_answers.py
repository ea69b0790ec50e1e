"""Runs with more cues than an earlier one: the same answers, and no question too many."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest

from videoseg.geometry import masks
from videoseg.models.embedded.model import Embedded
from videoseg.protocols import FrameSource, Segmenter
from videoseg.runlog.codec import detections_to_text
from videoseg.stages.backwards import Backwards
from videoseg.stages.batched import Load
from videoseg.stages.known_answers import KnownAnswers
from videoseg.stages.replayed import Replayed
from videoseg.stages.select import stage_for
from videoseg.types import Cue, Detections, Frame, Instance, ModelCard, Prompt
from videoseg.types.snapshot import Snapshot

FRAMES, WIDTH, HEIGHT = 40, 64, 48
CUTS = (13, 26)


def frame_of(index: int) -> Frame:
    """Three shots: rough, soft, and rough again; what is in them moves a little."""
    shot = sum(index >= cut for cut in CUTS)
    rough = np.random.default_rng(shot).integers(0, 255, (HEIGHT, WIDTH + FRAMES, 3), np.uint8)
    if shot == 1:
        ramp = np.linspace(40 + index, 90, WIDTH + FRAMES)
        rough = np.broadcast_to(ramp[:, None], rough.shape).astype(np.uint8)
    image = np.ascontiguousarray(rough[:, index : index + WIDTH])
    return Frame("cam", index, index, Fraction(1, 25), image)


FILM = [frame_of(index) for index in range(FRAMES)]


@dataclass
class Film:
    """A source of those frames, again and again."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        return iter(FILM[start:stop])

    @contextmanager
    def again(self) -> Iterator[FrameSource]:
        yield self  # type: ignore[misc]


@dataclass
class Drift:
    """Answers each prompt by itself: a mask depends on all that was said, and on the frame."""

    card: ClassVar[ModelCard] = ModelCard(
        "drift", "", frozenset({"text", "point", "box", "mask"}), True, "", 0, independent=True
    )
    asked: list[tuple[int, str]] = field(default_factory=list)

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        return [self._answer(*each) for each in zip(frames, prompts, strict=True)]

    def close(self) -> None: ...

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        when = abs(frame.pts)  # on the way back, too
        found: list[Instance] = []
        for number, prompt in enumerate(prompts):
            self.asked.append((when, prompt.label))
            bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
            if prompt.text is not None:
                bitmap[5:9, 5 + when % 20 : 15 + when % 20] = True
            for cue in prompt.cues:
                for x, y, _ in cue.points:
                    bitmap[int(y) : int(y) + 4, int(x) : int(x) + 4] = True
                for x1, y1, x2, y2, _ in cue.boxes:
                    bitmap[int(y1) : int(y2), int(x1) : int(x2)] = True
                if cue.mask is not None:
                    moved = np.roll(cue.mask.to_array(), (when % 3 - 1, 1), (0, 1))
                    bitmap |= moved
            mask = masks.from_bitmap(bitmap)
            if mask is not None and (when + len(prompt.label)) % 11:
                score = 0.5 + (mask.area % 100) / 300
                found.append(Instance(mask, score, number))
        presence = tuple(None if prompt.text is None else 0.25 for prompt in prompts)
        return Detections(frame.stream, frame.index, tuple(found), presence)


@dataclass
class Remembering(Drift):
    """The same with a memory in which everything that was ever given counts."""

    card: ClassVar[ModelCard] = replace(Drift.card, name="remembering")

    def video_segmenter(self) -> Follower:
        return Follower(self)


@dataclass
class Follower:
    """A memory of numbers."""

    model: Remembering
    known: dict[int, int] = field(default_factory=dict)

    def start(self, prompts: Sequence[Prompt]) -> None:
        self.labels = [prompt.label for prompt in prompts]
        self.known.clear()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        given = list(detections.instances) if detections is not None else []
        numbers = {one.prompt for one in given}
        for number, state in self.known.items():
            if number not in numbers:
                self.model.asked.append((abs(frame.pts), self.labels[number]))
                state = (7 * state + abs(frame.pts)) % 1009
                self.known[number] = state
                if state % 5:
                    x, y = state % 50, state % 37
                    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
                    bitmap[y : y + 9, x : x + 9] = True
                    mask = masks.from_bitmap(bitmap)
                    assert mask is not None
                    given.append(Instance(mask, 0.7, number, 0))
        for one in given[: len(numbers)]:
            self.known[one.prompt] = (31 * self.known.get(one.prompt, 1) + one.mask.area) % 1009
        return Detections(frame.stream, frame.index, tuple(given))

    def reset(self) -> None:
        self.known = {number: state // 2 for number, state in self.known.items()}

    def finish(self) -> None:
        self.known.clear()

    def snapshot(self) -> Snapshot:
        return {f"{number}": np.array(state) for number, state in self.known.items()}

    def restore(self, state: Snapshot, last: Frame) -> None:
        self.known = {int(number): int(value) for number, value in state.items()}


def stage_of(model: Segmenter, prompts: Sequence[Prompt], known: KnownAnswers | None = None) -> Any:
    return stage_for(
        model, prompts, batch=1, every=1, first=0, load=Load(), again=Film().again, known=known
    )


Answers = list[tuple[str, int, Detections | None]]


def answers_of(stage: Any, frames: Sequence[Frame] = FILM) -> Answers:
    return [(frame.stream, frame.index, found) for frame, found in stage.run(frames)]


def text(answers: Answers) -> list[str]:
    """What the log of a run would say."""
    return [detections_to_text(*each) for each in answers]


def again(
    model: Any, before: Sequence[Prompt | None], prompts: Sequence[Prompt], log: Answers
) -> tuple[Answers, KnownAnswers]:
    """The answers to more prompts, with those of an earlier run."""
    places = [n for n, prompt in enumerate(before) if prompt is not None]
    padded = [*before, *[None] * (len(prompts) - len(before))]
    assert places == [*range(len(before))]
    known = KnownAnswers(lambda: log, prompts, padded, [*range(len(prompts))])
    return answers_of(stage_of(model, prompts, known)), known


def box(at: int | None, x: int = 10) -> Cue:
    return Cue(at, boxes=((x, 10, x + 12, 24, True),))


def drawn(at: int, x: int = 30) -> Cue:
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[20:30, x : x + 10] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return Cue(at, mask=mask)


def some_cue(chance: random.Random, at: int) -> Cue:
    kind = chance.randrange(3)
    if kind == 0:
        return drawn(at, chance.randrange(40))
    if kind == 1:
        return Cue(at, points=((chance.randrange(50), chance.randrange(40), True),))
    return box(at, chance.randrange(40))


def some_prompts(seed: int) -> tuple[list[Prompt], list[Prompt]]:
    """Prompts of a run, and those of one with more."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    before = []
    for number in range(chance.randrange(1, 5)):
        at = sorted(chance.sample(range(FRAMES), chance.choice([0, 1, 1, 2, 3])))
        cues = [some_cue(chance, index) for index in at]
        before.append(Prompt(f"{'o' * number}", None if cues else "thing", cues))
    after = []
    for prompt in before:
        more = chance.choice([0, 0, 1, 1, 2])
        cues = [some_cue(chance, index) for index in chance.sample(range(FRAMES), more)]
        after.append(replace(prompt, cues=(*prompt.cues, *cues)))
    for number in range(chance.randrange(2)):
        cues = [some_cue(chance, chance.randrange(FRAMES))] if chance.random() < 0.7 else []
        after.append(Prompt(f"{'n' * (number + 7)}", None if cues else "thing", cues))
    return before, after


@pytest.mark.parametrize("model", [Drift, Remembering])
@pytest.mark.parametrize("seed", range(25))
def test_the_answers_are_those_of_a_run_that_had_all_cues(seed: int, model: Any) -> None:
    before, after = some_prompts(seed)
    log = answers_of(stage_of(model(), before))
    whole = model()
    expected = answers_of(stage_of(whole, after))
    less = model()
    made, known = again(less, before, after, log)
    assert text(made) == text(expected)
    assert set(less.asked) <= set(whole.asked)
    assert len({frame for frame, _ in less.asked}) <= known.frames <= FRAMES
    if before == after:
        assert less.asked == []


@pytest.mark.parametrize("model", [Drift, Remembering])
@pytest.mark.parametrize("seed", range(8))
def test_a_broken_run_is_gone_on_with(seed: int, model: Any) -> None:
    before, after = some_prompts(seed + 100)
    if not any(cue for prompt in after for cue in prompt.cues):
        after = [replace(after[0], cues=(box(20),)), *after[1:]]
    log = answers_of(stage_of(model(), before))
    expected = answers_of(stage_of(model(), after))
    padded = [*before, *[None] * (len(after) - len(before))]
    for at in (1, 14, 30):
        first = stage_of(
            model(), after, KnownAnswers(lambda: log, after, padded, range(len(after)))
        )
        answered, steps = [], first.run(FILM)
        for _ in range(at):
            frame, found = next(steps)
            answered.append((frame.stream, frame.index, found))
            state = first.snapshot()
        steps.close()
        second = stage_of(
            model(), after, KnownAnswers(lambda: log, after, padded, range(len(after)))
        )
        made = answers_of(Replayed(answered, second, state))
        assert text(made) == text(expected), at


def frames_asked(model: Any, label: str) -> list[int]:
    return sorted({frame for frame, name in model.asked if name == label})


def test_without_a_memory_only_frames_from_the_cue_before_to_a_cut_are_asked() -> None:
    before = [Prompt("a", cues=[box(0)]), Prompt("text", "thing")]
    after = [Prompt("a", cues=[box(0), box(5)]), before[1]]
    log = answers_of(stage_of(Drift(), before))
    model = Drift()
    made, known = again(model, before, after, log)
    assert text(made) == text(answers_of(stage_of(Drift(), after)))
    asked = frames_asked(model, "a")
    assert asked[0] == 1  # on the way back from the new cue
    assert asked[-1] < CUTS[0]
    forward = sorted(frame for frame, name in model.asked if name == "a")
    assert [frame for frame in forward if forward.count(frame) > 1] == []
    assert frames_asked(model, "text") == []
    assert known.frames == len(asked)


def test_a_drawn_mask_ends_what_is_asked_anew() -> None:
    before = [Prompt("a", cues=[drawn(3), drawn(20)])]
    after = [replace(before[0], cues=(*before[0].cues, box(9)))]
    log = answers_of(stage_of(Drift(), before))
    for both_ways, least in ((True, 4), (False, 9)):
        model, again = Drift(), Film().again if both_ways else None
        known = KnownAnswers(lambda: log, after, before, [0], both_ways)
        stage = stage_for(
            model, after, batch=1, every=1, first=0, load=Load(), again=again, known=known
        )
        made = answers_of(stage)
        if both_ways:
            assert text(made) == text(answers_of(stage_of(Drift(), after)))
        assert min(frames_asked(model, "a")) == least


def test_a_memory_is_filled_from_the_first_mark_on() -> None:
    before = [Prompt("a", cues=[box(3)]), Prompt("b", cues=[box(6)])]
    after = [Prompt("a", cues=[box(3), box(20)]), before[1]]
    log = answers_of(stage_of(Remembering(), before))
    model = Remembering()
    made, known = again(model, before, after, log)
    assert text(made) == text(answers_of(stage_of(Remembering(), after)))
    assert frames_asked(model, "a") == list(range(3, FRAMES))
    assert frames_asked(model, "b") == []
    assert known.frames == FRAMES - 3


def test_a_new_object_alone_is_asked_about() -> None:
    before = [Prompt("a", cues=[box(10)]), Prompt("text", "thing")]
    after = [*before, Prompt("b", cues=[box(30)])]
    log = answers_of(stage_of(Remembering(), before))
    model = Remembering()
    made, known = again(model, before, after, log)
    assert text(made) == text(answers_of(stage_of(Remembering(), after)))
    assert {name for _, name in model.asked} == {"b"}
    assert known.frames == FRAMES


def test_a_new_phrase_alone_is_asked_about() -> None:
    before = [Prompt("one", "thing"), Prompt("always", cues=[box(None)])]
    after = [*before, Prompt("two", "thing")]
    log = answers_of(stage_of(Drift(), before))
    model = Drift()
    made, known = again(model, before, after, log)
    assert text(made) == text(answers_of(stage_of(Drift(), after)))
    assert {name for _, name in model.asked} == {"two"}
    assert known.frames == FRAMES


def test_an_object_is_followed_back_anew_where_cuts_are_seen_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [Prompt("a", cues=[box(20)])]
    after = [*before, Prompt("b", cues=[box(30)])]
    log = answers_of(stage_of(Drift(), before))
    monkeypatch.setattr(Backwards, "_cuts_agree", lambda *_: False)
    model = Drift()
    made, _ = again(model, before, after, log)
    assert text(made) == text(answers_of(stage_of(Drift(), after)))
    assert set(frames_asked(model, "a")) <= set(range(21))
    assert 5 in frames_asked(model, "a") or 14 in frames_asked(model, "a")


@pytest.mark.slow
def test_the_built_in_model_answers_each_prompt_for_itself() -> None:
    assert Embedded.card.independent
    rng = np.random.default_rng(3)
    import cv2

    rough = rng.integers(0, 255, (12, 16, 3), np.uint8)
    image = np.asarray(cv2.resize(rough, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    frames = [Frame("cam", n, n, Fraction(1, 25), np.roll(image, n, 1)) for n in range(3)]
    prompts = [
        Prompt(text="cat"),
        Prompt("box", cues=[Cue(0, boxes=((60, 50, 200, 180, True),))]),
        Prompt(text="the red car"),
        Prompt("point", cues=[Cue(1, points=((250, 60, True),))]),
    ]
    model = Embedded()
    model.prepare(prompts)
    both = answers_of(stage_for(model, prompts, batch=1, every=1, first=0, load=Load()), frames)
    for number, prompt in enumerate(prompts):
        stage = stage_for(model, [prompt], batch=1, every=1, first=0, load=Load())
        for (_, _, alone), (_, _, beside) in zip(answers_of(stage, frames), both, strict=True):
            assert alone is not None
            assert beside is not None
            there = [replace(one, prompt=0) for one in beside.instances if one.prompt == number]
            here = Detections("cam", 0, tuple(there))
            assert detections_to_text("cam", 0, here) == detections_to_text(
                "cam", 0, replace(alone, presence=())
            )
