"""A close look at one object on one frame: a grid of feature cells around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import Backbone
from videoseg.types import Box, Mask, RgbImage
from videoseg.types.snapshot import Snapshot

NETWORK_SIDE = 320
"""Longer side of the crop as the network sees it, pixels."""
_MARGIN = 0.4
"""Surroundings of the object in the crop, on each side, in parts of its longer side."""
_MIN_SIDE = 32
"""Objects smaller than this many pixels get the surroundings of one of this size."""
_CENTRE = 0.5 + 3.5 / 8
"""Where in a stride-8 cell its features look from, in cells (see ``Backbone``)."""
_BIAS = 0.3
"""A constant beside the features, so that a linear classifier need not pass through the origin."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an object is and how large: its centroid and the root of its area, frame pixels."""

    x: float
    y: float
    size: float

    @classmethod
    def of(cls, mask: Mask) -> Pose:
        """The pose of a mask."""
        rows, columns = np.nonzero(mask.bitmap)
        x, y = mask.x + float(columns.mean()) + 0.5, mask.y + float(rows.mean()) + 0.5
        return cls(x, y, float(np.sqrt(len(rows))))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureNorm:
    """Mean and spread of each channel of the two feature maps on an object's first view."""

    mean: tuple[FloatMap, FloatMap]
    spread: tuple[FloatMap, FloatMap]

    @classmethod
    def of(cls, maps: tuple[FloatMap, FloatMap]) -> FeatureNorm:
        """The norm that makes these maps, each float32 (rows, columns, C), standard."""
        mean = (maps[0].mean(axis=(0, 1)), maps[1].mean(axis=(0, 1)))
        spread = (maps[0].std(axis=(0, 1)) + 1e-3, maps[1].std(axis=(0, 1)) + 1e-3)
        return cls(mean, spread)

    def snapshot(self) -> Snapshot:
        """The norm as plain arrays."""
        values = (*self.mean, *self.spread)
        return dict(zip(("mean8", "mean16", "spread8", "spread16"), values, strict=True))

    @classmethod
    def restored(cls, state: Snapshot) -> FeatureNorm:
        """The norm that ``snapshot`` was taken of."""
        return cls((state["mean8"], state["mean16"]), (state["spread8"], state["spread16"]))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureView:
    """The feature cells of one crop.

    Attributes:
        crop: The crop in the frame.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        rows: Cells down.
        columns: Cells across.
        keys: float32 (rows * columns, C): unit feature vectors, the last channel constant.
        norm: What the features were made standard with.
    """

    crop: Box
    frame_width: int
    frame_height: int
    rows: int
    columns: int
    keys: FloatMap
    norm: FeatureNorm

    @classmethod
    def of(
        cls, backbone: Backbone, image: RgbImage, near: Mask | None, norm: FeatureNorm | None = None
    ) -> FeatureView:
        """Look at the surroundings of a mask, or at the whole frame; the first view sets norms."""
        height, width = image.shape[:2]
        crop = (0, 0, width, height) if near is None else _crop_around(near)
        x1, y1, x2, y2 = crop
        maps = backbone.run(image[y1:y2, x1:x2], ("stride8", "stride16"))
        fine = np.ascontiguousarray(maps["stride8"].transpose(1, 2, 0))
        rows, columns = fine.shape[:2]
        both = (fine, _doubled(maps["stride16"].transpose(1, 2, 0)))
        norm = norm or FeatureNorm.of(both)
        units = []
        for values, mean, spread in zip(both, norm.mean, norm.spread, strict=True):
            standard = (values - mean) / spread
            length = np.linalg.norm(standard, axis=-1, keepdims=True) + 1e-6
            units.append(standard / (length * np.sqrt(2)))
        constant = np.full((rows, columns, 1), _BIAS, dtype=np.float32)
        keys = np.concatenate([*units, constant], axis=-1, dtype=np.float32)
        return cls(crop, width, height, rows, columns, keys.reshape(rows * columns, -1), norm)

    def positions(self, pose: Pose) -> FloatMap:
        """float32 (rows * columns, 2): the cells' x and y from the object, in its sizes."""
        x1, y1, x2, y2 = self.crop
        x = x1 + (np.arange(self.columns) + _CENTRE) * (x2 - x1) / self.columns
        y = y1 + (np.arange(self.rows) + _CENTRE) * (y2 - y1) / self.rows
        grid = np.stack(np.meshgrid(x - pose.x, y - pose.y), axis=-1).reshape(-1, 2)
        return (grid / pose.size).astype(np.float32)

    def labels(self, mask: Mask) -> FloatMap:
        """float32 (rows * columns,) in [0, 1]: the part of each cell that the mask covers."""
        import cv2

        x1, y1, x2, y2 = self.crop
        covered = np.zeros((y2 - y1, x2 - x1), dtype=np.float32)
        common = masks.overlap(mask.crop, self.crop)
        if common is not None:
            here = np.s_[common[1] - y1 : common[3] - y1, common[0] - x1 : common[2] - x1]
            covered[here] = masks.window(mask, common)
        across, down = (x2 - x1) / self.columns, (y2 - y1) / self.rows
        blurred = cv2.blur(covered, (max(1, round(across)), max(1, round(down))))
        to_crop = np.array([[across, 0, _CENTRE * across - 0.5], [0, down, _CENTRE * down - 0.5]])
        return _warp(np.asarray(blurred, np.float32), to_crop, self.columns, self.rows).ravel()

    def over_frame(self, cells: FloatMap, outside: float | None = None) -> FloatMap:
        """A value per cell as a float32 map over the whole frame, at a quarter of its size.

        Beyond the crop the values at its border go on, or there is the value ``outside``.
        """
        x1, y1, x2, y2 = self.crop
        across, down = (x2 - x1) / self.columns, (y2 - y1) / self.rows
        width, height = -(-self.frame_width // 4), -(-self.frame_height // 4)
        step_x, step_y = self.frame_width / width, self.frame_height / height
        to_cells = np.array(
            [
                [step_x / across, 0, (0.5 * step_x - x1) / across - _CENTRE],
                [0, step_y / down, (0.5 * step_y - y1) / down - _CENTRE],
            ]
        )
        grid = cells.reshape(self.rows, self.columns)
        return _warp(grid, to_cells, width, height, outside)


def _crop_around(mask: Mask) -> Box:
    x1, y1, x2, y2 = masks.bounding_box(mask)
    margin = _MARGIN * max(x2 - x1, y2 - y1, _MIN_SIDE)
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = int(x2 + margin) + 1, int(y2 + margin) + 1
    return (left, top, min(mask.frame_width, right), min(mask.frame_height, bottom))


def _doubled(coarse: FloatMap) -> FloatMap:
    """Stride-16 features at the centres of stride-8 cells.

    In network pixels the centres lie at ``16 j + 8`` and ``8 i + 7.5``, so every other one
    coincides, to half a pixel, and those between are halfway.
    """
    down = np.concatenate([coarse[1:], coarse[-1:]], axis=0)
    tall = np.stack([coarse, (coarse + down) / 2], axis=1).reshape(-1, *coarse.shape[1:])
    right = np.concatenate([tall[:, 1:], tall[:, -1:]], axis=1)
    wide = np.stack([tall, (tall + right) / 2], axis=2)
    return np.asarray(wide.reshape(tall.shape[0], -1, tall.shape[2]), dtype=np.float32)


def _warp(
    values: FloatMap,
    to_source: npt.NDArray[np.float64],
    width: int,
    height: int,
    outside: float | None = None,
) -> FloatMap:
    """Sample ``values`` bilinearly at ``to_source @ (x, y, 1)``; its border goes on outside."""
    import cv2

    moved = cv2.warpAffine(
        values,
        to_source,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=outside or 0.0,
    )
    return np.asarray(moved, dtype=np.float32)
