"""Follows the objects of one stream from frame to frame, without looking ahead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from videoseg.motion.flow import Camera, camera_motion
from videoseg.tracking.appearance import Appearance
from videoseg.tracking.association import Pair, associate
from videoseg.tracking.merge_split import merge_fragments, split_merged, suppress_duplicates
from videoseg.tracking.pending import PendingFrame
from videoseg.tracking.reid import Gallery
from videoseg.tracking.settings import Settings
from videoseg.tracking.tracks import Candidate, Track
from videoseg.types import Instance

SHOWN = 0.9
"""Least likeness to a missed object of what is seen where it is expected, if that is it."""


@dataclass(slots=True)
class OnlineTracker:
    """The tracks of one stream, as they are known on its last frame.

    Attributes:
        settings: What the user set.
        with_trust: Whether to estimate how far motion can be trusted, too.
        tracks: Those that are followed, in the order of their first sighting.
        asked_in_shot: Frames of the present shot on which the model was asked.
    """

    settings: Settings
    with_trust: bool = False
    tracks: list[Track] = field(init=False, repr=False, default_factory=list)
    asked_in_shot: int = field(init=False, repr=False, default=0)
    _last: PendingFrame | None = field(init=False, repr=False, default=None)
    _begun: int = field(init=False, repr=False, default=0)
    _gallery: Gallery = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._gallery = Gallery(self.settings.reid_seconds)

    def follow(self, pending: PendingFrame) -> list[Track]:
        """Move all tracks on to this frame and give its detections to them.

        Returns:
            The flickers that end here.
        """
        last, self._last = self._last, pending
        if last is not None:
            if self.tracks:
                pending.follows(last, with_trust=self.with_trust)
            camera = self._camera(pending)
            for track in self.tracks:
                track.advance(pending.flow, camera, float(pending.seconds - last.seconds))
        if pending.detections is None:
            return []
        self.asked_in_shot += 1
        self._assign(pending, pending.detections.instances)
        for track in self.tracks:
            if track in pending.seen:
                if track.sightings >= self.settings.min_hits:
                    self.confirm(track)
            else:
                shown = self._shown(track, pending)
                track.miss(pending.seconds, hidden=not shown)
                if shown:
                    pending.shown.add(track)
        pending.forget_binned()
        gone = [track for track in self.tracks if self._gone(track, pending.seconds)]
        self._forget(gone)
        self._gallery.keep(gone)
        return [track for track in gone if track.dropped]

    def confirm(self, track: Track) -> None:
        """Trust a track; it may turn out to be an object that was gone."""
        if track.confirmed:
            return
        track.confirmed = True
        if self.settings.reid_seconds and track.object_id is None:
            hidden = [t for t in self.tracks if t.confirmed and not t.in_view]
            track.continues = self._gallery.match(track, hidden)
            if track.continues is not None:
                self._forget([track.continues])

    def _forget(self, gone: Iterable[Track]) -> None:
        """Follow these tracks no longer."""
        ended = set(gone)
        self.tracks = [track for track in self.tracks if track not in ended]

    def end_shot(self) -> None:
        """The next frame does not follow the last: no track goes on, but may be known again."""
        self._gallery.keep(self.tracks)
        self.tracks = []
        self._last = None
        self.asked_in_shot = 0

    def _shown(self, track: Track, pending: PendingFrame) -> bool:
        """Whether the picture shows a track that the model missed, where it is expected."""
        if not track.confirmed or track.predicted is None:
            return False
        place = Instance(track.predicted, 1.0, track.prompt)
        return track.appearance.similarity(Appearance.of(place, pending.binned)) >= SHOWN

    def _camera(self, pending: PendingFrame) -> Camera:
        """How the ground moved from the frame before."""
        if pending.flow is None:
            return Camera()
        return camera_motion(pending.flow, [t.mask for t in self.tracks if t.in_view])

    def _assign(self, pending: PendingFrame, instances: Iterable[Instance]) -> None:
        """Sort one frame's detections into tracks; what is new begins one."""
        named: dict[tuple[int, int], Candidate] = {}
        nameless: list[Candidate] = []
        for instance in instances:
            found = Candidate(instance, Appearance.of(instance, pending.binned))
            if instance.object_id is None:
                nameless.append(found)
                continue
            key = (instance.prompt, instance.object_id)
            # An identity is one object: of two answers that claim it, the better one counts.
            if key not in named or named[key].instance.score < instance.score:
                named[key] = found
        pairs, new = self._matched(pending, nameless)
        by_name = {
            (track.prompt, track.object_id): track
            for track in self.tracks
            if track.object_id is not None
        }
        for key, found in named.items():
            if key in by_name:
                pairs.append((by_name[key], found))
            else:
                new.append(found)
        for track, found in pairs:
            track.see(found, pending.seconds)
            pending.seen[track] = found.instance
        for found in new:
            track = Track.begun(found, pending.seconds, self._begun)
            self._begun += 1
            track.confirmed = track.object_id is not None
            self.tracks.append(track)
            pending.seen[track] = found.instance

    def _matched(
        self, pending: PendingFrame, found: list[Candidate]
    ) -> tuple[list[Pair], list[Candidate]]:
        """Pairs of tracks and detections without an identity, and the detections that begin one."""
        activation_score = self.settings.activation_score
        free = [track for track in self.tracks if track.object_id is None]
        pairs, left = associate(
            free, found, activation_score=activation_score, seconds=pending.seconds
        )
        pairs, left = merge_fragments(pairs, left)
        taken = {id(track) for track, _ in pairs}
        missed = (t for t in free if t.confirmed and t.in_view and id(t) not in taken)
        pairs = split_merged(pairs, missed)
        left = suppress_duplicates(pairs, left)
        return pairs, [one for one in left if one.instance.score >= activation_score]

    def _gone(self, track: Track, seconds: Fraction) -> bool:
        """Whether a track is a flicker or lost for too long; flickers are marked as dropped."""
        missed = track.missed_since
        gone = missed is not None and seconds - missed > self.settings.max_lost_seconds
        if not track.confirmed:
            gone = gone or track.misses > self.settings.max_birth_misses
            track.dropped = gone
        return gone
