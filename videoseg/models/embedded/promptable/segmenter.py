"""The promptable network: prompts about one object in, its mask and how good it is out.

``training/promptable.py`` has the network and its sources. It sees a crop around the object at one
size, so that small objects keep their resolution. Where a click says nothing of the size, the
whole frame and closer crops around the click compete. What was found is then shown to it once more
with the prompts, which mends much of what it missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.detected_box import DetectedBox
from videoseg.models.embedded.features import CELL, Provider, session
from videoseg.models.embedded.promptable.click_choice import (
    Extent,
    holding,
    likeliest,
    nested,
    salient_match,
)
from videoseg.models.embedded.promptable.crops import Crop
from videoseg.models.embedded.promptable.prompt_maps import CROP_SCALE, MAX_ODDS, ObjectPrompts
from videoseg.models.embedded.promptable.salience import Salience, SalientThing
from videoseg.models.embedded.promptable.scribbles import cut_by_scribbles
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.types import Box, Mask, RgbImage

if TYPE_CHECKING:
    import onnxruntime


_CROP_SIDE = 256
"""The crop's side as the network sees it, pixels."""
_FINE_SIDE = 384
"""The same for the second look at what is at least as large: it knows the object by then."""
_ZOOM_SHARES = (0.7, 0.5, 0.35, 0.25)
"""Sides of the crops around clicks that stand alone, in longer sides of the frame."""
_MAX_CORRECTIONS = 8
"""More clicks than this are a scribble, which is seen as a whole."""
_MIN_ISLAND = 0.1
"""Pieces smaller than this part of the largest are noise."""
_MAX_PINHOLE = 0.004
"""Holes smaller than this part of the object are reflections and the like."""

Part: TypeAlias = tuple[slice, slice]
"""Rows and columns of a crop."""
_WHOLE: Part = (slice(None), slice(None))


class PromptableSegmenter:
    """The network on the CPU, loaded once."""

    def __init__(self, threads: int = 0, provider: Provider = "onnxruntime") -> None:
        """Load the network.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them, or OpenVINO
                is not installed.
        """
        self._session: onnxruntime.InferenceSession = session("outliner.onnx", threads, provider)
        self._salience = Salience(threads)

    def segment(
        self,
        image: RgbImage,
        prompts: ObjectPrompts,
        *,
        fine: bool = True,
        second_opinion: bool = True,
        sure: float = 2.0,
        trim: bool = False,
        extent: Extent | None = None,
        things: Sequence[DetectedBox] = (),
    ) -> ScoredMask | None:
        """Segment the one object that the prompts mean; None where they leave nothing.

        Args:
            image: uint8 (H, W, 3).
            prompts: What is known of the object.
            fine: Look at large objects more closely the second time.
            second_opinion: Then look also at what stands out, for several times the work, unless
                there is evidence.
            sure: IoU of what was found with the earlier mask of the prompts from which there is no
                second look; above 1 = there always is one, 0 = there is none.
            trim: Leave out what lies further off the earlier mask, to any side, than the crop
                reaches beyond its longer sides: less work for what is long and thin.
            extent: Of what clicks may mean, something smaller or larger than what they most
                likely do, if there is such a thing; None = that itself.
            things: What the detector sees: clicks mostly mean the whole of a thing.

        Raises:
            ValueError: There is no prompt at all.
        """
        if prompts.window() is None:
            return None
        first = (
            self._predict_click_by_click(image, prompts, extent, things)
            if prompts.only_clicked
            else self._predict_around(image, prompts, trim=trim)
        )
        if first is None:
            return None
        if prompts.prior is not None and masks.iou(first.mask, prompts.prior) >= sure:
            return first
        again = prompts.given(first.mask)
        found = (
            self._predict_around(
                image, again, fine=fine, second_opinion=fine and second_opinion, trim=trim
            )
            or first
        )
        bitmap = cut_by_scribbles(image, prompts, found.mask)
        if bitmap is None:
            return found
        return (
            _constrained(bitmap, (0, 0, prompts.width, prompts.height), found.score, prompts)
            or found
        )

    def look_ahead(self, image: RgbImage) -> None:
        """Find what stands out on a frame, which every click on it asks for."""
        self._salience.pieces(image)

    def standing_out(self, image: RgbImage) -> list[SalientThing]:
        """Whole things that stand out on a frame, whatever was asked."""
        return self._salience.things(image)

    def _predict_around(
        self,
        image: RgbImage,
        prompts: ObjectPrompts,
        *,
        fine: bool = False,
        second_opinion: bool = False,
        trim: bool = False,
    ) -> ScoredMask | None:
        """The answer to all prompts, seen around the object."""
        crop = prompts.window()
        assert crop is not None  # noqa: S101 - the caller has looked
        side = _FINE_SIDE if fine and crop.side >= _FINE_SIDE else _CROP_SIDE
        part = _trimmed(crop, prompts.prior, side) if trim and prompts.prior else _WHOLE
        logits, quality = self._run(image, prompts, [crop], side, part)
        box = crop.in_frame(prompts.width, prompts.height)
        if box is None:
            return None
        odds = crop.to_frame(logits[0, 0], box)
        # Evidence says itself how far the object goes.
        if second_opinion and prompts.evidence is None:
            span = _span(odds, box, prompts)
            if span is not None:
                odds = self._salience.fused(image, odds, box, span)
        return _constrained(odds > 0, box, float(quality[0, 0]), prompts)

    def _predict_click_by_click(
        self,
        image: RgbImage,
        prompts: ObjectPrompts,
        extent: Extent | None,
        things: Sequence[DetectedBox],
    ) -> ScoredMask | None:
        """The answer to clicks alone, each of which corrects what those before it have given."""
        clicks = prompts.from_first_positive()
        if extent is not None or not 1 < len(clicks) <= _MAX_CORRECTIONS:
            return self._predict_from_clicks(image, prompts, extent, things)
        found = self._predict_from_clicks(image, replace(prompts, points=clicks[:1]), None, things)
        for count in range(2, len(clicks) + 1):
            if found is None:
                return None
            so_far = replace(prompts, points=clicks[:count], prior=found.mask)
            found = self._predict_around(image, so_far) or found
        return found

    def _predict_from_clicks(
        self,
        image: RgbImage,
        prompts: ObjectPrompts,
        extent: Extent | None,
        things: Sequence[DetectedBox],
    ) -> ScoredMask | None:
        """The answer to clicks alone that the others agree with most, over all crops."""
        seen = self.click_candidates(image, prompts)
        whole = self._salience.salient_object(image, prompts.clicks)
        salient = None if whole is None else salient_match(seen, whole)
        meant = salient or likeliest(seen, holding(things, prompts.clicks))
        if meant is None or extent is None:
            return meant
        return likeliest(nested(seen, meant, extent))

    def click_candidates(self, image: RgbImage, prompts: ObjectPrompts) -> list[ScoredMask]:
        """All that clicks may mean: the network's answers over the whole frame and closer crops."""
        crops = _click_crops(prompts)
        logits, quality = self._run(image, prompts, crops, _CROP_SIDE)
        candidates = logits.shape[1] if len(prompts.points) == 1 else 1
        found = [
            _frame_mask(crop, logits[row, each], float(quality[row, each]), prompts)
            for row, crop in enumerate(crops)
            for each in range(candidates)
        ]
        return [one for one in found if one is not None]

    def _run(
        self,
        image: RgbImage,
        prompts: ObjectPrompts,
        crops: list[Crop],
        side: int,
        part: Part = _WHOLE,
    ) -> tuple[FloatMap, FloatMap]:
        """Log odds (n, candidates, side / 2, side / 2) and expected IoU (n, candidates).

        Only ``part`` of the crops is looked at, and the rest is not the object.
        """
        crop_images = np.stack([crop.of_image(image, side)[part] for crop in crops])
        maps = np.stack([prompts.maps(crop, side)[:, *part] for crop in crops])
        picture = np.ascontiguousarray(crop_images.transpose(0, 3, 1, 2), dtype=np.float32)
        logits, quality = self._session.run(
            ["logits", "quality"], {"image": picture, "hints": np.ascontiguousarray(maps)}
        )
        if part != _WHOLE:
            seen = logits
            logits = np.full((*seen.shape[:2], side // 2, side // 2), -MAX_ODDS, np.float32)
            rows, columns = (slice(one.start // 2, one.stop // 2) for one in part)
            logits[:, :, rows, columns] = seen
        return logits, 1 / (1 + np.exp(-quality))


def _trimmed(crop: Crop, mask: Mask, side: int) -> Part:
    """The part of a crop, seen at ``side``, with the same margin on all sides of a mask."""
    x1, y1, x2, y2 = mask.crop
    left, top = crop.to_crop(x1, y1, side)
    right, bottom = crop.to_crop(x2, y2, side)
    margin = side * (1 - 1 / CROP_SCALE) / 2
    return _stretch(top - margin, bottom + margin, side), _stretch(
        left - margin, right + margin, side
    )


def _stretch(first: float, last: float, side: int) -> slice:
    """Pixels of a crop from ``first`` to ``last`` at least, as many as the network can take."""
    length = min(side, CELL * int(np.ceil((last - first) / CELL)))
    start = min(max(round((first + last - length) / 2), 0), side - length)
    start -= start % 2  # the answer has half of the resolution
    return slice(start, start + length)


def _click_crops(prompts: ObjectPrompts) -> list[Crop]:
    """The whole frame, and closer crops that hold all clicks."""
    whole = Crop.around((0.0, 0.0, float(prompts.width), float(prompts.height)), 1.0)
    xs, ys = [x for x, _ in prompts.clicks], [y for _, y in prompts.clicks]
    middle_x = min(max((min(xs) + max(xs)) / 2, 0.0), float(prompts.width))
    middle_y = min(max((min(ys) + max(ys)) / 2, 0.0), float(prompts.height))
    click_spread = max(max(xs) - min(xs), max(ys) - min(ys))
    crops = [whole]
    for share in _ZOOM_SHARES:
        side = whole.side * share
        if side > 1.2 * click_spread and side >= _CROP_SIDE / 4:
            crops.append(Crop(middle_x - side / 2, middle_y - side / 2, side))
    return crops


def _span(odds: FloatMap, box: Box, prompts: ObjectPrompts) -> Box | None:
    """The box around an object in a part of the frame: the one that is given, or its mask's."""
    if prompts.inside:
        corners = np.array([each[:4] for each in prompts.inside])
        (x1, y1), (x2, y2) = np.floor(corners.min(axis=0)[:2]), np.ceil(corners.max(axis=0)[2:])
        return masks.overlap((int(x1), int(y1), int(x2), int(y2)), box)
    found = masks.from_bitmap(odds > 0)
    if found is None:
        return None
    left, top, right, bottom = found.crop
    return box[0] + left, box[1] + top, box[0] + right, box[1] + bottom


def _frame_mask(
    crop: Crop, logits: FloatMap, score: float, prompts: ObjectPrompts
) -> ScoredMask | None:
    """The mask at the frame's own size, with what the prompts say for certain."""
    box = crop.in_frame(prompts.width, prompts.height)
    if box is None:
        return None
    return _constrained(crop.to_frame(logits, box) > 0, box, score, prompts)


def _constrained(
    bitmap: npt.NDArray[np.bool_], box: Box, score: float, prompts: ObjectPrompts
) -> ScoredMask | None:
    """The mask in a part of the frame, with what the prompts say for certain, without islands."""
    clicked = _apply_prompts(bitmap, box, prompts)
    bitmap = _without_pinholes(_without_islands(bitmap, clicked), box, prompts)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    found = np.ascontiguousarray(bitmap[top : rows[-1] + 1, left : columns[-1] + 1])
    return ScoredMask(
        Mask(box[0] + left, box[1] + top, prompts.width, prompts.height, found), score
    )


def _apply_prompts(
    bitmap: npt.NDArray[np.bool_], box: Box, prompts: ObjectPrompts
) -> list[tuple[int, int]]:
    """Clear what lies in boxes that are not meant; gives row and column of each positive click."""
    x1, y1, x2, y2 = box
    for place in _denied(box, prompts):
        bitmap[place] = False
    clicked = []
    for x, y, positive in prompts.points:
        if positive and x1 <= x < x2 and y1 <= y < y2:
            clicked.append((int(y) - y1, int(x) - x1))
            bitmap[clicked[-1]] = True
    return clicked


def _without_islands(
    bitmap: npt.NDArray[np.bool_], clicked: list[tuple[int, int]]
) -> npt.NDArray[np.bool_]:
    """Drop islands that are small beside the largest piece and hold no click."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(bitmap.astype(np.uint8))
    if count < 3:
        return bitmap
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= _MIN_ISLAND * areas.max()
    keep[[labels[row, column] for row, column in clicked]] = True
    keep[0] = False
    return np.asarray(keep[labels])


def _without_pinholes(
    bitmap: npt.NDArray[np.bool_], box: Box, prompts: ObjectPrompts
) -> npt.NDArray[np.bool_]:
    """Fill holes that are tiny beside the object, unless something says that they are not it."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        (~bitmap).astype(np.uint8), connectivity=4
    )
    tiny = stats[:, cv2.CC_STAT_AREA] < _MAX_PINHOLE * np.count_nonzero(bitmap)
    tiny[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        tiny[edge] = False  # what goes on outside is no hole
    if not tiny.any():
        return bitmap
    for rows, columns in _denied(box, prompts):
        tiny[labels[rows, columns]] = False
    return np.asarray(bitmap | tiny[labels])


def _denied(box: Box, prompts: ObjectPrompts) -> Iterator[tuple[slice, slice]]:
    """Rows and columns, in a part of the frame, of clicks and boxes that are not meant."""
    clicks = [
        (int(x), int(y), int(x) + 1, int(y) + 1) for x, y, meant in prompts.points if not meant
    ]
    boxes = [
        (int(np.floor(x1)), int(np.floor(y1)), int(np.ceil(x2)), int(np.ceil(y2)))
        for x1, y1, x2, y2, meant in prompts.boxes
        if not meant
    ]
    for each in (*clicks, *boxes):
        left, top, right, bottom = np.subtract(each, (box[0], box[1], box[0], box[1])).clip(0)
        yield slice(top, bottom), slice(left, right)
