"""Follows objects through a video: a memory of how each looked, first and lately.

Two witnesses say which cells of a new frame belong to an object. *Label propagation*: each cell
takes the label of remembered cells with similar features and a similar place in the object (Jabri
et al., "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020; here on supervised
ImageNet features). A *linear classifier* of object and surroundings, learned from the same cells by
ridge regression, knows no places and so does not drift (after Robinson et al., "Learning Fast and
Robust Target Models for Video Object Segmentation", CVPR 2020). What moves with the background
speaks against both (``background_motion.py``). What was given is heard twice, alone and together
with what was found lately, where mistakes speak for themselves. ``promptable/segmenter.py`` makes a
mask of their evidence and of the last mask, warped along the optical flow. An object that has
become too small is searched anew about the part that is left; one that is lost, about the place
where it was, then on the whole frame (``remembered_object.py``). For an object that was found where
it was expected the witnesses are heard on every second frame alone; on the others what they said is
carried along the flow, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import Backbone, Provider
from videoseg.models.embedded.memory.evidence_maps import carried
from videoseg.models.embedded.memory.feature_view import NETWORK_SIDE
from videoseg.models.embedded.memory.remembered_object import MemoryNetworks, RememberedObject
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.motion.flow import Flow, GreyImage, flow_of_greys, grey_of
from videoseg.types import Detections, Frame, Instance, Prompt, RgbImage
from videoseg.types.snapshot import Snapshot, joined, parted

_FLOW_SIDE = 320
"""Longest side of the pictures that flow is found on, pixels."""


@dataclass
class Memory:
    """A ``VideoSegmenter``: remembers the objects of one stream and finds them on each frame.

    Attributes:
        threads: CPU threads of the network; 0 = one per core.
        provider: What runs the networks.
    """

    threads: int = 0
    provider: Provider = "onnxruntime"
    _networks: MemoryNetworks | None = field(init=False, repr=False, default=None)
    _last: Frame | None = field(init=False, repr=False, default=None)
    _grey: tuple[Frame, GreyImage] | None = field(init=False, repr=False, default=None)
    _objects: dict[tuple[int, int | None], RememberedObject] = field(
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
        flow, change = self._motion(frame) if self._objects.keys() - given else (None, None)
        for key, known in self._objects.items():
            if key not in given:
                found = known.step(frame.image, flow, change)
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
            known.lose_place()

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
            _key(name): RememberedObject.restored(self._loaded(), part)
            for name, part in parted(state).items()
        }

    def _loaded(self) -> MemoryNetworks:
        if self._networks is None:
            backbone = Backbone(
                self.threads, NETWORK_SIDE, only_features=True, provider=self.provider
            )
            segmenter = PromptableSegmenter(self.threads, self.provider)
            self._networks = MemoryNetworks(backbone, segmenter)
        return self._networks

    def _motion(self, frame: Frame) -> tuple[Flow, FloatMap] | tuple[None, None]:
        """The motion since the last frame, and how far what moved so looks otherwise now."""
        if self._last is None or self._last.image.shape != frame.image.shape:
            return None, None
        before, now = self._grey_of(self._last), grey_of(frame.image, _FLOW_SIDE)
        self._grey = (frame, now)
        flow = flow_of_greys(before, now, frame_width=frame.width, frame_height=frame.height)
        return flow, np.abs(carried(before.astype(np.float32), flow) - now)

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
        self._objects[key] = RememberedObject.seen(self._loaded(), image, instance.mask)


def _name(key: tuple[int, int | None]) -> str:
    """A key as a name without a slash."""
    return f"{key[0]}:{'' if key[1] is None else key[1]}"


def _key(name: str) -> tuple[int, int | None]:
    prompt, _, object_id = name.partition(":")
    return int(prompt), int(object_id) if object_id else None
