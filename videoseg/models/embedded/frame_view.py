"""A frame as the embedded model's networks see it, each of which is loaded when first asked."""

from __future__ import annotations

import functools

from videoseg.models.embedded.features import Backbone, fitted_size
from videoseg.models.embedded.grounding.detector import Detector
from videoseg.models.embedded.grounding.evidence import OUTPUTS, Maps, averaged
from videoseg.models.embedded.grounding.frame_objects import FrameBox, FrameObjects
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.types import Mask, RgbImage

_DETAIL = 0.8
"""Frames are looked at with this share of their own resolution: compressed video holds no more."""
_MIN_SIDE = 320
"""The network sees no frame at a shorter longer side than this, pixels."""
_FAR_SIDE = 320
"""Longer side of the frame for a second look from further away, pixels."""
_CLOSER = (0.1, 0.6)
"""Boxes of these shares of the frame are looked at more closely; what stands out is left alone,
which would cost more than all else for 0.007 on training photographs."""
_STRIDE = 8
"""Side of the cells in which things are compared, in the network's pixels."""


class Networks:
    """The model's networks; each is loaded when it is first asked for."""

    def __init__(self, threads: int, long_side: int) -> None:
        """Remember how many threads they may use, and the longest side of a frame, pixels."""
        self.threads, self.long_side = threads, long_side

    @functools.cached_property
    def backbone(self) -> Backbone:
        """The network for phrases."""
        return Backbone(self.threads, self.long_side)

    @functools.cached_property
    def promptable(self) -> PromptableSegmenter:
        """The network for prompts of one object."""
        return PromptableSegmenter(self.threads)

    @functools.cached_property
    def detector(self) -> Detector:
        """The network for boxes of the things that people name most."""
        return Detector(self.threads)


class FrameView:
    """One frame; no network looks at it before it is asked to, and none twice for the same."""

    def __init__(self, networks: Networks, image: RgbImage) -> None:
        """Take uint8 (H, W, 3)."""
        self._networks, self._image = networks, image
        self._side = near_side(image, networks.long_side)

    def near(self) -> Maps:
        """The maps for phrases at their usual size."""
        return self._near

    def both(self) -> Maps:
        """Maps of two sizes averaged: a thing that fills the frame is better known from afar."""
        return self._both

    @functools.cached_property
    def objects(self) -> FrameObjects:
        """What the detector sees."""
        height, width = fitted_size(self._image, self._side)
        grid = (height // _STRIDE, width // _STRIDE)
        networks = self._networks
        return FrameObjects(
            self._image,
            grid,
            networks.detector,
            lambda: networks.backbone,
            self._outline,
            lambda: networks.promptable.standing_out(self._image),
        )

    @functools.cached_property
    def _near(self) -> Maps:
        return self._networks.backbone.run(self._image, OUTPUTS, long_side=self._side)

    @functools.cached_property
    def _both(self) -> Maps:
        far = self._networks.backbone.run(self._image, OUTPUTS, long_side=_FAR_SIDE)
        return averaged(self._near, far)

    def _outline(self, box: FrameBox) -> Mask | None:
        height, width = self._image.shape[:2]
        prompts = ObjectPrompts(width, height, boxes=((*box, True),))
        share = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
        fine = _CLOSER[0] <= share <= _CLOSER[1]
        promptable = self._networks.promptable
        found = promptable.segment(self._image, prompts, fine=fine, second_opinion=False)
        return None if found is None else found.mask


def near_side(image: RgbImage, most: int) -> int:
    """Longer side that the network sees a frame at, pixels, at most ``most``."""
    height, width = image.shape[:2]
    return int(min(max(_MIN_SIDE, round(_DETAIL * max(height, width))), most))
