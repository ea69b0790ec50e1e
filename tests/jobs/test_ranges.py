"""Runs cut into ranges of frames: where borders lie, what is answered, how it is joined."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import Prompt, load_config, registry
from videoseg.errors import RunLogError
from videoseg.jobs.asking import load_model, run_stage
from videoseg.jobs.assembly import Assembly, assemble
from videoseg.jobs.ranges import Answerer, AnswerRange, AskedRun, FromRanges, Grid, why_serial
from videoseg.runlog.codec import detections_to_text
from videoseg.types import Cue, Detections, Frame

FRAMES = 70
TEXT = (Prompt("red", "red"), Prompt("blue", "blue"))
BOX = (Prompt("thing", cues=(Cue(frame=0, boxes=((4.0, 32.0, 36.0, 64.0, True),)),)),)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"colours": Colours} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)


def made(*assignments: str, prompts: tuple[Prompt, ...] = TEXT, **film: Any) -> Assembly:
    path = clip(**{"frames": FRAMES, "width": 96, "height": 64, **film})
    config = load_config(flags={"model": "colours"}, assignments=assignments)
    return assemble(path, prompts, config, model=None, asks=True)


class AtOnce:
    """Answers ranges when they are begun, in this process, and notes them."""

    def __init__(self, answerer: Answerer, ahead: int) -> None:
        self.ahead = ahead
        self.begun: list[AnswerRange] = []
        self._answerer = answerer

    def begin(self, asked: AnswerRange) -> Iterator[str]:
        self.begun.append(asked)
        return iter(list(self._answerer.answer(asked)))


@given(
    st.integers(0, 40),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 300),
)
def test_ranges_join_and_end_with_a_frame_that_is_asked(
    first: int, every: int, source_step: int, batches: int, count: int
) -> None:
    step = math.lcm(every, source_step)
    frames = range(first, first + count, source_step)
    grid = Grid(first, frames[-1] + 1, 4 * batches, step, source_step)
    index, found = first, 0
    while index <= frames[-1]:
        one = grid.range_from(index)
        inside = [frame for frame in frames if index <= frame < one.stop]
        asked = [frame for frame in inside if (frame - first) % step == 0]
        if one.stop <= frames[-1]:
            assert inside[-1] == asked[-1]
            assert len(asked) == 4 * batches
        assert all(grid.range_from(frame).stop == one.stop for frame in inside)
        index, found = one.stop + (first - one.stop) % source_step, found + 1
    assert grid.count() == found


def text_of(pairs: Iterable[tuple[Frame, Detections | None]]) -> list[str]:
    """Answers as the log has them."""
    return [detections_to_text(frame.stream, frame.index, answer) for frame, answer in pairs]


def answers(parts: Assembly) -> list[str]:
    """What a run in one go finds."""
    load_model(parts)
    return text_of(run_stage(parts).run(parts.range.frames()))


@pytest.mark.parametrize(
    "assignments",
    [
        (),
        ("run.every=3",),
        ("run.start=5f", "run.end=64f"),
        ("run.batch=7", "run.every=2"),
        ("sources.video.every=2", "run.every=3"),
    ],
)
def test_ranges_answer_what_one_run_answers(assignments: tuple[str, ...]) -> None:
    with_borders = ("run.batch=8", *assignments)
    parts = made(*with_borders)
    expected = answers(parts)
    task = pickle.loads(pickle.dumps(AskedRun.of(parts)))  # noqa: S301
    with Answerer(task) as answerer:
        elsewhere = AtOnce(answerer, ahead=1)
        joined = FromRanges(elsewhere, Grid.of(parts)).run(parts.range.frames())
        assert text_of(joined) == expected
    assert len(elsewhere.begun) == Grid.of(parts).count()
    assert len(expected) > 0
    parts.close()


def test_a_run_that_goes_on_begins_within_a_range() -> None:
    parts = made()
    expected = answers(parts)
    with Answerer(AskedRun.of(parts)) as answerer:
        elsewhere = AtOnce(answerer, ahead=0)
        rest = FromRanges(elsewhere, Grid.of(parts)).run(parts.input.source.frames(40))
        assert text_of(rest) == expected[40:]
    assert elsewhere.begun == [AnswerRange(40, 48), AnswerRange(48, 64), AnswerRange(64, 80)]
    parts.close()


def test_near_ranges_are_read_in_one_go_and_far_ones_are_jumped_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = made(frames=230)
    expected = answers(parts)
    with Answerer(AskedRun.of(parts)) as answerer:
        source = answerer._parts.input.source
        begun: list[int] = []
        real = source.frames

        def counted(start: int, stop: int | None) -> Iterator[Frame]:
            begun.append(start)
            return real(start, stop)

        monkeypatch.setattr(source, "frames", counted)
        for start in (0, 16, 48, 208, 32):
            stop = min(230, start + 16)
            assert list(answerer.answer(AnswerRange(start, stop))) == expected[start:stop]
    assert begun == [0, 208, 32]
    parts.close()


def test_no_more_ranges_are_under_way_than_wanted() -> None:
    parts = made()
    with Answerer(AskedRun.of(parts)) as answerer:
        elsewhere = AtOnce(answerer, ahead=1)
        found = FromRanges(elsewhere, Grid.of(parts)).run(parts.range.frames())
        next(found)
        assert elsewhere.begun == [AnswerRange(0, 16), AnswerRange(16, 32)]
        for _ in range(16):
            next(found)
        assert elsewhere.begun[2:] == [AnswerRange(32, 48)]
    parts.close()


class Wrong:
    """Gives these lines for each range."""

    ahead = 0

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def begin(self, asked: AnswerRange) -> Iterator[str]:
        return iter(self._lines)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((), "nobody has answered frame 0"),
        (('{"stream":"other","index":0,"instances":null}',), "'other' was answered in place"),
    ],
)
def test_answers_to_other_frames_are_refused(lines: tuple[str, ...], says: str) -> None:
    parts = made()
    stage = FromRanges(Wrong(*lines), Grid.of(parts))
    with pytest.raises(RunLogError, match=says):
        list(stage.run(parts.range.frames()))
    parts.close()


def test_an_error_comes_in_its_place() -> None:
    parts = made("models.colours.fail_at=37")
    with Answerer(AskedRun.of(parts)) as answerer:
        lines = answerer.answer(AnswerRange(32, 64))
        assert [next(lines)[:24] for _ in range(4)]
        with pytest.raises(RuntimeError, match="the model broke"):
            list(lines)
    parts.close()


def test_runs_that_remember_are_answered_in_one_go() -> None:
    plain, marked = made(), made(prompts=BOX)
    repeated = made("run.repeat_prompt=true", prompts=BOX)
    assert why_serial(plain) is None
    assert why_serial(repeated) is None
    assert "followed from there" in (why_serial(marked) or "")
    given = assemble(plain.input.location, TEXT, None, model=Colours(), asks=True)
    assert "handed over" in (why_serial(given) or "")
    for each in (plain, marked, repeated, given):
        each.close()
