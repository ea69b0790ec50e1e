"""Tracks of a run that is made anew keep the ids that they had, whatever else is found now."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenes import prompts, rectangle, scene, streams, tracked
from videoseg.jobs.carried_edits import CarriedEdits, given_ids, named_ids
from videoseg.jobs.earlier_tracks import EarlierTracks
from videoseg.runlog.edits import Change, EditLog, Entry, Merge, Rename, Split, Undo
from videoseg.runlog.log import RunLog
from videoseg.runlog.reader import RunFolder
from videoseg.types import Cue, Detections, Prompt, Scene

FRAMES, PLACES = 6, 8
QUIET = settings(deadline=None, max_examples=60)
WORDS = prompts("a", "b", "c")
MARKED = Prompt("a", cues=(Cue(0, boxes=(1.0, 1.0, 9.0, 9.0)),))


@dataclass(frozen=True)
class Thing:
    """An object that stays at its place, on frames from ``start`` to before ``stop``."""

    place: int
    prompt: int
    start: int
    stop: int


@st.composite
def things(draw: st.DrawFn) -> list[Thing]:
    """Objects that never meet."""
    found = []
    for place in range(draw(st.integers(1, PLACES))):
        start = draw(st.integers(0, FRAMES - 1))
        stop = draw(st.integers(start + 1, FRAMES))
        found.append(Thing(place, draw(st.integers(0, 2)), start, stop))
    return found


def followed(shown: Sequence[Thing]) -> tuple[list[Scene], dict[int, int]]:
    """Scenes with ids as trackers count them, and the id of the object at each place."""
    ids, count, made = dict[int, int](), itertools.count(1), []
    for index in range(FRAMES):
        here = [thing for thing in shown if thing.start <= index < thing.stop]
        for thing in here:
            ids.setdefault(thing.place, next(count) if thing.place not in ids else 0)
        instances = [
            tracked(rectangle(10 * t.place, 4, 10 * t.place + 9, 20), ids[t.place], prompt=t.prompt)
            for t in here
        ]
        instances.sort(key=lambda each: each.track_id)
        made.append(scene(*instances, index=index))
    return made, ids


def logged(scenes: Sequence[Scene], folder: Path, asked: Sequence[Prompt] = WORDS) -> RunFolder:
    with RunLog(folder, streams(), asked) as log:
        for each in scenes:
            found = tuple(one.instance for one in each.instances)
            place = each.stream, each.index
            log.append_detections(*place, Detections(*place, found))
            log.append_scene(each)
    return RunFolder(folder)


def ids_at(scenes: Sequence[Scene]) -> dict[int, set[int]]:
    """The ids that the object at each place has."""
    found: dict[int, set[int]] = {}
    for each in scenes:
        for one in each.instances:
            found.setdefault(one.instance.mask.crop[0] // 10, set()).add(one.track_id)
    return found


@QUIET
@given(shown=things(), data=st.data())
def test_what_was_there_keeps_its_id(shown: list[Thing], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.sampled_from(shown), unique=True))
    edited = data.draw(st.frozensets(st.integers(1, 12), max_size=2))
    then, known = followed(before)
    now, _ = followed(data.draw(st.permutations(shown)))
    with tempfile.TemporaryDirectory() as folder:
        run = logged(then, Path(folder) / "run")
        earlier = EarlierTracks(run, {"clip": "clip"}, WORDS, edited, known.values())
        made = [earlier.renumbered(each) for each in now]
    ids = ids_at(made)
    assert all(len(each) == 1 for each in ids.values()), "an object has one id"
    only = {place: next(iter(each)) for place, each in ids.items()}
    assert len(set(only.values())) == len(only), "and an id one object"
    assert {place: only[place] for place in known} == known
    new = sorted(only[place] for place in only.keys() - known.keys())
    first = 1 + max([*known.values(), *edited], default=0)
    assert new == [*range(first, first + len(new))]
    order = [[one.track_id for one in each.instances] for each in made]
    assert all(each == sorted(each) for each in order)
    assert all(seen == same for seen, same in earlier.agreement.values())


@QUIET
@given(shown=things())
def test_the_same_run_again_is_the_same(shown: list[Thing]) -> None:
    then, _ = followed(shown)
    with tempfile.TemporaryDirectory() as folder:
        earlier = EarlierTracks(logged(then, Path(folder) / "run"), {}, WORDS)
        assert all(earlier.renumbered(each) is each for each in then)


def at(place: int, index: int, track: int, prompt: int = 0) -> Scene:
    x = 10 * place
    return scene(tracked(rectangle(x, 4, x + 9, 20), track, prompt=prompt), index=index)


@pytest.mark.parametrize(("asked", "track"), [(MARKED, 3), (WORDS[0], 4)])
def test_a_marked_object_is_known_again_wherever_it_is(
    asked: Prompt, track: int, tmp_path: Path
) -> None:
    run = logged([at(0, 0, 3)], tmp_path / "run", [asked])
    (now,) = EarlierTracks(run, {}, [asked]).renumbered(at(5, 0, 1)).instances
    assert now.track_id == track


def test_what_an_edit_names_and_is_elsewhere_is_said(tmp_path: Path) -> None:
    run = logged([at(0, index, 1) for index in range(4)], tmp_path / "run", [MARKED])
    changes: tuple[Change, ...] = (
        Rename(1, "x"),
        Merge(1, 7, "x", 0),
        Split(1, 2, 2),
        Rename(5, "y"),
        Undo(4),
    )
    entries = tuple(Entry(number, change) for number, change in enumerate(changes, 1))
    log = EditLog(tmp_path, "mark", entries)
    assert named_ids(log) == frozenset({1, 7})
    assert given_ids(log) == frozenset({2})
    tracks = EarlierTracks(run, {}, [MARKED], given_ids(log), named_ids(log))
    for index, place in enumerate((0, 5, 5, 5)):
        tracks.renumbered(at(place, index, 1))
    (note,) = CarriedEdits(log, tracks).notes()
    assert "track 1 is not where it was before on 3 of 4 frames" in note


def test_streams_may_have_other_names(tmp_path: Path) -> None:
    run = logged([at(2, 0, 9)], tmp_path / "run")
    renamed = replace(at(2, 0, 1), stream="moved")
    (now,) = EarlierTracks(run, {"moved": "clip"}, WORDS).renumbered(renamed).instances
    assert now.track_id == 9
