"""A model seen through a view can do what the model can do: no less, and no more."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videoseg
from tests.stages.test_view import HEIGHT, RED, WIDTH, disc, frame_of
from tests.support.fakes import Colours
from videoseg.geometry import masks
from videoseg.geometry.region import Bounds
from videoseg.protocols import (
    AsyncSegmenter,
    Composite,
    Explains,
    Follows,
    KeepsMissed,
    Keyframed,
    Metered,
    NamesHost,
    Remote,
    Sends,
    Weighed,
)
from videoseg.stages.batched import Batched
from videoseg.stages.propagated import Propagated
from videoseg.stages.view import view_of
from videoseg.types import Cue, Detections, Frame, Prompt
from videoseg.types.usage import Destination, Usage

OF_OTHER_PARTS = {
    "videoseg.protocols.sources": {
        *("FrameSource", "Accepts", "Timed", "Sparse", "HasNotes", "CountsLosses", "ReadsBeside"),
        *("Describes", "Growing", "Stoppable"),
    },
    "videoseg.protocols.models": {"Segmenter", "Grounder", "VideoSegmenter"},
    "videoseg.protocols.abilities": {"RemoteSegmenter"},  # a Segmenter that is Remote
    "videoseg.protocols.stages": {
        *("Stage", "Resumable", "Tracker", "TwoPassTracker", "LooksAhead"),
    },
    "videoseg.protocols.outputs": {
        *("Writer", "RunReader", "Exporter", "Matter", "TakesMattes", "Viewer", "NamesFrames"),
        *("TakesHidden", "HasHidden", "ExportsAlong"),
    },
    "videoseg.system.closing": {"Closes"},
    "videoseg.evaluate.tasks": {"Counting", "WithCurve"},
    "videoseg.server.page.asking": {"Drafts", "Extents"},  # asked by the page, through no view
}
"""Protocols that say what a part is, or that are none of a model's."""


class Pending:
    """A batch that was begun."""

    seconds = 0.25

    def __init__(self, answers: Sequence[Detections]) -> None:
        self.result = lambda: answers


class Following:
    def video_segmenter(self) -> Any:
        raise AssertionError("not asked for here")


class Keyed:
    keyframe_every = 7


class Patient:
    keyframe_patience = 2


class Submitting:
    def submit(self, frames: Any, prompts: Any) -> Pending:
        return Pending(self.segment(frames, prompts))  # type: ignore[attr-defined]

    def batch_size(self) -> int:
        return 3


class Far:
    concurrency = 5
    abandoned = False

    def abandon(self) -> None:
        self.abandoned = True


class Naming:
    sends_frames_to = "example.org"


class Counting:
    usage = Usage(calls=4)


class Sending:
    destinations = (Destination("example.org", "A_KEY"),)


class Explaining:
    def explain(self, prompts: Sequence[Prompt]) -> list[str]:
        return [f"{prompt.label} is guessed" for prompt in prompts]


class Weighing:
    def weight_files(self) -> tuple[Path, ...]:
        return (Path("a"),)


class Composing:
    part: Any = None

    def compose(self, part: Any) -> None:
        self.part = part


ABLE: dict[type, type] = {
    Follows: Following,
    Keyframed: Keyed,
    KeepsMissed: Patient,
    AsyncSegmenter: Submitting,
    Remote: Far,
    NamesHost: Naming,
    Metered: Counting,
    Sends: Sending,
    Explains: Explaining,
    Weighed: Weighing,
    Composite: Composing,
}
BOUNDS = Bounds((100, 60, 500, 400))


def protocols() -> Iterator[type]:
    """Every protocol of the package that can be asked for."""
    for module in pkgutil.walk_packages(videoseg.__path__, "videoseg."):
        if module.name.endswith("__main__"):
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:  # of an extra that is not installed
            continue
        for thing in vars(loaded).values():
            checkable = getattr(thing, "_is_runtime_protocol", False)
            if isinstance(thing, type) and checkable and thing.__module__ == module.name:
                yield thing


def test_every_ability_is_known_here() -> None:
    """A new protocol is an ability of models that a view keeps, or is named as none."""
    found = set(protocols())
    named = {(module, name) for module, names in OF_OTHER_PARTS.items() for name in names}
    others = {each for each in found if (each.__module__, each.__name__) in named}
    assert found - others == set(ABLE)
    assert {(each.__module__, each.__name__) for each in others} == named


@pytest.mark.parametrize("count", range(len(ABLE) + 1))
def test_a_view_has_exactly_the_abilities_of_its_model(count: int) -> None:
    for able in itertools.combinations(ABLE, count):
        model = type("Model", (*(ABLE[each] for each in able), Colours), {})()
        view = view_of(model, BOUNDS, 320)
        assert view is not model
        assert {each for each in ABLE if isinstance(view, each)} == set(able)


def test_abilities_reach_the_model() -> None:
    model = type("Model", (*ABLE.values(), Colours), {})()
    view: Any = view_of(model, BOUNDS, None)
    assert (view.keyframe_every, view.batch_size(), view.concurrency) == (7, 3, 5)
    assert view.keyframe_patience == 2
    assert (view.sends_frames_to, view.usage) == ("example.org", model.usage)
    assert view.destinations == model.destinations
    assert view.explain(RED) == ["red is guessed"]
    assert view.weight_files() == (Path("a"),)
    view.compose(len)
    view.abandon()
    assert (model.part, model.abandoned) == (len, True)


def frames() -> list[Frame]:
    return [frame_of(disc(200 + 20 * n, 200, 70), n) for n in range(9)]


def drawn(answers: Sequence[tuple[Frame, Detections]]) -> list[list[bytes]]:
    return [
        [np.packbits(masks.to_bitmap(one.mask)).tobytes() for one in answer.instances]
        for _, answer in answers
    ]


@pytest.mark.parametrize("max_size", [None, 200])
def test_a_model_that_works_on_by_itself_gives_the_same_through_a_view(
    max_size: int | None,
) -> None:
    fast: Any = type("Fast", (Submitting, Colours), {})()
    hidden = Prompt("hidden", text="red", cues=(Cue(boxes=((0.0, 0.0, 40.0, 40.0, True),)),))
    for prompts in (RED, (hidden, *RED), (hidden,)):
        plain = Batched(view_of(Colours(), BOUNDS, max_size), prompts)
        begun = Batched(view_of(fast, BOUNDS, max_size), prompts)
        assert drawn(list(plain.run(frames()))) == drawn(list(begun.run(frames())))
    assert [len(call) for call in fast.calls[:3]] == [3, 3, 3]  # as many as fit, says the model


def test_a_submitted_batch_says_how_long_it_took() -> None:
    fast: Any = type("Fast", (Submitting, Colours), {})()
    view: Any = view_of(fast, BOUNDS, None)
    pending = view.submit(frames()[:2], (RED, RED))
    assert (pending.seconds, len(pending.result())) == (0.25, 2)
    nothing = view.submit(frames()[:2], ((), ()))
    assert nothing.seconds == 0
    assert [answer.instances for answer in nothing.result()] == [(), ()]


def test_a_view_of_the_whole_frame_changes_no_answer() -> None:
    """A region that is all of the frame, for every way in which a model is driven."""
    cue = Cue(frame=0, boxes=((120.0, 120.0, 280.0, 280.0, True),))
    box = (Prompt("red", cues=(cue,)),)
    whole = Bounds((0, 0, WIDTH, HEIGHT))
    for stage, prompts in ((Batched, RED), (Propagated, box)):
        bare = list(stage(Colours(), prompts).run(frames()))
        seen = list(stage(view_of(Colours(), whole, None), prompts).run(frames()))
        assert drawn(bare) == drawn(seen)
