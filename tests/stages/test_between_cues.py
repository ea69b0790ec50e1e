"""Between two cues of an object the ways from both have a say."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.contracts.test_view_abilities import drawn
from tests.stages.test_backwards import FRAMES, Film, box, found, moving, run_of
from tests.stages.test_view import HEIGHT, WIDTH, disc
from tests.support.fakes import Colours
from tests.support.limits import limited
from tests.support.memory import peak
from videoseg.errors import OutputError
from videoseg.geometry import masks
from videoseg.models.embedded.model import Embedded
from videoseg.stages.backwards import Backwards
from videoseg.stages.between_cues import Span, SpanFinder, joined, last_correction
from videoseg.stages.propagated import Propagated
from videoseg.stages.waiting_answers import WaitingAnswers
from videoseg.system.closing import close_if_able
from videoseg.types import Cue, Detections, Frame, Instance, Mask, ModelCard, Prompt


def mask_of(x: float, radius: float = 40) -> Mask:
    mask = masks.from_bitmap(disc(x, 100, radius))
    assert mask is not None
    return mask


def at(x: float, score: float = 0.8, prompt: int = 0) -> Instance:
    return Instance(mask_of(x), score, prompt, 0)


@pytest.mark.parametrize(
    ("share", "scores", "place"),
    [(0.5, (0.8, 0.8), 110), (0.25, (0.8, 0.8), 105), (0.5, (0.9, 0.3), 105), (0.5, (0, 0.5), 120)],
)
def test_where_both_ways_agree_the_edge_lies_between(
    share: float, scores: tuple[float, float], place: float
) -> None:
    one = joined(at(100, scores[0]), at(120, scores[1]), share)
    left, _, right, _ = masks.bounding_box(one.mask)
    assert (left + right) / 2 == pytest.approx(place, abs=1)
    assert min(scores) <= one.score <= max(scores)


@pytest.mark.parametrize(("share", "place"), [(0.4, 100), (0.6, 300)])
def test_where_they_do_not_the_nearer_cue_counts(share: float, place: float) -> None:
    one = joined(at(100), at(300), share)
    assert masks.iou(one.mask, mask_of(place)) == 1
    assert one.score == pytest.approx(0.8)


def test_two_ways_without_any_score_count_by_their_distance() -> None:
    assert masks.iou(joined(at(100, 0), at(300, 0), 0.9).mask, mask_of(300)) == 1


def test_spans_are_found_from_cue_to_cue() -> None:
    prompts = (
        Prompt("twice", cues=(box(9, 9), box(2, 2))),
        Prompt("once", cues=(box(2, 2),)),
        Prompt("side by side", cues=(box(4, 4), box(5, 5))),
        Prompt("always", cues=(box(0, None), box(5, 5))),
        Prompt("lost", cues=(box(0, 0), box(7, 7))),
    )
    finder, spans = SpanFinder(prompts), []
    for index in range(12):
        answer = Detections("", index, tuple(at(100, prompt=n) for n in range(4)))
        spans += finder.push(moving(index), answer)
    assert [(span.found.prompt, span.start, span.stop) for span in spans] == [(0, 2, 9)]
    assert spans[0].share(2) == 0
    assert spans[0].share(9) == 1
    assert last_correction(prompts, 0) == 9
    assert last_correction(prompts, 8) == 9
    assert last_correction(prompts, 9) is None
    assert last_correction(prompts[1:2], 0) is None


@dataclass
class Drifting(Colours):
    """Loses a tenth of the way that an object goes from frame to frame, and says how sure it is."""

    card: ClassVar[ModelCard] = Colours.card
    slip: float = 3.0

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        instances = []
        for n, prompt in enumerate(prompts):
            given = [cue.mask for cue in prompt.cues if cue.mask is not None]
            if not given or any(cue.boxes for cue in prompt.cues):
                seen = super()._answer(frame, [prompt]).instances
                instances += [replace(one, prompt=n) for one in seen]
                continue
            bitmap = np.roll(given[-1].to_array(), round(np.sign(frame.pts) * -self.slip), 1)
            mask = masks.from_bitmap(bitmap)
            assert mask is not None
            instances.append(Instance(mask, 0.9, n))
        return Detections(frame.stream, frame.index, tuple(instances))


def errors(answers: Any, prompt: int = 0) -> list[float]:
    """How far the object is drawn from where it is, pixels, on each frame."""
    seen = found(answers, prompt)
    return [
        abs(sum(masks.bounding_box(seen[index])[::2]) / 2 - (100 + 12 * index)) for index in seen
    ]


def test_a_correction_is_followed_back_to_the_cue_before() -> None:
    """Forward the object slips to the left, backward to the right of where it is going."""
    prompts = (Prompt("disc", cues=(box(2, 2), box(20, 20))),)
    frames = [moving(index) for index in range(FRAMES)]
    one_way = errors(Propagated(Drifting(), prompts).run(frames))
    both = list(Propagated(Drifting(), prompts, Backwards(Film().again)).run(frames))
    assert sorted(found(both)) == list(range(FRAMES))
    assert max(one_way[:18]) > 40  # on frames 2 to 19
    assert max(errors(both)[2:20]) < 0.6 * max(one_way[:18])
    assert errors(both)[20:] == one_way[18:]


def test_every_reading_is_a_piece_and_every_span_is_asked_once() -> None:
    film = Film()
    prompts = (
        Prompt("a", cues=(box(2, 2), box(12, 12), box(20, 20))),
        Prompt("b", cues=(box(2, 2), box(12, 12))),
        Prompt("c", cues=(box(6, 6),)),
    )
    answers = run_of(prompts, film)
    assert all(sorted(found(answers, place)) == list(range(FRAMES)) for place in range(3))
    assert all(len(answer.instances) == 3 for _, answer in answers)
    # Forward to the last cue, back from the first ones, then each way between two cues once.
    assert film.readings == [(0, 21), (0, 7), (2, 13), (12, 21)]


MARKED = frozenset({3, 6, 14, 20})
"""Frames on which the objects of the runs that break off are marked."""


def in_two_ways(every: int) -> Propagated:
    prompts = (
        Prompt("a", cues=(box(3, 3), box(14, 14), box(20, 20))),
        Prompt("b", cues=(box(6, 6),)),
    )
    return Propagated(Drifting(), prompts, Backwards(Film().again, every, 0, MARKED))


@functools.cache
def unbroken(every: int) -> tuple[list[Frame], list[Any]]:
    """The frames of a run, and what comes of all of them."""
    asked = (index for index in range(FRAMES) if index % every == 0 or index in MARKED)
    frames = [moving(index) for index in asked]
    return frames, list(in_two_ways(every).run(frames))


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("stop", [3, 9, 14, 15, 20, 21, 26])
def test_what_was_broken_off_is_gone_on_with(stop: int, every: int) -> None:
    """Wherever it stopped: before the ways are joined, between cues, and behind them all."""
    frames, whole = unbroken(every)
    broken = in_two_ways(every)
    known, steps = [], broken.run(frames)
    for frame, answer in steps:
        known.append((frame, answer))
        if frame.index >= stop:
            break
    state = broken.snapshot()
    close_if_able(steps)
    later = in_two_ways(every)
    for frame, answer in known:
        later.recall(frame, answer)
    later.restore(state)
    assert drawn(list(later.run(frames[len(known) :]))) == drawn(whole[len(known) :])


def test_a_mask_that_was_drawn_stays_as_it_is() -> None:
    cue = Cue(15, mask=mask_of(280, 20))
    answers = run_of((Prompt("disc", cues=(box(2, 2), cue)),), Film())
    assert masks.iou(found(answers)[15], mask_of(280, 20)) == 1


def test_what_waits_lies_in_the_folder_that_is_given_and_goes(tmp_path: Path) -> None:
    prompts = (Prompt("disc", cues=(box(2, 2), box(20, 20))),)
    way = Backwards(Film().again, folder=tmp_path)
    answers = list(Propagated(Colours(), prompts, way).run(map(moving, range(FRAMES))))
    assert len(found(answers)) == FRAMES
    assert list(tmp_path.iterdir()) == []
    missing = Backwards(Film().again, folder=tmp_path / "missing")
    with pytest.raises(
        OutputError, match=r"cannot write what is found ahead of its turn to .*/missing: No such"
    ):
        list(Propagated(Colours(), prompts, missing).run(map(moving, range(FRAMES))))


def test_a_full_disk_ends_in_one_line(tmp_path: Path) -> None:
    prompts = (Prompt("disc", cues=(box(2, 2), box(20, 20))),)
    way = Backwards(Film().again, folder=tmp_path)
    stage = Propagated(Colours(), prompts, way)
    with (
        limited("bytes of a file", 700),
        pytest.raises(OutputError, match="cannot write what is found ahead of its turn"),
    ):
        list(stage.run(map(moving, range(FRAMES))))
    assert list(tmp_path.iterdir()) == []


def test_waiting_answers_hold_little_in_memory() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (HEIGHT, WIDTH)).astype(np.bool_)
    mask = masks.from_bitmap(noise)
    assert mask is not None

    def kept(count: int) -> None:
        with WaitingAnswers() as waiting:
            for index in range(count):
                waiting.keep_answer(Detections("", index, (Instance(mask, 0.5, 0),)))
                waiting.keep("", index, (Instance(mask, 0.5, 0),), 0.5)

    assert peak(kept, 60) < peak(kept, 15) + 45 * 2_000


@pytest.mark.slow
def test_the_built_in_model_joins_its_ways() -> None:
    """Its memory is one of several frames; both ways meet in the middle."""
    prompts = (Prompt("disc", cues=(box(1, 1), box(9, 9))),)
    model = Embedded()
    model.prepare(prompts)
    answers = list(Propagated(model, prompts, Backwards(Film().again)).run(map(moving, range(12))))
    model.close()
    truths = [masks.from_bitmap(disc(100 + 12 * index, 200, 50)) for index in range(12)]
    seen = found(answers)
    assert sorted(seen) == list(range(12))
    overlaps = [masks.iou(seen[n], truth) for n, truth in enumerate(truths) if truth is not None]
    assert min(overlaps) > 0.8
    assert Span("", 1, 9, answers[9][1].instances[0]).share(5) == 0.5
