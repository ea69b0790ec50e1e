"""Finds the outline of one object from hints: evidence, clicks, boxes, an earlier mask.

The outline is the boundary of least energy: colour likelihoods and hints pull each pixel inside or
outside (as in Rother et al., "GrabCut", SIGGRAPH 2004), and the boundary is cheap where the image
has an edge. The energy is minimised by a continuous cut (``cut.py``) on a crop around the hints,
and colour models and boundary are estimated in turn. A guided filter then moves the boundary to
the edges of the full-size image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.models.embedded.cut import cut
from videoseg.types import Box, Mask, RgbImage

FloatMap = npt.NDArray[np.float32]
PointHint = tuple[float, float, bool]
BoxHint = tuple[float, float, float, float, bool]

_LONG_SIDE = 224
"""Longest side of the crop that the boundary is sought on, pixels."""
_ROUNDS = 3
"""Times that colour models and boundary are estimated in turn."""
_SURE = 8.0
"""Log odds of a pixel whose side a hint settles."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """An object's pixels and the confidence in its outline, in [0, 1]."""

    mask: Mask
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class _Hints:
    """All hints about one object, in frame pixels; ``evidence`` covers the whole frame."""

    width: int
    height: int
    evidence: FloatMap | None
    points: Sequence[PointHint]
    boxes: Sequence[BoxHint]
    prior: Mask | None

    def inside(self) -> list[BoxHint]:
        """The boxes that hold the object."""
        return [box for box in self.boxes if box[4]]


def outline(
    image: RgbImage,
    *,
    evidence: npt.NDArray[np.float32] | None = None,
    points: Sequence[PointHint] = (),
    boxes: Sequence[BoxHint] = (),
    prior: Mask | None = None,
) -> Outlined | None:
    """Outline the one object that the hints mean; None where they leave nothing.

    Args:
        image: uint8 (H, W, 3).
        evidence: Log odds, float32 (h, w) of any size over the whole frame, positive = object.
        points: ``(x, y, positive)``; positive ones lie inside the outline, others outside.
        boxes: ``(x1, y1, x2, y2, positive)``; the outline stays in the positive ones (together)
            and out of the others.
        prior: The object as found elsewhere, on the frame before for one.

    Raises:
        ValueError: There is no hint at all.
    """
    height, width = image.shape[:2]
    hints = _Hints(width, height, evidence, points, boxes, prior)
    crop = _window(hints)
    if crop is None:
        return None
    work = _Work.of(image, crop)
    pull, settled = _pulls(hints, work)
    if not (pull > 0).any():
        return None
    inside = _solve(work, pull, settled)
    return _finish(image, work, inside, settled, hints)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """The crop of the frame that is worked on, at working size."""

    crop: Box
    lab: FloatMap
    scale_x: float
    scale_y: float

    @classmethod
    def of(cls, image: RgbImage, crop: Box) -> _Work:
        import cv2

        x1, y1, x2, y2 = crop
        scale = min(1.0, _LONG_SIDE / max(x2 - x1, y2 - y1))
        size = (max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale)))
        small = cv2.resize(image[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab).astype(np.float32)
        return cls(crop, lab, size[0] / (x2 - x1), size[1] / (y2 - y1))

    @property
    def width(self) -> int:
        return int(self.lab.shape[1])

    @property
    def height(self) -> int:
        return int(self.lab.shape[0])

    def x(self, frame_x: float) -> float:
        """A frame coordinate in working pixels."""
        return (frame_x - self.crop[0]) * self.scale_x

    def y(self, frame_y: float) -> float:
        return (frame_y - self.crop[1]) * self.scale_y


def _window(hints: _Hints) -> Box | None:
    """The part of the frame in which the object and some of its surroundings lie."""
    clicks = [(x, y, x, y) for x, y, positive in hints.points if positive]
    spans = [box[:4] for box in hints.inside()]
    if not spans and hints.prior is not None:
        left, top, right, bottom = hints.prior.crop
        spans = [(float(left), float(top), float(right), float(bottom)), *clicks]
    elif not spans and hints.evidence is not None:
        span = _evidence_span(hints.evidence, hints)
        if span is None:
            return (0, 0, hints.width, hints.height) if clicks else None
        spans = [span, *clicks]
    elif not spans:
        if not clicks:
            raise ValueError("an outline needs evidence, a positive point or box, or a prior mask")
        return (0, 0, hints.width, hints.height)
    x1, y1 = min(span[0] for span in spans), min(span[1] for span in spans)
    x2, y2 = max(span[2] for span in spans), max(span[3] for span in spans)
    margin = 0.2 * max(x2 - x1, y2 - y1) + 8
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(hints.width, int(x2 + margin) + 1), min(hints.height, int(y2 + margin) + 1)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _evidence_span(evidence: FloatMap, hints: _Hints) -> tuple[float, float, float, float] | None:
    """The box around all that speaks for the object, in frame pixels."""
    found = evidence > 0
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not len(rows):
        return None
    step_x, step_y = hints.width / found.shape[1], hints.height / found.shape[0]
    left, right = columns[0] * step_x, (columns[-1] + 1) * step_x
    return (float(left), float(rows[0] * step_y), float(right), float((rows[-1] + 1) * step_y))


def _pulls(hints: _Hints, work: _Work) -> tuple[FloatMap, FloatMap]:
    """Log odds of each working pixel from the hints alone, and those that are settled (else 0)."""
    shape = (work.height, work.width)
    pull = np.zeros(shape, dtype=np.float32)
    settled = np.zeros(shape, dtype=np.float32)
    x = np.arange(work.width, dtype=np.float32) + 0.5
    y = np.arange(work.height, dtype=np.float32)[:, None] + 0.5
    positive = hints.inside()
    if positive:
        best = np.full(shape, -_SURE, dtype=np.float32)
        for box in positive:
            x1, y1, x2, y2 = work.x(box[0]), work.y(box[1]), work.x(box[2]), work.y(box[3])
            across = (2 * x - x1 - x2) / max(x2 - x1, 1.0)
            down = (2 * y - y1 - y2) / max(y2 - y1, 1.0)
            within = (np.abs(across) <= 1 + 2 / (x2 - x1)) & (np.abs(down) <= 1 + 2 / (y2 - y1))
            here = np.where(within, 0.96 - 1.2 * (across**2 + down**2), -_SURE)
            best = np.maximum(best, here.astype(np.float32))
        pull += best
        settled[best <= -_SURE] = -1
    if hints.prior is not None:
        # Where evidence says what, an earlier mask only says where.
        pull += (1.0 if hints.evidence is None else 0.1) * _prior_pull(hints.prior, work)
    if hints.evidence is not None:
        pull += _evidence_pull(hints, work)
    if not positive and hints.prior is None and hints.evidence is None:
        reach = 0.25 * max(shape)
        near = [(work.x(px), work.y(py)) for px, py, good in hints.points if good]
        distance = np.min([np.hypot(x - px, y - py) for px, py in near], axis=0)
        pull += (1.5 - 3.0 * distance / reach).astype(np.float32)
    for x1, y1, x2, y2, good in hints.boxes:
        if not good:
            columns = (x > work.x(x1)) & (x < work.x(x2))
            settled[columns & (y > work.y(y1)) & (y < work.y(y2))] = -1
    radius = max(1.5, 0.012 * max(shape))
    for px, py, good in hints.points:
        disc = (x - work.x(px)) ** 2 + (y - work.y(py)) ** 2 <= radius**2
        settled[disc] = 1 if good else -1
    pull[settled > 0] = _SURE
    pull[settled < 0] = -_SURE
    return pull, settled


def _prior_pull(prior: Mask, work: _Work) -> FloatMap:
    """Log odds that fall with the distance from an earlier mask's boundary."""
    import cv2

    x1, y1, x2, y2 = work.crop
    full = np.zeros((y2 - y1, x2 - x1), dtype=np.uint8)
    left, top = max(prior.x, x1), max(prior.y, y1)
    right, bottom = min(prior.crop[2], x2), min(prior.crop[3], y2)
    if left < right and top < bottom:
        piece = prior.bitmap[top - prior.y : bottom - prior.y, left - prior.x : right - prior.x]
        full[top - y1 : bottom - y1, left - x1 : right - x1] = piece
    small = cv2.resize(full * 255, (work.width, work.height), interpolation=cv2.INTER_AREA) > 127
    if not small.any():
        return np.full(small.shape, -_SURE, dtype=np.float32)
    within = cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 3)
    without = cv2.distanceTransform((~small).astype(np.uint8), cv2.DIST_L2, 3)
    softness = 0.04 * float(np.sqrt(small.sum()))
    return np.asarray(np.clip((within - without) / max(softness, 1.0), -6, 4), np.float32)


def _evidence_pull(hints: _Hints, work: _Work) -> FloatMap:
    """The crop of the evidence at working size."""
    import cv2

    evidence = hints.evidence
    assert evidence is not None  # noqa: S101
    step_x, step_y = evidence.shape[1] / hints.width, evidence.shape[0] / hints.height
    to_map = np.array(
        [
            [step_x / work.scale_x, 0, (work.crop[0] + 0.5 / work.scale_x) * step_x - 0.5],
            [0, step_y / work.scale_y, (work.crop[1] + 0.5 / work.scale_y) * step_y - 0.5],
        ]
    )
    moved = cv2.warpAffine(
        evidence.astype(np.float32),
        to_map,
        (work.width, work.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.clip(moved, -6, 6).astype(np.float32)


def _solve(work: _Work, pull: FloatMap, settled: FloatMap) -> FloatMap:
    """Membership in [0, 1] at working size: colour models and boundary, found in turn."""
    inside = (1 / (1 + np.exp(-pull))).astype(np.float32)
    bins = _colour_bins(work.lab)
    for _ in range(_ROUNDS):
        colour = _colour_odds(bins, inside)
        inside = cut(work.lab, np.where(settled == 0, pull + colour, pull), start=inside)
    return inside


def _colour_bins(lab: FloatMap) -> npt.NDArray[np.int64]:
    """Index of each pixel's cell in a 16 x 16 x 16 Lab histogram."""
    cells = (lab * np.array([16 / 256, 24 / 256, 24 / 256]) - np.array([0, 4, 4])).astype(np.int64)
    cells = np.clip(cells, 0, 15)
    return np.asarray((cells[..., 0] * 16 + cells[..., 1]) * 16 + cells[..., 2])


def _colour_odds(bins: npt.NDArray[np.int64], inside: FloatMap) -> FloatMap:
    """Log likelihood ratio of each pixel's colour inside and outside."""
    from scipy import ndimage

    likelihoods = []
    for weight in (inside, 1 - inside):
        counts = np.bincount(bins.ravel(), weights=weight.ravel(), minlength=16**3)
        smooth = ndimage.gaussian_filter(counts.reshape(16, 16, 16), 0.8, mode="nearest")
        total = max(float(smooth.sum()), 1.0)
        likelihoods.append((smooth / total).ravel() + 1e-4)
    ratio = np.log(likelihoods[0] / likelihoods[1])
    return np.asarray(np.clip(ratio, -4, 4)[bins], dtype=np.float32)


def _finish(
    image: RgbImage, work: _Work, inside: FloatMap, settled: FloatMap, hints: _Hints
) -> Outlined | None:
    """Snap to the full-size image, keep what belongs, and crop."""
    import cv2

    x1, y1, x2, y2 = work.crop
    full = _guided_upsample(image[y1:y2, x1:x2], inside)
    bitmap = full > 0.5
    fixed = cv2.resize(settled, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    bitmap[fixed > 0] = True
    bitmap[fixed < 0] = False
    bitmap = _tidy(bitmap, fixed > 0)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    found = np.ascontiguousarray(bitmap[top : rows[-1] + 1, left : columns[-1] + 1])
    sure = np.abs(2 * full[bitmap] - 1)
    mask = Mask(x1 + left, y1 + top, hints.width, hints.height, found)
    return Outlined(mask, float(np.clip(sure.mean(), 0, 1)))


def _guided_upsample(image: RgbImage, inside: FloatMap) -> FloatMap:
    """Membership at full size, its boundary following the image.

    A guided filter (He, Sun and Tang, "Guided Image Filtering", PAMI 2013) whose coefficients are
    found at working size ("Fast Guided Filter", 2015).
    """
    import cv2

    size = (inside.shape[1], inside.shape[0])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    window = (5, 5)
    mean_guide, mean_value = cv2.blur(small, window), cv2.blur(inside, window)
    variance = cv2.blur(small * small, window) - mean_guide**2
    slope = (cv2.blur(small * inside, window) - mean_guide * mean_value) / (variance + 1e-3)
    offset = mean_value - slope * mean_guide
    full = (grey.shape[1], grey.shape[0])
    slope = cv2.resize(cv2.blur(slope, window), full, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(cv2.blur(offset, window), full, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(slope * grey + offset, 0, 1), dtype=np.float32)


def _tidy(bitmap: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Drop small islands and fill small holes; with clicks, keep only pieces that hold one."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(bitmap.astype(np.uint8))
    if count < 2:
        return bitmap
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= 0.1 * areas.max()
    keep[0] = False
    clicked = np.unique(labels[wanted & bitmap])
    if len(clicked):
        keep[:] = False
        keep[clicked] = True
    kept = keep[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < 0.01 * kept.sum()
    small[0] = False
    return np.asarray(kept | small[labels])
