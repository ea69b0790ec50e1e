"""One stream's tracks over time: takes frames in, lets Scenes out when they are certain."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from videoseg.motion import Camera, camera_motion
from videoseg.outlines.contours import outlines_of
from videoseg.tracking import smooth
from videoseg.tracking.associate import Pair, associate
from videoseg.tracking.cuts import CutDetector
from videoseg.tracking.gallery import Gallery
from videoseg.tracking.gaps import fill
from videoseg.tracking.held import Drawn, Held, flow_of
from videoseg.tracking.looks import Look
from videoseg.tracking.settings import Settings
from videoseg.tracking.tracks import Found, Track
from videoseg.tracking.untangle import joined_pieces, parted_neighbours, without_doubles
from videoseg.types import Detections, Frame, Instance, Scene, Shape, TrackedInstance

SHOWN = 0.9
"""Least likeness to a missed object of what is seen where it is expected, if that is it."""


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
    _gallery: Gallery = field(init=False, repr=False)
    _judged: deque[Held] = field(init=False, repr=False, default_factory=deque)
    _held: deque[Held] = field(init=False, repr=False, default_factory=deque)
    _tracks: list[Track] = field(init=False, repr=False, default_factory=list)
    _drawn: dict[Track, Drawn] = field(init=False, repr=False, default_factory=dict)
    _known: dict[tuple[int, int], int] = field(init=False, repr=False, default_factory=dict)
    _last: Held | None = field(init=False, repr=False, default=None)
    _before: Held | None = field(init=False, repr=False, default=None)
    _asked_in_shot: int = field(init=False, repr=False, default=0)
    _begun: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        self._gallery = Gallery(self.settings.remember)
        self._cuts = CutDetector(patience=min(2, self.settings.look_ahead))

    def push(self, frame: Frame, detections: Detections | None) -> list[Scene]:
        """Take the next frame; give the Scenes that are now certain, in order."""
        held = Held.of(frame, detections)
        self._judged.append(held)
        verdicts = self._cuts.push(held.small) if self.settings.cuts else [False]
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

    def _follow(self, held: Held) -> None:
        """Move all tracks on to this frame and give its detections to them."""
        last, self._last = self._last, held
        if last is not None:
            if self._tracks:
                held.flow = flow_of(last, held)
            camera = self._camera(held)
            for track in self._tracks:
                track.advance(held.flow, camera, float(held.seconds - last.seconds))
        if held.detections is None:
            return
        self._asked_in_shot += 1
        self._assign(held, held.detections.instances)
        for track in self._tracks:
            if track in held.seen:
                track.confirmed = track.confirmed or track.sightings >= self.settings.confirm
            else:
                shown = self._shown(track, held)
                track.miss(held.seconds, hidden=not shown)
                if shown:
                    held.shown.add(track)
        gone = {track for track in self._tracks if self._gone(track, held.seconds)}
        self._gallery.keep(track for track in self._tracks if track in gone)
        self._tracks = [track for track in self._tracks if track not in gone]

    def _shown(self, track: Track, held: Held) -> bool:
        """Whether the picture shows a track that the model missed, where it is expected."""
        if not track.confirmed or track.predicted is None:
            return False
        place = Instance(track.predicted, 1.0, track.prompt)
        return track.look.like(Look.of(place, held.palette)) >= SHOWN

    def _camera(self, held: Held) -> Camera:
        """How the ground moved from the frame before."""
        if held.flow is None:
            return Camera()
        return camera_motion(held.flow, [t.mask for t in self._tracks if t.in_view])

    def _assign(self, held: Held, instances: Iterable[Instance]) -> None:
        """Sort one frame's detections into tracks; what is new begins one."""
        named: dict[tuple[int, int], Found] = {}
        nameless: list[Found] = []
        for instance in instances:
            found = Found(instance, Look.of(instance, held.palette))
            if instance.object_id is None:
                nameless.append(found)
                continue
            key = (instance.prompt, instance.object_id)
            # An identity is one object: of two answers that claim it, the better one counts.
            if key not in named or named[key].instance.score < instance.score:
                named[key] = found
        pairs, new = self._matched(held, nameless)
        by_name = {
            (track.prompt, track.object_id): track
            for track in self._tracks
            if track.object_id is not None
        }
        for key, found in named.items():
            if key in by_name:
                pairs.append((by_name[key], found))
            else:
                new.append(found)
        for track, found in pairs:
            track.see(found, held.seconds)
            held.seen[track] = found.instance
        for found in new:
            track = Track.begun(found, held.seconds, self._begun)
            self._begun += 1
            track.confirmed = track.object_id is not None
            self._tracks.append(track)
            held.seen[track] = found.instance

    def _matched(self, held: Held, found: list[Found]) -> tuple[list[Pair], list[Found]]:
        """Pairs of tracks and detections without an identity, and the detections that begin one."""
        confident = self.settings.confident
        free = [track for track in self._tracks if track.object_id is None]
        pairs, left = associate(free, found, confident=confident, seconds=held.seconds)
        pairs, left = joined_pieces(pairs, left)
        taken = {id(track) for track, _ in pairs}
        missed = (t for t in free if t.confirmed and t.in_view and id(t) not in taken)
        pairs = parted_neighbours(pairs, missed)
        left = without_doubles(pairs, left)
        return pairs, [one for one in left if one.instance.score >= confident]

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
            if not self._settle_gaps(head, now=now) or not (now or self._can_steady()):
                break
            self._held.popleft()
            scenes.append(self._draw(head))
        return scenes

    def _can_steady(self) -> bool:
        """Whether the oldest frame need not wait for what its outlines are blended with."""
        looks_ahead = self.settings.smoothing > 0 and self.settings.look_ahead > 0
        return len(self._held) > 1 or not (looks_ahead and self._held[0].seen)

    def _settle_births(self, head: Held, *, at_end: bool) -> None:
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

    def _settle_gaps(self, head: Held, *, now: bool) -> bool:
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
                    path = list(itertools.islice(self._held, distance + 1))
                    fill(track, drawn, path)
                    break
                misses += held.misses(track)
                if misses > self.settings.bridge:
                    break
            else:
                if not now and track in self._tracks:
                    return False
        return True

    def _end_shot(self) -> list[Scene]:
        """Let everything go and forget the tracks."""
        scenes = self._release(at_end=True)
        self._gallery.keep(self._tracks)
        self._tracks.clear()
        self._drawn.clear()
        self._last = self._before = None
        self._asked_in_shot = 0
        return scenes

    # Drawing -----------------------------------------------------------------------------------

    def _draw(self, head: Held) -> Scene:
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

    def _steadied(self, track: Track, instance: Instance, head: Held) -> Drawn:
        """A sighting as it is to be drawn."""
        strength = self.settings.smoothing
        if strength == 0:
            return Drawn(instance)
        before, following = self._before, self._following(head)
        drawn = self._drawn.get(track)
        past = None if drawn is None else drawn.past
        ahead = None
        if following is not None and track in following.seen:
            motion = following.to_before(head)
            ahead = None if motion is None else (following.present(track), motion)
        mask, past = smooth.steadied(
            past,
            None if before is None else head.from_before(before),
            head.present(track),
            ahead,
            back=None if ahead or before is None or past is None else head.to_before(before),
            strength=strength,
        )
        if mask is not instance.mask:
            instance = dataclasses.replace(instance, mask=mask, outline=None)
        return Drawn(instance, past)

    def _following(self, head: Held) -> Held | None:
        """The frame after the one that leaves, where it is known."""
        return next((held for held in self._held if held is not head), None)

    def _id(self, track: Track) -> int:
        """The id of a track, given when it first appears; an identity of the model's keeps it."""
        if track.track_id is None:
            if track.object_id is None:
                track.track_id = self._recognised(track) or next(self.ids)
            else:
                key = (track.prompt, track.object_id)
                if key not in self._known:
                    self._known[key] = next(self.ids)
                track.track_id = self._known[key]
        return track.track_id

    def _recognised(self, track: Track) -> int | None:
        """The id of an object that was gone, where a new track is that object again."""
        if not self.settings.remember:
            return None
        hidden = [t for t in self._tracks if t.track_id is not None and not t.in_view]
        found = self._gallery.recognised(track, hidden, track.born)
        if found is None:
            return None
        self._tracks = [t for t in self._tracks if t is not found]
        return found.track_id
