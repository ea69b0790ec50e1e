"""One object that is followed: how it was given, how it looked lately, and where it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.memory.background_motion import background_odds
from videoseg.models.embedded.memory.evidence_maps import carried, values_over, with_motion
from videoseg.models.embedded.memory.feature_view import FeatureNorm, FeatureView, Pose
from videoseg.models.embedded.memory.last_seen import LastSeen
from videoseg.models.embedded.memory.linear_classifier import MAX_GIVEN, LinearClassifier
from videoseg.models.embedded.memory.stored_views import StoredView, propagated
from videoseg.models.embedded.promptable.prompt_maps import MAX_ODDS, ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.motion.flow import Flow, carry_mask
from videoseg.types import Mask, RgbImage
from videoseg.types.snapshot import Snapshot, joined, listed, parted

_MAX_RECENT = 3
"""Views of found masks that are remembered, newest first, beside the given ones."""
_SURE_IOU = 0.9
"""IoU of what is found with the last mask, moved along, from which it is not looked at again."""
_STEADY_IOU = 0.85
"""The same, from which the next frame is not compared with what is remembered."""
_MAX_CHANGE = 20.0
"""So many grey levels an object may have changed on average, as it moved, not to be compared."""
_MIN_EVIDENCE = 0.35
"""Mean evidence over a found mask, as a probability, under which it is not the object."""
_MIN_EVIDENCE_AGAIN = 0.75
"""The same, from which a lost object counts as found again."""
_MIN_EVIDENCE_REST = 0.5
"""The same, for the whole of an object of which a part was found."""
_REST_SHIFTS = (-0.35, 0.0, 0.35)
"""Where the middle of the object may be, across and down, from that of its part, in sizes."""
_REST_BOX = 1.3
"""Sides of the box in which the rest is looked for, in those of the object."""
_REST_SIZES = (1.1, 1.3)
"""A whole is larger than its part by the first at least, than expected by the second at most."""
_MIN_HELD = 0.7
"""Share of the part that the whole must hold."""
_SEARCH_BOX = (2.0, 0.1, 4.0)
"""Sides of the box in which a lost object is looked for, in its own: at first, added by each frame,
at most."""
_SEARCH_BIAS = 0.75
"""Log odds that speak against a cell of a lost object."""
_SEARCH_SIZES = (0.3, 2.0)
"""What is found of a lost object is as large as this, in its expected size."""


@dataclass(frozen=True, slots=True, eq=False)
class MemoryNetworks:
    """What all objects are looked at with."""

    backbone: Backbone
    segmenter: PromptableSegmenter


class RememberedObject:
    """One remembered object; ``mask`` is where it was on the last frame, None if out of sight.

    ``_evidence`` is what was said on the last frame, log odds over all of it, if that is enough to
    find the object on the next one.
    """

    def __init__(self, networks: MemoryNetworks, norm: FeatureNorm, seen: LastSeen) -> None:
        self._networks = networks
        self.mask: Mask | None = None
        self._norm = norm
        self._seen = seen
        self._given: list[StoredView] = []
        self._recent: list[StoredView] = []
        self._classifier = LinearClassifier()
        self._evidence: FloatMap | None = None

    @classmethod
    def seen(cls, networks: MemoryNetworks, image: RgbImage, mask: Mask) -> RememberedObject:
        """An object that is seen for the first time."""
        view = FeatureView.of(networks.backbone, image, mask)
        new = cls(networks, view.norm, LastSeen.of(mask))
        new._give(view, mask)
        return new

    def snapshot(self) -> Snapshot:
        """All that is known of it, as plain arrays."""
        return joined(
            {
                "mask": {} if self.mask is None else masks.to_arrays(self.mask),
                "norm": self._norm.snapshot(),
                "seen": self._seen.snapshot(),
                "given": listed(stored.snapshot() for stored in self._given),
                "recent": listed(stored.snapshot() for stored in self._recent),
                "rule": self._classifier.snapshot(),
                "evidence": {} if self._evidence is None else {"": self._evidence},
            }
        )

    @classmethod
    def restored(cls, networks: MemoryNetworks, state: Snapshot) -> RememberedObject:
        """The object that ``snapshot`` was taken of."""
        parts = parted(state)
        seen = LastSeen.restored(parts["seen"])
        known = cls(networks, FeatureNorm.restored(parts["norm"]), seen)
        known.mask = masks.from_arrays(parts["mask"]) if "mask" in parts else None
        known._given, known._recent = (
            [StoredView.restored(each) for each in parted(parts.get(name, {})).values()]
            for name in ("given", "recent")
        )
        known._classifier = LinearClassifier.restored(parts["rule"])
        known._evidence = parts["evidence"][""] if "evidence" in parts else None
        return known

    def correct(self, image: RgbImage, mask: Mask) -> None:
        """Learn how the object lies on this frame from one who knows."""
        self._recent.clear()
        self._give(FeatureView.of(self._networks.backbone, image, mask, self._norm), mask)

    def lose_place(self) -> None:
        """Where it was says nothing of the next frame."""
        self.mask = None
        self._seen.is_placed = False

    def step(
        self, image: RgbImage, flow: Flow | None, change: FloatMap | None
    ) -> ScoredMask | None:
        """Find the object on the next frame.

        ``flow`` leads there from the last one, and what moved so has changed by ``change``, grey
        levels over the frame. The score is the mean evidence over the mask, by up to half less the
        less it agrees with the last mask, moved along: limbs that are lost leave the evidence as it
        is. No more than half, since flow misses what is small and fast.
        """
        evidence, self._evidence = self._evidence, None
        found, motion_odds = None, None
        warped = None if self.mask is None or flow is None else carry_mask(self.mask, flow)
        if warped is not None and self.mask is not None and flow is not None and change is not None:
            self._seen.zoomed(self.mask, warped)
            motion_odds = background_odds(flow, warped)
            if evidence is not None and values_over(warped, change).mean() < _MAX_CHANGE:
                found = self._segment_by(image, warped, carried(evidence, flow), motion_odds)
            if found is None:
                found = self._segment_near(image, warped, motion_odds, least=_MIN_EVIDENCE)
        if found is None:
            candidate, motion_odds = self._search(image), None
            if candidate is not None:
                found = self._segment_near(image, candidate, None, least=_MIN_EVIDENCE_AGAIN)
        if found is not None and self._seen.is_partial(found.mask):
            found = self._whole_of(image, found, motion_odds) or found
        agreement = None
        if found is not None and warped is not None:
            agreement = masks.iou(found.mask, warped)
        if agreement is None or agreement < _STEADY_IOU:
            self._evidence = None
        self.mask = found.mask if found is not None else None
        self._seen.seen(self.mask)
        if found is None or agreement is None:
            return found
        return ScoredMask(found.mask, found.score * (1 + agreement) / 2)

    def _give(self, view: FeatureView, mask: Mask) -> None:
        self.mask, self._evidence = mask, None
        self._seen = LastSeen.of(mask)
        stored = StoredView.of(view, mask)
        self._given = [stored, *self._given][:MAX_GIVEN]
        self._classifier.learn(stored.keys, stored.labels, given=True)

    def _segment_near(
        self, image: RgbImage, near: Mask, motion_odds: FloatMap | None, *, least: float
    ) -> ScoredMask | None:
        """Find the object near a mask and remember it; None where it does not look like it.

        ``motion_odds`` is what its motion says, log odds over the whole frame, or None.
        """
        view = FeatureView.of(self._networks.backbone, image, near, self._norm)
        doubt = self._seen.doubt(near)
        odds = propagated(view, Pose.of(near), self._given, self._recent, near, doubt)
        odds += self._classifier.odds(view.keys)
        evidence = view.over_frame(odds)
        found = self._segment(image, near, with_motion(evidence, motion_odds), sure=_SURE_IOU)
        if found is None:
            return None
        certain = _certainty(view, found.mask, odds)
        if certain < least:
            return None
        self._remember(view, found.mask, self._recent)
        self._evidence = evidence
        return ScoredMask(found.mask, certain)

    def _segment_by(
        self, image: RgbImage, near: Mask, evidence: FloatMap, motion_odds: FloatMap | None
    ) -> ScoredMask | None:
        """Find the object near a mask by what was said before, in one look; nothing is learned."""
        found = self._segment(image, near, with_motion(evidence, motion_odds), sure=0)
        if found is None:
            return None
        certain = float(_sigmoid(values_over(found.mask, evidence)).mean())
        return ScoredMask(found.mask, certain) if certain >= _MIN_EVIDENCE else None

    def _segment(
        self, image: RgbImage, near: Mask, evidence: FloatMap, *, sure: float
    ) -> ScoredMask | None:
        prompts = ObjectPrompts(near.frame_width, near.frame_height, evidence, prior=near)
        return self._networks.segmenter.segment(image, prompts, fine=False, sure=sure, trim=True)

    def _whole_of(
        self, image: RgbImage, part: ScoredMask, motion_odds: FloatMap | None
    ) -> ScoredMask | None:
        """The whole object, of which a part was found, as far as it looks as it was given.

        Where in the object the part lies is not known, so the place is tried at which the most of
        its surroundings look like the object.
        """
        pose, size = Pose.of(part.mask), self._seen.size
        box = self._seen.box_around(part.mask, _REST_BOX)
        view = FeatureView.of(self._networks.backbone, image, box, self._norm)
        looks = self._classifier.odds_as_given(view.keys)
        tried = [
            propagated(view, Pose(pose.x + x * size, pose.y + y * size, size), self._given) + looks
            for x in _REST_SHIFTS
            for y in _REST_SHIFTS
        ]
        odds = max(tried, key=lambda each: float(np.maximum(each, 0).sum()))
        evidence = view.over_frame(np.minimum(odds, MAX_ODDS), outside=-MAX_ODDS)
        height, width = image.shape[:2]
        prompts = ObjectPrompts(width, height, evidence=with_motion(evidence, motion_odds))
        found = self._networks.segmenter.segment(image, prompts, fine=False)
        if found is None or not _holds(found.mask, part.mask, size):
            return None
        certain = _certainty(view, found.mask, odds)
        if certain < _MIN_EVIDENCE_REST:
            return None
        self._remember(view, found.mask, ())  # views of the part alone said that the rest is not it
        return ScoredMask(found.mask, certain)

    def _remember(self, view: FeatureView, mask: Mask, recent: Sequence[StoredView]) -> None:
        stored = StoredView.of(view, mask)
        self._recent = [stored, *recent][:_MAX_RECENT]
        self._classifier.learn(stored.keys, stored.labels, given=False)

    def _search(self, image: RgbImage) -> Mask | None:
        """The piece that looks most like the object, about its last place or on the whole frame."""
        height, width = image.shape[:2]
        first, more, most = _SEARCH_BOX
        scale = min(first + more * self._seen.missed, most)
        around = self._seen.surroundings(scale, width, height)
        for near in (around, None) if self._seen.is_placed else (None,):
            view = FeatureView.of(self._networks.backbone, image, near, self._norm)
            odds = self._classifier.odds(view.keys) + self._classifier.odds_as_given(view.keys)
            likely = view.over_frame(odds - _SEARCH_BIAS, outside=-MAX_ODDS)
            piece = _strongest_piece(likely, width, height)
            least, largest = (share * self._seen.size for share in _SEARCH_SIZES)
            if piece is not None and least < Pose.of(piece).size < largest:
                return piece
        return None


def _certainty(view: FeatureView, mask: Mask, odds: FloatMap) -> float:
    """Mean evidence, as a probability, over a mask."""
    return float(np.average(_sigmoid(odds), weights=view.labels(mask) + 1e-9))


def _holds(whole: Mask, part: Mask, size: float) -> bool:
    """Whether a mask is the whole of an object of this size, of which another is a part."""
    own, smaller = Pose.of(whole).size, Pose.of(part).size
    least, most = _REST_SIZES
    shared = masks.placed(whole.bitmap, whole.crop, part.crop) & part.bitmap
    held = np.count_nonzero(shared) / np.count_nonzero(part.bitmap)
    return least * smaller < own < most * size and bool(held > _MIN_HELD)


def _strongest_piece(odds: FloatMap, width: int, height: int) -> Mask | None:
    """The piece of a frame, seen at any size, of the most positive log odds in sum."""
    import cv2

    count, pieces = cv2.connectedComponents((odds > 0).astype(np.uint8))
    if count < 2:
        return None
    weight = np.bincount(pieces.ravel(), weights=np.maximum(odds, 0).ravel())
    best = (pieces == int(weight.argmax())).astype(np.uint8)
    full = cv2.resize(best, (width, height), interpolation=cv2.INTER_NEAREST)
    return masks.from_bitmap(full.astype(np.bool_))


def _sigmoid(odds: FloatMap) -> FloatMap:
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)
