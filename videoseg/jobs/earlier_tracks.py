"""Tracks of a finished run beside those of a run made anew: what goes on keeps its id.

A tracker counts ids in the order in which objects appear, so that one more object gives all behind
it others. Here a new track takes the id of the track that is where it first appears, if both are of
the same prompt; an object that is marked by hand takes that of its one track. Any other gets an id
that neither the run nor its edits have given before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from videoseg.geometry import masks
from videoseg.prompts import is_carried
from videoseg.protocols import Tracker
from videoseg.runlog.reader import RunFolder
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo, TrackedInstance

SAME = 0.5
"""Overlap of masks (IoU) from which a track is where it was before."""
_Then = Callable[[], Mapping[int, TrackedInstance]]


@dataclass(slots=True)
class EarlierTracks:
    """Gives the tracks of a run that is made anew the ids that they had before.

    Attributes:
        run: The run before.
        streams: For each stream of the new run its name there.
        prompts: What the new run asks.
        given: Ids that the edits of the run before have given.
        compared: Ids of the run before whose tracks are compared with the new ones on all frames.
        agreement: For each of them on how many frames it is in either run, and on how many it is in
            both, at the same place.
    """

    run: RunFolder
    streams: Mapping[str, str]
    prompts: Sequence[Prompt]
    given: Collection[int] = ()
    compared: Collection[int] = ()
    agreement: dict[int, tuple[int, int]] = field(init=False)
    _ids: dict[int, int] = field(init=False, default_factory=dict)
    _free: int | None = field(init=False, default=None)
    _of_prompt: dict[int, set[int]] = field(init=False, default_factory=dict)
    _scenes: Iterator[tuple[tuple[str, int], Callable[[], Scene]]] = field(init=False)
    _waiting: dict[tuple[str, int], Callable[[], Scene]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.agreement = dict.fromkeys(sorted(self.compared), (0, 0))
        self._scenes = self.run.unread()

    def renumbered(self, scene: Scene) -> Scene:
        """A Scene of the new run with the ids of the one before; each is given once, in order.

        Raises:
            RunLogError: The log of the run before is damaged.
        """
        then = self._then(scene)
        new = [each for each in scene.instances if each.track_id not in self._ids]
        if new:
            self._number(new, then())
        made = {self._ids[each.track_id]: each for each in scene.instances}
        if self.agreement:
            self._compare(then(), made)
        if all(each.track_id == track for track, each in made.items()):
            return scene
        kept = (replace(made[track], track_id=track) for track in sorted(made))
        return replace(scene, instances=tuple(kept))

    def _then(self, scene: Scene) -> _Then:
        """What the run before has on a frame by id, read where it is needed."""
        key = (self.streams.get(scene.stream, scene.stream), scene.index)
        while key not in self._waiting:
            place, read = next(self._scenes, (None, None))
            if place is None or read is None:
                return dict
            self._waiting[place] = read
        read = self._waiting.pop(key)
        return functools.cache(lambda: {each.track_id: each for each in read().instances})

    def _number(self, new: Sequence[TrackedInstance], then: Mapping[int, TrackedInstance]) -> None:
        """Give ids to tracks that appear on a frame; ``then`` is what was on it before."""
        for overlap, track, before in sorted(_overlaps(new, then.values())):
            if -overlap >= SAME and track not in self._ids and self._is_free(before):
                self._ids[track] = before
        for each in new:
            if each.track_id not in self._ids:
                alone = self._alone(each.instance.prompt)
                self._ids[each.track_id] = self._next() if alone is None else alone

    def _alone(self, prompt: int) -> int | None:
        """The id of the one track of an object that is marked, if no track has it yet."""
        if not is_carried(self.prompts[prompt]):
            return None
        self._survey()
        ids = self._of_prompt.get(prompt, set())
        return next(iter(ids)) if len(ids) == 1 and self._is_free(*ids) else None

    def _is_free(self, track: int) -> bool:
        return track not in self._ids.values()

    def _next(self) -> int:
        self._survey()
        assert self._free is not None  # noqa: S101 - that is what the survey says
        self._free += 1
        return self._free - 1

    def _survey(self) -> None:
        """Find out which ids there were, if that is not known yet."""
        if self._free is not None:
            return
        for scene in self.run.sightings():
            for each in scene.instances:
                self._of_prompt.setdefault(each.instance.prompt, set()).add(each.track_id)
        known = set(self.given).union(*self._of_prompt.values())
        self._free = 1 + max(known, default=0)

    def _compare(
        self, then: Mapping[int, TrackedInstance], now: Mapping[int, TrackedInstance]
    ) -> None:
        for track, (seen, same) in self.agreement.items():
            is_same = (
                track in then
                and track in now
                and masks.iou(then[track].instance.mask, now[track].instance.mask) >= SAME
            )
            self.agreement[track] = seen + (track in then or track in now), same + is_same


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A ``Tracker`` around another one, whose tracks get the ids that they had before.

    Attributes:
        tracker: The other one.
        tracks: Gives the ids.
    """

    tracker: Tracker
    tracks: EarlierTracks

    def start(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> None:
        """Begin a run."""
        self.tracker.start(streams, prompts)

    def update(self, frame: Frame, detections: Detections | None) -> Iterable[Scene]:
        """Give the Scenes that are now certain."""
        return map(self.tracks.renumbered, self.tracker.update(frame, detections))

    def finish(self) -> Iterable[Scene]:
        """Give the Scenes still held back."""
        return map(self.tracks.renumbered, self.tracker.finish())


def _overlaps(
    new: Iterable[TrackedInstance], then: Collection[TrackedInstance]
) -> Iterator[tuple[float, int, int]]:
    """For new tracks and those before of the same prompt: overlap, negative, and both ids."""
    for now in new:
        for before in then:
            if before.instance.prompt == now.instance.prompt:
                overlap = masks.iou(before.instance.mask, now.instance.mask)
                yield -overlap, now.track_id, before.track_id
