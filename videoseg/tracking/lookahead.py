"""One stream's tracks over time: takes frames in, lets Scenes out when they are certain."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from videoseg.kernels.smoothing import smoothing_kernel
from videoseg.motion.frame_pairs import MotionPrefetcher
from videoseg.motion.shot_cuts import CutDetector
from videoseg.system.workers import Team, usual_threads
from videoseg.tracking.interpolation import interpolate
from videoseg.tracking.online import OnlineTracker
from videoseg.tracking.pending import PendingFrame, SmoothedInstance
from videoseg.tracking.settings import Settings
from videoseg.tracking.smoothing import blend as smooth
from videoseg.tracking.tracks import Track
from videoseg.types import Detections, Frame, Instance, Scene, Shape, TrackedInstance

TrackMerges: TypeAlias = Mapping[int, int]
"""For the number of each track that is an object, which object."""


@dataclass(slots=True)
class LookaheadTracker:
    """The tracks of one stream.

    Frames pass two queues: ``_undecided`` waits for the verdict on shot cuts (``_verdicts``), and
    ``_pending`` for births and gaps to settle. Between the two, detections are associated with
    tracks.

    Attributes:
        settings: What the user set.
        labels: Of the prompts.
        ids: Gives the next id.
        plan: Which tracks are objects, and which are the same one, where that is known beforehand.
        shot: The present shot.
    """

    settings: Settings
    labels: tuple[str, ...]
    ids: Iterator[int]
    plan: TrackMerges | None = None
    shot: int = 0
    _cuts: CutDetector = field(init=False)
    _undecided: deque[PendingFrame] = field(init=False, repr=False, default_factory=deque)
    _verdicts: deque[bool] = field(init=False, repr=False, default_factory=deque)
    _pending: deque[PendingFrame] = field(init=False, repr=False, default_factory=deque)
    _follower: OnlineTracker = field(init=False, repr=False)
    _prefetcher: MotionPrefetcher = field(init=False, repr=False)
    _team: Team = field(init=False, repr=False)
    _smoothed: dict[Track, SmoothedInstance] = field(init=False, repr=False, default_factory=dict)
    _known: dict[Hashable, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        smooths = self.settings.smoothing > 0
        self._follower = OnlineTracker(self.settings, with_trust=smooths)
        self._cuts = CutDetector(patience=min(2, self.settings.look_ahead))
        self._prefetcher = MotionPrefetcher(with_trust=smooths)
        # Only compiled code lets other threads work meanwhile.
        compiled = smooths and smoothing_kernel() is not None
        self._team = Team("smoothing", usual_threads() if compiled else 1)

    def push(self, frame: Frame, detections: Detections | None) -> list[Scene]:
        """Take the next frame; give the Scenes that are now certain, in order."""
        pending = PendingFrame.of(frame, detections)
        any_seen = any(one.detections and one.detections.instances for one in self._undecided)
        needed = bool(self._follower.tracks or any_seen)
        pending.motion = self._prefetcher.prefetch(pending.pyramid, needed=needed)
        self._undecided.append(pending)
        verdicts = self._cuts.push(pending.pyramid.small) if self.settings.cuts else [False]
        return self._take(verdicts)

    def finish(self) -> list[Scene]:
        """Give the Scenes still held back; the stream ends."""
        scenes = [*self._take(self._cuts.flush(), at_end=True), *self._end_shot()]
        self._prefetcher.close()
        self._team.close()
        return scenes

    def _take(self, verdicts: Iterable[bool], *, at_end: bool = False) -> list[Scene]:
        """Associate the frames that begin a shot or go on with one, and let go what is certain.

        Where masks are smoothed the newest one waits: what moved on the way to it is still being
        looked at. One that newer ones wait behind, for their own verdict, has waited enough.
        """
        scenes: list[Scene] = []
        self._verdicts.extend(verdicts)
        waits = self._prefetcher.with_trust and self.settings.look_ahead > 0 and not at_end
        while self._verdicts and len(self._undecided) > waits:
            pending = self._undecided.popleft()
            if self._verdicts.popleft():
                scenes += self._end_shot()
                self.shot += 1
            self._follower.follow(pending)
            self._pending.append(pending)
            scenes += self._release()
        return scenes

    # Settling ----------------------------------------------------------------------------------

    def _release(self, *, at_end: bool = False) -> list[Scene]:
        """Let go the oldest frames whose tracks are settled, or that have waited long enough."""
        scenes: list[Scene] = []
        while self._pending:
            now = at_end or len(self._pending) > self.settings.look_ahead
            head = self._pending[0]
            if now and self.plan is None:
                self._settle_births(head, at_end=at_end)
            elif any(self._is_open(track) for track in head.seen):
                break
            if not self._settle_gaps(head, now=now) or not (now or self._can_smooth()):
                break
            self._pending.popleft()
            scenes.append(self._scene(head))
        return scenes

    def _is_open(self, track: Track) -> bool:
        """Whether it is not yet known if a track is an object."""
        return self.plan is None and not (track.confirmed or track.dropped)

    def _is_object(self, track: Track) -> bool:
        """Whether a track appears in Scenes."""
        return track.confirmed if self.plan is None else track.number in self.plan

    def _can_smooth(self) -> bool:
        """Whether the oldest frame need not wait for what its masks are blended with."""
        looks_ahead = self.settings.smoothing > 0 and self.settings.look_ahead > 0
        return len(self._pending) > 1 or not (looks_ahead and self._pending[0].seen)

    def _settle_births(self, head: PendingFrame, *, at_end: bool) -> None:
        """Decide on the unconfirmed tracks of a frame that can wait no longer.

        As many sightings are wanted as there were occasions: a still has one. A track that is not
        confirmed now may be so later, and appears from then on.
        """
        occasions = self._follower.asked_in_shot
        if not at_end:
            occasions = min(occasions, max(2, sum(pending.asked for pending in self._pending)))
        needed = min(self.settings.min_hits, occasions)
        for track in head.seen:
            if not track.dropped and track.sightings >= needed:
                self._follower.confirm(track)

    def _settle_gaps(self, head: PendingFrame, *, now: bool) -> bool:
        """Fill in the tracks that were drawn just before, and soon after, but not seen on ``head``.

        Returns:
            False if that cannot be told yet.
        """
        for track, smoothed in list(self._smoothed.items()):
            if track in head.seen or track in head.filled:
                continue
            misses = smoothed.misses
            for distance, pending in enumerate(self._pending):
                if track in pending.seen:
                    path = list(itertools.islice(self._pending, distance + 1))
                    interpolate(track, smoothed, path)
                    break
                misses += pending.misses(track)
                if misses > self.settings.max_gap_frames:
                    break
            else:
                if not now and track in self._follower.tracks:
                    return False
        return True

    def _end_shot(self) -> list[Scene]:
        """Let everything go and forget the tracks."""
        scenes = self._release(at_end=True)
        self._follower.end_shot()
        self._smoothed.clear()
        return scenes

    # Smoothing ---------------------------------------------------------------------------------

    def _scene(self, head: PendingFrame) -> Scene:
        """The Scene of a frame that is settled."""
        objects = [track for track in head.seen if self._is_object(track)]
        drawn = self._team.each(lambda track: self._smooth(track, head.seen[track], head), objects)
        smoothed = dict(zip(objects, drawn, strict=True)) | head.filled
        self._smoothed = smoothed
        tracked = [
            TrackedInstance(
                track_id=self._id(track),
                instance=each.instance,
                shape=Shape(()),
                label=self.labels[each.instance.prompt],
                state="interpolated" if track in head.filled else "matched",
            )
            for track, each in smoothed.items()
        ]
        tracked.sort(key=lambda item: item.track_id)
        return dataclasses.replace(head.scene, shot=self.shot, instances=tuple(tracked))

    def _smooth(self, track: Track, instance: Instance, head: PendingFrame) -> SmoothedInstance:
        """A sighting with the mask that is drawn."""
        strength = self.settings.smoothing
        if strength == 0:
            return SmoothedInstance(instance)
        following, step = self._following(head), head.step
        to_later, to_earlier = (None, None) if step is None else (step.to_later, step.to_earlier)
        smoothed = self._smoothed.get(track)
        state = None if smoothed is None else smoothed.state
        ahead = None
        if following is not None and following.step is not None and track in following.seen:
            motion = following.step.to_earlier
            ahead = None if motion is None else (following.observation(track), motion)
        mask, state = smooth.smooth_mask(
            state,
            to_later,
            head.observation(track),
            ahead,
            back=None if ahead else to_earlier,
            strength=strength,
        )
        if mask is not instance.mask:
            instance = dataclasses.replace(instance, mask=mask, outline=None)
        return SmoothedInstance(instance, state)

    def _following(self, head: PendingFrame) -> PendingFrame | None:
        """The frame after the one that leaves, where it is known."""
        return next((pending for pending in self._pending if pending is not head), None)

    def _id(self, track: Track) -> int:
        """The id of a track, given when it first appears; an identity of the model's keeps it."""
        if track.track_id is None:
            key: Hashable = None
            if track.object_id is not None:
                key = (track.prompt, track.object_id)
            elif self.plan is not None:
                key = self.plan[track.number]
            if track.continues is not None and key is None:
                track.track_id = self._id(track.continues)
            elif key is None:
                track.track_id = next(self.ids)
            else:
                if key not in self._known:
                    self._known[key] = next(self.ids)
                track.track_id = self._known[key]
        track.continues = None  # or all that the object ever was would be kept
        return track.track_id
