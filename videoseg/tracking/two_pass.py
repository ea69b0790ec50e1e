"""Tracks a finished run twice: once to learn which tracks are one object, once to draw them.

A tracker that goes forward has to name what comes back when it comes back. With the whole run
known, the ends and beginnings of all tracks are compared, and joined in the order of their worth:
by looks, and by where each was going and the other came from.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.motion.shot_cuts import CutDetector
from videoseg.tracking.appearance import Appearance
from videoseg.tracking.association import DRIFT, FAMILIAR, MAX_GROWTH, REACH
from videoseg.tracking.iou import IouTracker
from videoseg.tracking.lookahead import TrackMerges
from videoseg.tracking.online import OnlineTracker
from videoseg.tracking.pending import PendingFrame
from videoseg.tracking.reid import KNOWN
from videoseg.tracking.tracks import Track, Vector
from videoseg.types import Detections, Frame, StreamInfo


@dataclass
class TwoPassIouTracker(IouTracker):
    """The default tracker, after it has studied the whole run.

    ``study`` goes over the run once; what is updated afterwards must be the same frames and
    detections. Without it, this is the default tracker.
    """

    link: Annotated[
        float, Ge(0), Doc("longest absence after which tracks are joined as one, seconds from 0")
    ] = 30.0
    _plans: dict[str, TrackMerges] = field(init=False, repr=False, default_factory=dict)

    def study(
        self,
        streams: Mapping[str, StreamInfo],
        answers: Iterable[tuple[Frame, Detections | None]],
    ) -> None:
        """Learn from a whole run which tracks are objects, and which are the same one.

        Args:
            streams: What the run holds.
            answers: Every frame in the order of the run, with what the model answered. Of each
                frame only a small picture is kept, and that not for long.
        """
        studies = {stream: _Study(self) for stream in streams}
        for frame, detections in answers:
            studies[frame.stream].push(frame, detections)
        self._plans = {stream: study.finish() for stream, study in studies.items()}

    def _plan(self, stream: str) -> TrackMerges | None:
        return self._plans.get(stream)


@dataclass(slots=True, eq=False)
class _Course:
    """What is kept of a track.

    Attributes:
        track: The track; after its end it is not followed any further.
        shot: The shot that it is in.
        asked: Frames of that shot on which the model was asked, up to its end.
        begins: Where its centre was first seen.
        ends: Where its centre was last seen.
        moves: Its velocity at its end, pixels a second.
    """

    track: Track
    shot: int
    begins: Vector
    ends: Vector
    moves: Vector = (0.0, 0.0)

    @property
    def appearance(self) -> Appearance:
        return self.track.appearance


@dataclass(slots=True)
class _Study:
    """One stream, gone over once."""

    settings: TwoPassIouTracker
    _follower: OnlineTracker = field(init=False, repr=False)
    _cuts: CutDetector = field(init=False, repr=False)
    _undecided: list[PendingFrame] = field(init=False, repr=False, default_factory=list)
    _courses: dict[Track, _Course] = field(init=False, repr=False, default_factory=dict)
    _asked: list[int] = field(init=False, repr=False, default_factory=lambda: [0])

    def __post_init__(self) -> None:
        self._follower = OnlineTracker(self.settings)
        self._cuts = CutDetector(patience=min(2, self.settings.look_ahead))

    def push(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame."""
        pending = PendingFrame.of(frame, detections)
        self._undecided.append(pending)
        self._take(self._cuts.push(pending.pyramid.small) if self.settings.cuts else [False])

    def finish(self) -> TrackMerges:
        """Say which tracks are objects, and which are the same."""
        self._take(self._cuts.flush())
        found = [course for course in self._courses.values() if self._is_object(course)]
        return _joined(found, self.settings.link)

    def _take(self, verdicts: Iterable[bool]) -> None:
        for begins_shot in verdicts:
            pending = self._undecided.pop(0)
            if begins_shot:
                self._follower.end_shot()
                self._asked.append(0)
            for flicker in self._follower.follow(pending):
                self._courses.pop(flicker, None)
            self._asked[-1] += pending.asked
            for track in pending.seen:
                course = self._courses.get(track)
                if course is None:
                    shot = len(self._asked) - 1
                    self._courses[track] = _Course(track, shot, track.centre, track.centre)
                else:
                    course.ends, course.moves = track.centre, track.velocity

    def _is_object(self, course: _Course) -> bool:
        """Whether a track was seen as often as is wanted, or as there were occasions."""
        needed = min(self.settings.min_hits, self._asked[course.shot])
        return course.track.confirmed or course.track.sightings >= needed


def _joined(courses: list[_Course], link: float) -> TrackMerges:
    """An object for each track, by number, where tracks that may be joined are."""
    courses.sort(key=lambda course: (course.track.born, course.track.number))
    births = [course.track.born for course in courses]
    places = {course.track: n for n, course in enumerate(courses)}
    # What the forward pass has joined stays so.
    follows = {
        places[course.track.continues]: n
        for n, course in enumerate(courses)
        if course.track.continues in places
    }
    taken = set(follows.values())
    pairs: list[tuple[float, int, int]] = []
    for i, one in enumerate(courses):
        if one.track.object_id is not None or i in follows:
            continue
        first = bisect.bisect_right(births, one.track.seen)
        last = bisect.bisect_right(births, one.track.seen + Fraction(link))
        for j in range(first, last):
            worth = _worth(one, courses[j])
            if worth > 0:
                pairs.append((-worth, i, j))
    for _, i, j in sorted(pairs):
        if i not in follows and j not in taken:
            follows[i] = j
            taken.add(j)
    plan: dict[int, int] = {}
    for i, course in enumerate(courses):
        plan.setdefault(course.track.number, course.track.number)
        if i in follows:
            plan[courses[follows[i]].track.number] = plan[course.track.number]
    return plan


def _worth(one: _Course, other: _Course) -> float:
    """How well a track goes on with another; 0 where it does not."""
    a, b = one.track, other.track
    if a.prompt != b.prompt or b.object_id is not None:
        return 0.0
    likeness = one.appearance.similarity(other.appearance)
    gap = float(b.born - a.seen)
    away = 1.0
    if one.shot == other.shot and max(a.area, b.area) <= MAX_GROWTH * min(a.area, b.area):
        reach = math.sqrt(a.area) * (REACH + DRIFT * gap)
        goes = (one.ends[0] + one.moves[0] * gap, one.ends[1] + one.moves[1] * gap)
        away = min(math.dist(goes, other.begins), math.dist(one.ends, other.begins)) / reach
    if likeness < (FAMILIAR if away < 1 else KNOWN):
        return 0.0
    return likeness - min(1.0, away) / 2


PARTS = {"two-pass": TwoPassIouTracker}
