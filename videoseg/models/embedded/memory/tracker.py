"""Follows objects through a video: a memory of how each looked, first and lately.

Two witnesses say which cells of a new frame belong to an object. *Label propagation*: each cell
takes the label of remembered cells with similar features and a similar place in the object (Jabri
et al., "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020; here on supervised
ImageNet features). A *linear classifier* of object and surroundings, learned from the same cells by
ridge regression, knows no places and so does not drift (after Robinson et al., "Learning Fast and
Robust Target Models for Video Object Segmentation", CVPR 2020). What moves with the background
speaks against both (``background_motion.py``). ``promptable/segmenter.py`` makes a mask of their
evidence and of the last mask, warped along the optical flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.memory.background_motion import background_odds
from videoseg.models.embedded.memory.feature_view import (
    NETWORK_SIDE,
    FeatureNorm,
    FeatureView,
    Pose,
)
from videoseg.models.embedded.memory.linear_classifier import MAX_GIVEN, LinearClassifier
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.motion.flow import Flow, GreyImage, carry_mask, flow_of_greys, grey_of
from videoseg.types import Detections, Frame, Instance, Mask, Prompt, RgbImage
from videoseg.types.snapshot import Snapshot, joined, listed, parted

_MAX_RECENT = 3
"""Views of found masks that are remembered, newest first, beside the given ones."""
_FEATURE_TEMPERATURE = 0.06
"""Temperature of feature similarity: a cosine this much smaller weighs 1/e."""
_POSITION_STD = 0.5
"""Standard deviation of position similarity, in object sizes."""
_FLOW_SIDE = 320
"""Longest side of the pictures that flow is found on, pixels."""
_SURE_IOU = 0.9
"""IoU of what is found with the last mask, moved along, from which it is not looked at again."""
_MIN_EVIDENCE = 0.35
"""Mean evidence over a found mask, as a probability, under which it is not the object."""
_MIN_EVIDENCE_AGAIN = 0.75
"""The same, from which a lost object counts as found again."""


@dataclass
class Memory:
    """A ``VideoSegmenter``: remembers the objects of one stream and finds them on each frame.

    Attributes:
        threads: CPU threads of the network; 0 = one per core.
    """

    threads: int = 0
    _networks: _Networks | None = field(init=False, repr=False, default=None)
    _last: Frame | None = field(init=False, repr=False, default=None)
    _grey: tuple[Frame, GreyImage] | None = field(init=False, repr=False, default=None)
    _objects: dict[tuple[int, int | None], _Object] = field(
        init=False, repr=False, default_factory=dict
    )

    def start(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - the protocol's
        """Forget everything and begin a stream."""
        self.finish()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        """Take the given objects as they are, and find the others on this frame.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them.
        """
        instances = list(detections.instances) if detections is not None else []
        given = {(instance.prompt, instance.object_id) for instance in instances}
        flow = self._flow(frame) if self._objects.keys() - given else None
        for key, known in self._objects.items():
            if key not in given:
                found = known.step(frame.image, flow)
                if found is not None:
                    instances.append(Instance(found.mask, found.score, key[0], key[1]))
        for instance in instances[: len(given)]:
            self._remember(frame.image, instance)
        self._last = frame
        return Detections(frame.stream, frame.index, tuple(instances))

    def reset(self) -> None:
        """A cut: where the objects were says nothing any more."""
        self._last = None
        for known in self._objects.values():
            known.mask = None

    def finish(self) -> None:
        """Forget everything."""
        self._last = self._grey = None
        self._objects.clear()

    def snapshot(self) -> Snapshot:
        """What is remembered of each object."""
        return joined({_name(key): known.snapshot() for key, known in self._objects.items()})

    def restore(self, state: Snapshot, last: Frame) -> None:
        """Remember what ``snapshot`` gave after the step with frame ``last``."""
        self._last = last
        self._objects = {
            _key(name): _Object.restored(self._loaded(), part)
            for name, part in parted(state).items()
        }

    def _loaded(self) -> _Networks:
        if self._networks is None:
            backbone = Backbone(self.threads, NETWORK_SIDE, only_features=True)
            self._networks = _Networks(backbone, PromptableSegmenter(self.threads))
        return self._networks

    def _flow(self, frame: Frame) -> Flow | None:
        if self._last is None or self._last.image.shape != frame.image.shape:
            return None
        before, now = self._grey_of(self._last), grey_of(frame.image, _FLOW_SIDE)
        self._grey = (frame, now)
        return flow_of_greys(before, now, frame_width=frame.width, frame_height=frame.height)

    def _grey_of(self, frame: Frame) -> GreyImage:
        """A frame as flow is found on it; that of the last one is known already."""
        if self._grey is not None and self._grey[0] is frame:
            return self._grey[1]
        return grey_of(frame.image, _FLOW_SIDE)

    def _remember(self, image: RgbImage, instance: Instance) -> None:
        key = (instance.prompt, instance.object_id)
        if key in self._objects:
            self._objects[key].correct(image, instance.mask)
            return
        self._objects[key] = _Object.seen(self._loaded(), image, instance.mask)


@dataclass(frozen=True, slots=True, eq=False)
class _Networks:
    """What all objects are looked at with."""

    backbone: Backbone
    segmenter: PromptableSegmenter


def _name(key: tuple[int, int | None]) -> str:
    """A key as a name without a slash."""
    return f"{key[0]}:{'' if key[1] is None else key[1]}"


def _key(name: str) -> tuple[int, int | None]:
    prompt, _, object_id = name.partition(":")
    return int(prompt), int(object_id) if object_id else None


@dataclass(frozen=True, slots=True, eq=False)
class _StoredView:
    """What is kept of one view.

    Attributes:
        keys: float32 (N, C).
        places: float32 (N, 2).
        labels: float32 (N,) in [0, 1].
        columns: Cells across.
    """

    keys: FloatMap
    places: FloatMap
    labels: FloatMap
    columns: int

    @classmethod
    def of(cls, view: FeatureView, mask: Mask) -> _StoredView:
        return cls(view.keys, view.positions(Pose.of(mask)), view.labels(mask), view.columns)

    def every_other(self, first: int) -> _StoredView:
        """Half of the cells, as the squares of one colour of a chessboard."""
        row, column = np.divmod(np.arange(len(self.labels)), self.columns)
        kept = (row + column) % 2 == first
        return _StoredView(self.keys[kept], self.places[kept], self.labels[kept], self.columns)

    def snapshot(self) -> Snapshot:
        columns = np.array(self.columns)
        return {
            "keys": self.keys,
            "places": self.places,
            "labels": self.labels,
            "columns": columns,
        }

    @classmethod
    def restored(cls, state: Snapshot) -> _StoredView:
        """The view that ``snapshot`` was taken of."""
        columns = int(state["columns"])
        return cls(state["keys"], state["places"], state["labels"], columns)


class _Object:
    """One remembered object; ``mask`` is where it was on the last frame, None if out of sight."""

    def __init__(self, networks: _Networks, norm: FeatureNorm) -> None:
        self._networks = networks
        self.mask: Mask | None = None
        self._norm = norm
        self._size = 1.0
        self._given: list[_StoredView] = []
        self._recent: list[_StoredView] = []
        self._classifier = LinearClassifier()

    @classmethod
    def seen(cls, networks: _Networks, image: RgbImage, mask: Mask) -> _Object:
        """An object that is seen for the first time."""
        view = FeatureView.of(networks.backbone, image, mask)
        new = cls(networks, view.norm)
        new._give(view, mask)
        return new

    def snapshot(self) -> Snapshot:
        return joined(
            {
                "mask": {} if self.mask is None else masks.to_arrays(self.mask),
                "norm": self._norm.snapshot(),
                "size": {"": np.array(self._size)},
                "given": listed(stored.snapshot() for stored in self._given),
                "recent": listed(stored.snapshot() for stored in self._recent),
                "rule": self._classifier.snapshot(),
            }
        )

    @classmethod
    def restored(cls, networks: _Networks, state: Snapshot) -> _Object:
        """The object that ``snapshot`` was taken of."""
        parts = parted(state)
        known = cls(networks, FeatureNorm.restored(parts["norm"]))
        known.mask = masks.from_arrays(parts["mask"]) if "mask" in parts else None
        known._size = float(parts["size"][""])
        known._given, known._recent = (
            [_StoredView.restored(each) for each in parted(parts.get(name, {})).values()]
            for name in ("given", "recent")
        )
        known._classifier = LinearClassifier.restored(parts["rule"])
        return known

    def correct(self, image: RgbImage, mask: Mask) -> None:
        """Learn how the object lies on this frame from one who knows."""
        self._recent.clear()
        self._give(FeatureView.of(self._networks.backbone, image, mask, self._norm), mask)

    def step(self, image: RgbImage, flow: Flow | None) -> ScoredMask | None:
        """Find the object on the next frame; ``flow`` leads there from the last one."""
        found = None
        if self.mask is not None and flow is not None:
            warped = carry_mask(self.mask, flow)
            if warped is not None:
                found = self._segment_near(
                    image, warped, background_odds(flow, warped), least=_MIN_EVIDENCE
                )
        if found is None:
            candidate = self._search(image)
            if candidate is not None:
                found = self._segment_near(image, candidate, None, least=_MIN_EVIDENCE_AGAIN)
        self.mask = found.mask if found is not None else None
        return found

    def _give(self, view: FeatureView, mask: Mask) -> None:
        self.mask = mask
        self._size = Pose.of(mask).size
        stored = _StoredView.of(view, mask)
        self._given = [stored, *self._given][:MAX_GIVEN]
        self._classifier.learn(stored.keys, stored.labels, given=True)

    def _segment_near(
        self, image: RgbImage, near: Mask, motion_odds: FloatMap | None, *, least: float
    ) -> ScoredMask | None:
        """Find the object near a mask and remember it; None where it does not look like it.

        ``motion_odds`` is what its motion says, log odds over the whole frame, or None.
        """
        import cv2

        view = FeatureView.of(self._networks.backbone, image, near, self._norm)
        odds = _odds(self._propagate(view, Pose.of(near))) + self._classifier.odds(view.keys)
        height, width = image.shape[:2]
        evidence = view.over_frame(odds)
        if motion_odds is not None:
            evidence += cv2.resize(
                motion_odds, evidence.shape[::-1], interpolation=cv2.INTER_LINEAR
            )
        prompts = ObjectPrompts(width, height, evidence=evidence, prior=near)
        found = self._networks.segmenter.segment(image, prompts, fine=False, sure=_SURE_IOU)
        if found is None:
            return None
        stored = _StoredView.of(view, found.mask)
        certain = float(np.average(_sigmoid(odds), weights=stored.labels + 1e-9))
        if certain < least:
            return None
        self._recent = [stored, *self._recent][:_MAX_RECENT]
        self._classifier.learn(stored.keys, stored.labels, given=False)
        self._size = Pose.of(found.mask).size
        return ScoredMask(found.mask, certain)

    def _propagate(self, view: FeatureView, pose: Pose) -> FloatMap:
        """The label of each cell, in [0, 1], from similar remembered cells close to it."""
        stored_views = [
            stored.every_other(number % 2)
            for number, stored in enumerate([*self._given, *self._recent])
        ]
        labels = np.concatenate([stored.labels for stored in stored_views])
        places = np.concatenate([stored.places for stored in stored_views]) / _POSITION_STD
        keys = np.concatenate([stored.keys for stored in stored_views])
        # exp(q.k / softness - |p - p'|^2 / 2), up to a factor that is the same for a whole row.
        one = np.ones((len(view.keys), 1), dtype=np.float32)
        query = np.concatenate(
            [view.keys / _FEATURE_TEMPERATURE, view.positions(pose) / _POSITION_STD, one],
            axis=1,
            dtype=np.float32,
        )
        distance_term = -(places**2).sum(axis=1, keepdims=True) / 2
        weights = query @ np.concatenate([keys, places, distance_term], axis=1, dtype=np.float32).T
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        return np.asarray(weights @ labels / weights.sum(axis=1), dtype=np.float32)

    def _search(self, image: RgbImage) -> Mask | None:
        """The piece of the whole frame that looks most like the object, by the classifier alone."""
        import cv2

        view = FeatureView.of(self._networks.backbone, image, None, self._norm)
        odds = view.over_frame(self._classifier.odds(view.keys))
        count, pieces = cv2.connectedComponents((odds > 0).astype(np.uint8))
        if count < 2:
            return None
        weight = np.bincount(pieces.ravel(), weights=np.maximum(odds, 0).ravel())
        best = (pieces == int(weight.argmax())).astype(np.uint8)
        height, width = image.shape[:2]
        full = cv2.resize(best, (width, height), interpolation=cv2.INTER_NEAREST)
        candidate = masks.from_bitmap(full.astype(np.bool_))
        if candidate is None or not 0.4 < Pose.of(candidate).size / self._size < 2.5:
            return None
        return candidate


def _odds(probability: FloatMap) -> FloatMap:
    return np.log((probability + 0.01) / (1.01 - probability))


def _sigmoid(odds: FloatMap) -> FloatMap:
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)
