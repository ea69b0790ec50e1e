"""The review list: lost and collapsed objects are named, good tracks are left alone."""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import Prompt, registry
from videoseg.cli._app import run
from videoseg.geometry import masks
from videoseg.runlog.findings import Finding
from videoseg.runlog.review import MOST, Limits, Reviewer
from videoseg.runlog.summary import Summary
from videoseg.types import (
    Bitmap,
    Cue,
    Detections,
    Frame,
    Instance,
    Scene,
    Shape,
    TrackedInstance,
    TrackState,
)

WIDTH, HEIGHT, RATE = 320, 240, 25
LIMITS = Limits(gap=0.2, shrink=0.6, jump=0.5, score=0.6)
TEXT = (Prompt("dog", "dog"),)
MARKED = (Prompt("dog", cues=(Cue(frame=0, boxes=((0.0, 0.0, 9.0, 9.0, True),)),)),)
AT = 40
Drawn = tuple[Bitmap | None, float]


@functools.cache
def disc(x: float, y: float, radius: float) -> Bitmap:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.asarray(np.hypot(columns - x, rows - y) < radius)


def scene(
    index: int, drawn: Sequence[Drawn], shot: int = 0, state: TrackState = "matched"
) -> Scene:
    instances = []
    for number, (bitmap, score) in enumerate(drawn, 1):
        mask = None if bitmap is None else masks.from_bitmap(bitmap)
        if mask is not None:
            made = Instance(mask, score, 0)
            instances.append(TrackedInstance(number, made, Shape(()), "dog", state))
    return Scene("a", index, index, Fraction(1, RATE), shot=shot, instances=tuple(instances))


def review(
    scenes: Iterable[Scene], prompts: Sequence[Prompt] = TEXT, limits: Limits = LIMITS
) -> list[Finding]:
    reviewer = Reviewer(prompts, limits)
    for each in scenes:
        reviewer.add(each)
    return reviewer.finish()


def film(look: Callable[[int], Bitmap | None], frames: int = 80) -> list[Scene]:
    return [scene(index, [(look(index), 0.9)]) for index in range(frames)]


def still(_: int) -> Bitmap:
    return disc(160, 120, 40)


GOOD: dict[str, Callable[[int], Bitmap | None]] = {
    "still": still,
    "steady motion": lambda i: disc(60 + 2.5 * i, 120, 30),
    "fast steady motion": lambda i: disc(24 + 35 * (i % 8), 120, 20) if i < 8 else None,
    "a pendulum": lambda i: disc(160 + 90 * np.sin(i / 5), 120, 25),
    "coming nearer": lambda i: disc(160, 120, 10 * 1.03**i),
    "going away": lambda i: disc(160, 120, 90 / 1.03**i),
    "breathing": lambda i: disc(160, 120, 40 + 6 * np.sin(i)),
    "walking out": lambda i: disc(160 + 4 * i, 120, 30),
    "walking in": lambda i: disc(-30 + 3 * i, 120, 30),
    "jitter of the edge": lambda i: disc(160 + (i * 7 % 5), 120 + (i * 3 % 4), 20),
}


@pytest.mark.parametrize("name", [name for name in GOOD if "fast" not in name])
def test_a_good_track_is_left_alone(name: str) -> None:
    assert review(film(GOOD[name])) == []


def test_motion_explains_how_far_an_object_comes() -> None:
    """35 pixels a frame, nearly an object's size: no jump, but for the first steps."""
    assert review(film(GOOD["fast steady motion"], frames=8)) == []


def half(index: int) -> Bitmap:
    bitmap = still(index).copy()
    if index >= AT:
        bitmap[120:] = False
    return bitmap


def third(index: int) -> Bitmap:
    bitmap = still(index).copy()
    if index >= AT:
        bitmap[:, 150:] = False
    return bitmap


BAD: dict[str, tuple[str, Callable[[int], Bitmap | None]]] = {
    "cut to half": ("shrank", half),
    "cut to a third": ("shrank", third),
    "a limb is left": ("shrank", lambda i: disc(160, 120, 40 if i < AT else 12)),
    "vanishes": ("ended", lambda i: still(i) if i < AT else None),
    "leaks": ("grew", lambda i: disc(160, 120, 40 if i < AT else 70)),
    "onto another": ("jumped", lambda i: disc(90 if i < AT else 230, 120, 30)),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_loss_is_named_where_it_happens(name: str) -> None:
    kind, look = BAD[name]
    found = review(film(look))
    assert [each.kind for each in found if each.frame == AT][:1] == [kind]
    (first, *_) = found
    assert (first.track, first.label, first.stream) == (1, "dog", "a")
    assert first.seconds == Fraction(AT, RATE)
    assert all(each.frame == AT for each in found)


@pytest.mark.parametrize(("length", "listed"), [(4, False), (20, True)])
def test_what_comes_back_says_when(length: int, listed: bool) -> None:
    found = review(film(lambda i: None if AT <= i < AT + length else still(i)))
    assert [(each.kind, each.frame, each.until) for each in found] == (
        [("ended", AT, AT + length)] if listed else []
    )


def test_a_collapse_that_passes_says_when_and_weighs_less() -> None:
    brief = review(film(lambda i: disc(160, 120, 20 if i == AT else 40)))
    assert [(each.kind, each.frame, each.until) for each in brief] == [("shrank", AT, AT + 1)]
    long = review(film(lambda i: disc(160, 120, 20 if i >= AT else 40), frames=60))
    assert long[0].until is None
    assert long[0].weight > brief[0].weight
    assert brief[0].value == pytest.approx(0.25, abs=0.03)


def test_a_lasting_collapse_is_said_once() -> None:
    found = review(film(lambda i: disc(160, 120, 20 if i >= AT else 40), frames=400))
    assert len(found) == 1


def test_an_end_at_the_border_is_no_loss_and_at_a_cut_only_of_what_was_marked() -> None:
    def cut(index: int) -> Scene:
        seen = still(index) if index < AT else None
        return scene(index, [(seen, 0.9)], shot=int(index >= AT))

    scenes = [cut(index) for index in range(80)]
    assert review(scenes) == []
    (found,) = review(scenes, MARKED)
    assert (found.kind, found.frame, found.at_cut) == ("ended", AT, True)
    assert "where the shot changes" in str(found)
    again = [*scenes, *(scene(i, [(still(i), 0.9)], shot=2) for i in range(80, 99))]
    assert review(again, MARKED) == []


def test_a_score_that_sinks_is_named_and_one_that_was_always_low_is_not() -> None:
    def scored(score: Callable[[int], float]) -> list[tuple[str, int | None, int | None]]:
        scenes = [scene(i, [(still(i), score(i))]) for i in range(80)]
        return [(each.kind, each.frame, each.until) for each in review(scenes)]

    assert scored(lambda i: 0.9 if i < AT else 0.3) == [("low_score", AT, None)]
    assert scored(lambda i: 0.3 if AT <= i < 50 else 0.9) == [("low_score", AT, 50)]
    assert scored(lambda i: 0.4) == []
    assert scored(lambda i: 0.9 if i % 2 else 0.62) == []


def test_never_found_comes_first_and_a_refused_one_does_not_count() -> None:
    reviewer = Reviewer((*TEXT, Prompt("cat", "cat"), Prompt("xyz", "xyz")), LIMITS)
    for each in film(half):
        reviewer.add(each)
    kinds = [(each.kind, each.label, each.frame) for each in reviewer.finish([2])]
    assert kinds == [("never_found", "cat", None), ("shrank", "dog", AT)]


def test_the_worst_are_kept_and_the_rest_counted() -> None:
    made = {radius: scene(0, [(disc(160, 120, radius), 0.9)]) for radius in (40, 22, 12)}
    reviewer = Reviewer(TEXT, LIMITS)
    for index in range(14 * (MOST + 20)):
        radius = 40 if index % 14 < 9 else 22 if index < 14 * 20 else 12
        reviewer.add(dataclasses.replace(made[radius], index=index, pts=index))
    found = reviewer.finish()
    assert len(found) == MOST
    assert reviewer.left_out == 20
    weights = [each.weight for each in found]
    assert weights == sorted(weights, reverse=True)
    assert min(each.frame or 0 for each in found) >= 14 * 20  # the mild ones are left out


def test_it_costs_next_to_nothing() -> None:
    scenes = [scene(i, [(disc(160 + i % 3, 120, 100), 0.9)] * 10) for i in range(50)]
    reviewer = Reviewer(TEXT, LIMITS)
    begun = time.thread_time()
    for each in scenes:
        reviewer.add(each)
    spent = (time.thread_time() - begun) / 500
    assert spent < 1e-3, "50 microseconds where nothing else runs"


def test_json_holds_all_of_it() -> None:
    finding = Finding("shrank", 0, "dog", 3, "a", 212, Fraction(177, 25), 230, 0.41)
    made = finding.to_json()
    assert json.loads(json.dumps(made)) == made
    assert (made["seconds"], made["time"], made["text"]) == (
        7.08,
        "177/25",
        "dog (track 3) shrinks to 41% of its size at frame 212, 0:07.08, until frame 230",
    )
    assert Finding.from_json(made) == finding
    nothing = Finding("never_found", 0, "dog")
    assert Finding.from_json(nothing.to_json()) == nothing


# Whole runs ------------------------------------------------------------------------------------


class Losing(Colours):
    """Loses its object on frame 8, and its score on frame 4."""

    def segment(self, frames: Any, prompts: Any) -> Any:
        answers = super().segment(frames, prompts)
        return [self._told(frame, each) for frame, each in zip(frames, answers, strict=True)]

    def _told(self, frame: Frame, answer: Detections) -> Detections:
        score = 0.3 if 4 <= frame.index < 6 else 0.9
        found = [Instance(each.mask, score, each.prompt) for each in answer.instances]
        kept = () if frame.index >= 8 else tuple(found)
        return Detections(answer.stream, answer.index, kept)


@pytest.fixture
def _parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"losing": Losing} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_parts")
def test_a_run_says_it_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    source = str(clip(frames=30, width=160, height=96))
    arguments = ["segment", source, "red", "--model", "losing", "--write", "masks", "-o", "out"]
    assert run([*arguments, "--json", "--set", "tracking.iou.smoothing=0"]) == 0
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("look at it again: ")]
    assert lines[0] == "look at it again: red (track 1) is lost at frame 8, 0:00.32"
    document = json.loads(said.out)
    made = json.loads(Path("out/run.json").read_bytes())
    assert document["review"] == made["review"]
    assert [(each["kind"], each["frame"], each["seconds"]) for each in made["review"]] == [
        ("ended", 8, 0.32),
        ("low_score", 4, 0.16),
    ]
    summary = Summary.of(Path("out"), (Prompt("red", "red"),), made)
    assert [each.seconds for each in summary.review] == [Fraction(8, 25), Fraction(4, 25)]

    assert run(["rerun", "out", "-o", "again", "--set", "run.review_score=0", "--json"]) == 0
    said = capsys.readouterr()
    assert [each["kind"] for each in json.loads(said.out)["review"]] == ["ended"]
    assert "look at it again: red (track 1) is lost" in said.err
    assert run(["write", "out", "--write", "svg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["review"] == made["review"]


@pytest.mark.usefixtures("_parts")
def test_outputs_of_the_whole_run_are_told_too() -> None:
    source = str(clip(frames=30, width=160, height=96))
    arguments = ["segment", source, "red", "--model", "losing", "--write", "edl", "-o", "out"]
    assert run([*arguments, "--set", "tracking.iou.smoothing=0"]) == 0
    first = Path("out/timeline.edl").read_bytes()
    marks = [line for line in first.decode().splitlines() if " RED " in line]
    assert [mark.split(" RED     ")[1] for mark in marks] == [
        "red (track 1) has a score of only 0.30 at frame 4, 0:00.16, until frame 6",
        "red (track 1) is lost at frame 8, 0:00.32",
    ]
    assert run(["write", "out", "--write", "edl", "--overwrite"]) == 0
    assert Path("out/timeline.edl").read_bytes() == first


@pytest.mark.usefixtures("_parts")
def test_the_terminal_names_a_few_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from videoseg.cli._summary import MOST_SAID, print_review

    found = tuple(Finding("shrank", 0, "dog", n, "a", n, Fraction(n), None, 0.4) for n in range(17))
    never = Finding("never_found", 0, "cat")
    summary = Summary(
        Path("out"), (), 9, TEXT, (1,), (9,), {}, review=(never, *found), review_left_out=3
    )
    print_review(summary)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_SAID + 1
    assert lines[-1] == "and 15 more to look at, in out/run.json (review)"
