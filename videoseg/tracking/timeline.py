"""One stream's tracks over time: takes frames in, lets Scenes out when they are certain."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.motion import Flow, flow_between
from videoseg.outlines.contours import outlines_of
from videoseg.tracking import smooth
from videoseg.tracking.associate import Track, associate
from videoseg.tracking.cuts import CutDetector
from videoseg.types import (
    Box,
    Detections,
    Frame,
    Instance,
    RgbImage,
    Scene,
    Shape,
    TrackedInstance,
)


@dataclass
class Settings:
    """What a user may set about following objects."""

    confident: Annotated[
        float,
        Ge(0),
        Le(1),
        Doc("detections from this score on begin tracks, weaker ones only go on with them; 0..1"),
    ] = 0.25
    confirm: Annotated[
        int, Ge(1), Doc("sightings that make an object of a detection, frames from 1")
    ] = 3
    confirm_misses: Annotated[
        int, Ge(0), Doc("frames that may lack an object before it is confirmed, frames from 0")
    ] = 2
    bridge: Annotated[
        int, Ge(0), Doc("missed frames between two sightings that are filled in, frames from 0")
    ] = 2
    lost: Annotated[
        float, Ge(0), Doc("time after which an object that comes back is a new one, seconds from 0")
    ] = 1.0
    look_ahead: Annotated[
        int, Ge(0), Doc("longest wait of a Scene for births and gaps to settle, frames from 0")
    ] = 16
    cuts: Annotated[bool, Doc("end all tracks where the shot changes")] = True
    smoothing: Annotated[
        float,
        Ge(0),
        Le(1),
        Doc("how much outlines are steadied over time, 0..1; 0 = the model's masks untouched"),
    ] = 0.5
    tolerance: Annotated[
        float, Ge(0), Doc("how far an outline may run from its mask's edge, pixels from 0")
    ] = 0.5


@dataclass(slots=True, eq=False)
class _Drawn:
    """A track as it is drawn on one Scene.

    Attributes:
        instance: With the mask that is drawn.
        field: The distance field behind that mask, where one was made.
        misses: Asked frames in a row, up to this one, on which it was not seen.
    """

    instance: Instance
    field: smooth.Field | None = None
    misses: int = 0


@dataclass(slots=True, eq=False)
class _Held:
    """A frame whose Scene has not left yet.

    Attributes:
        scene: Its facts; shot and instances are still to come.
        small: The frame, small, to be compared with its neighbours.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        detections: What the model found, None where it was not asked.
        flow: Motion from the frame before, where there was something to follow.
        motion: The flow with how far it is to be believed, once it was asked for.
        seen: The tracks that were seen on it.
        filled: How tracks are drawn that were missed on it between two sightings.
    """

    scene: Scene
    small: RgbImage
    frame_width: int
    frame_height: int
    detections: Detections | None
    flow: Flow | None = None
    motion: smooth.Motion | None = None
    seen: dict[Track, Instance] = dataclasses.field(default_factory=dict)
    filled: dict[Track, _Drawn] = dataclasses.field(default_factory=dict)

    @property
    def seconds(self) -> Fraction:
        return self.scene.seconds

    @property
    def asked(self) -> bool:
        return self.detections is not None


@dataclass(slots=True)
class Timeline:
    """The tracks of one stream.

    Frames pass two queues: ``_judged`` waits for the verdict on shot cuts, ``_held`` for births and
    gaps to settle. Between the two, detections are associated with tracks.
    """

    settings: Settings
    labels: tuple[str, ...]
    ids: Iterator[int]
    shot: int = 0
    _cuts: CutDetector = field(init=False)
    _judged: deque[_Held] = field(init=False, repr=False, default_factory=deque)
    _held: deque[_Held] = field(init=False, repr=False, default_factory=deque)
    _tracks: list[Track] = field(init=False, repr=False, default_factory=list)
    _drawn: dict[Track, _Drawn] = field(init=False, repr=False, default_factory=dict)
    _known: dict[tuple[int, int], int] = field(init=False, repr=False, default_factory=dict)
    _last: _Held | None = field(init=False, repr=False, default=None)
    _before: _Held | None = field(init=False, repr=False, default=None)
    _asked_in_shot: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        self._cuts = CutDetector(patience=min(2, self.settings.look_ahead))

    def push(self, frame: Frame, detections: Detections | None) -> list[Scene]:
        """Take the next frame; give the Scenes that are now certain, in order."""
        scene = Scene(frame.stream, frame.index, frame.pts, frame.time_base, frame.duration)
        small = _small(frame.image)
        self._judged.append(_Held(scene, small, frame.width, frame.height, detections))
        verdicts = self._cuts.push(small) if self.settings.cuts else [False]
        return self._take(verdicts)

    def finish(self) -> list[Scene]:
        """Give the Scenes still held back; the stream ends."""
        return [*self._take(self._cuts.flush()), *self._end_shot()]

    def _take(self, verdicts: Iterable[bool]) -> list[Scene]:
        """Associate the frames that begin a shot or go on with one, and let go what is certain."""
        scenes: list[Scene] = []
        for begins_shot in verdicts:
            held = self._judged.popleft()
            if begins_shot:
                scenes += self._end_shot()
                self.shot += 1
            self._follow(held)
            self._held.append(held)
            scenes += self._release()
        return scenes

    # Association -------------------------------------------------------------------------------

    def _follow(self, held: _Held) -> None:
        """Move all tracks on to this frame and give its detections to them."""
        last, self._last = self._last, held
        if last is not None:
            if self._tracks:
                held.flow = _flow(last, held)
            for track in self._tracks:
                track.advance(held.flow, float(held.seconds - last.seconds))
        if held.detections is None:
            return
        self._asked_in_shot += 1
        self._assign(held, held.detections.instances)
        for track in self._tracks:
            if track in held.seen:
                track.confirmed = track.confirmed or track.sightings >= self.settings.confirm
            else:
                track.miss(held.seconds)
        self._tracks = [track for track in self._tracks if not self._gone(track, held.seconds)]

    def _assign(self, held: _Held, instances: Iterable[Instance]) -> None:
        """Sort one frame's detections into tracks; what is new begins one."""
        named: dict[tuple[int, int], Instance] = {}
        nameless: list[Instance] = []
        for instance in instances:
            if instance.object_id is None:
                nameless.append(instance)
                continue
            key = (instance.prompt, instance.object_id)
            # An identity is one object: of two answers that claim it, the better one counts.
            if key not in named or named[key].score < instance.score:
                named[key] = instance
        by_name = {
            (track.prompt, track.object_id): track
            for track in self._tracks
            if track.object_id is not None
        }
        free = [track for track in self._tracks if track.object_id is None]
        pairs, new = associate(free, nameless, confident=self.settings.confident)
        for key, instance in named.items():
            if key in by_name:
                pairs.append((by_name[key], instance))
            else:
                new.append(instance)
        for track, instance in pairs:
            track.see(instance.mask, held.seconds)
            held.seen[track] = instance
        for instance in new:
            track = Track(instance.prompt, instance.object_id, instance.mask, held.seconds)
            track.confirmed = instance.object_id is not None
            self._tracks.append(track)
            held.seen[track] = instance

    def _gone(self, track: Track, seconds: Fraction) -> bool:
        """Whether a track is a flicker or lost for too long; flickers are marked as dropped."""
        missed = track.missed_since
        gone = missed is not None and seconds - missed > self.settings.lost
        if not track.confirmed:
            gone = gone or track.misses > self.settings.confirm_misses
            track.dropped = gone
        return gone

    # Settling ----------------------------------------------------------------------------------

    def _release(self, *, at_end: bool = False) -> list[Scene]:
        """Let go the oldest frames whose tracks are settled, or that have waited long enough."""
        scenes: list[Scene] = []
        while self._held:
            now = at_end or len(self._held) > self.settings.look_ahead
            head = self._held[0]
            if now:
                self._settle_births(head, at_end=at_end)
            elif any(not (track.confirmed or track.dropped) for track in head.seen):
                break
            if not self._settle_gaps(head, now=now):
                break
            self._held.popleft()
            scenes.append(self._draw(head))
        return scenes

    def _settle_births(self, head: _Held, *, at_end: bool) -> None:
        """Decide on the unconfirmed tracks of a frame that can wait no longer.

        As many sightings are wanted as there were occasions: a still has one. A track that is not
        confirmed now may be so later, and appears from then on.
        """
        occasions = self._asked_in_shot
        if not at_end:
            occasions = min(occasions, max(2, sum(held.asked for held in self._held)))
        needed = min(self.settings.confirm, occasions)
        for track in head.seen:
            if not track.dropped:
                track.confirmed = track.confirmed or track.sightings >= needed

    def _settle_gaps(self, head: _Held, *, now: bool) -> bool:
        """Fill in the tracks that were drawn just before, and soon after, but not seen on ``head``.

        Returns:
            False if that cannot be told yet.
        """
        for track, drawn in list(self._drawn.items()):
            if track in head.seen or track in head.filled:
                continue
            misses = drawn.misses
            for distance, held in enumerate(self._held):
                if track in held.seen:
                    self._fill(track, drawn, distance)
                    break
                misses += held.asked
                if misses > self.settings.bridge:
                    break
            else:
                if not now and track in self._tracks:
                    return False
        return True

    def _fill(self, track: Track, drawn: _Drawn, distance: int) -> None:
        """Draw a track on the first ``distance`` held frames, on the way to where it is seen.

        It is carried from both sides, and each counts the more the nearer it is.
        """
        before, after = drawn.instance, self._held[distance].seen[track]
        path = [self._held[step] for step in range(distance + 1)]
        start, end = smooth.field_of(before.mask), smooth.field_of(after.mask)
        box = _way(start, end)
        forward: list[smooth.Field] = []
        for held in path[:-1]:
            start = smooth.carried(start, held.flow, box)
            forward.append(start)
        backward: list[smooth.Field] = []
        for earlier, later in zip(path[-2::-1], path[:0:-1], strict=True):
            end = smooth.carried(end, _flow(later, earlier), box)
            backward.append(end)
        misses = drawn.misses
        for step, (one, other) in enumerate(zip(forward, reversed(backward), strict=True)):
            misses += path[step].asked
            field = smooth.blended(one, other, (step + 1) / (distance + 1))
            mask = smooth.mask_of(field)
            if mask is not None:
                score = min(before.score, after.score)
                instance = Instance(mask, score, track.prompt, track.object_id)
                path[step].filled[track] = _Drawn(instance, field, misses)

    def _end_shot(self) -> list[Scene]:
        """Let everything go and forget the tracks."""
        scenes = self._release(at_end=True)
        self._tracks.clear()
        self._drawn.clear()
        self._last = self._before = None
        self._asked_in_shot = 0
        return scenes

    # Drawing -----------------------------------------------------------------------------------

    def _draw(self, head: _Held) -> Scene:
        """The Scene of a frame that is settled."""
        drawn = {
            track: self._steadied(track, instance, head)
            for track, instance in head.seen.items()
            if track.confirmed
        }
        drawn |= head.filled
        self._drawn, self._before = drawn, head
        instances = [each.instance for each in drawn.values()]
        tracked = [
            TrackedInstance(
                track_id=self._id(track),
                instance=instance,
                shape=shape,
                label=self.labels[instance.prompt],
                state="interpolated" if track in head.filled else "matched",
            )
            for track, instance, shape in zip(
                drawn, instances, self._shapes(instances), strict=True
            )
        ]
        tracked.sort(key=lambda item: item.track_id)
        return dataclasses.replace(head.scene, shot=self.shot, instances=tuple(tracked))

    def _shapes(self, instances: Iterable[Instance]) -> Iterator[Shape]:
        """What to draw of each: a model's own outline, or that of the mask."""
        bare = [instance.mask for instance in instances if instance.outline is None]
        made = iter(outlines_of(bare, tolerance=self.settings.tolerance))
        return (instance.outline or next(made) for instance in instances)

    def _steadied(self, track: Track, instance: Instance, head: _Held) -> _Drawn:
        """A sighting as it is to be drawn."""
        strength = self.settings.smoothing
        if strength == 0:
            return _Drawn(instance)
        past = self._drawn.get(track)
        motion = self._motion(head)
        if past is None or past.field is None or motion is None:
            return _Drawn(instance, smooth.begun(instance.mask))
        mask, field = smooth.steadied(past.field, motion, instance.mask, strength=strength)
        if mask is not instance.mask:
            instance = dataclasses.replace(instance, mask=mask, outline=None)
        return _Drawn(instance, field)

    def _motion(self, head: _Held) -> smooth.Motion | None:
        """How a frame came from the one before it, worked out when it is first asked for."""
        if head.motion is None and head.flow is not None and self._before is not None:
            head.motion = smooth.motion_between(head.flow, self._before.small, head.small)
        return head.motion

    def _id(self, track: Track) -> int:
        """The id of a track, given when it first appears; an identity of the model's keeps it."""
        if track.track_id is None:
            if track.object_id is None:
                track.track_id = next(self.ids)
            else:
                key = (track.prompt, track.object_id)
                if key not in self._known:
                    self._known[key] = next(self.ids)
                track.track_id = self._known[key]
        return track.track_id


SMALL_SIDE = 320
"""Longest side of the images on which motion and cuts are looked for, pixels."""


def _small(image: RgbImage) -> RgbImage:
    import cv2

    height, width = image.shape[:2]
    scale = SMALL_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    while width >= 4 * size[0] and height >= 4 * size[1]:
        # Averages of 2 x 2 pixels are by far the fastest.
        width, height = width // 2, height // 2
        even = image[: 2 * height, : 2 * width]
        halved = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, dtype=np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _flow(before: _Held, after: _Held) -> Flow | None:
    """Motion between two frames; None where they cannot be compared."""
    if before.small.shape != after.small.shape:
        return None
    found = flow_between(before.small, after.small, long_side=SMALL_SIDE)
    return Flow(found.backward, after.frame_width, after.frame_height)


def _way(start: smooth.Field, end: smooth.Field) -> Box:
    """A window in which an object stays on its way from one place to another."""
    boxes = np.array([start.box, end.box])
    x1, y1 = (int(value) for value in boxes[:, :2].min(axis=0))
    x2, y2 = (int(value) for value in boxes[:, 2:].max(axis=0))
    detour = max(x2 - x1, y2 - y1) // 4
    return smooth.padded((x1, y1, x2, y2), detour, end.frame_width, end.frame_height)
