"""Steadies outlines over time: what was drawn before is moved along and blended in.

Masks are blended as signed distances to their edge: a blend of two nearby outlines is then the
outline between them. The past is moved by optical flow, then fitted to the present outline as a
whole, so that what the flow missed does not become lag. It weighs less the further it is from the
present, and the less the picture confirms its motion: jitter of a still or well followed edge is
averaged away, while an edge that really moved, a new part or a hole is taken as it is found.
Nothing outlives its object: without a mask of the present frame nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.motion import Flow
from videoseg.types import Bitmap, Box, Mask, RgbImage

Map: TypeAlias = npt.NDArray[np.float32]
"""float32 (h, w)."""
Bytes: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (h, w)."""

BAND = 10
"""Distances are known up to this far from an edge, and outlines further apart are not blended,
pixels."""
MEMORY = 8.0
"""Frames that the past is worth at full strength, where it agrees."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How a frame came from the one before it, and how far that is to be believed.

    Attributes:
        flow: The motion.
        evidence: float32 (h, w, 3) of the flow's size: where each of its pixels was in the previous
            one, x and y in the flow's own pixels, and trust: 1 = fully, 0 = not at all.
    """

    flow: Flow
    evidence: Map


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Signed distance to an object's edge on a grid over a window of the frame: positive inside.

    Attributes:
        box: The window.
        values: float32 (rows, columns), pixels, at most ``BAND`` either way; outside the window it
            is ``-BAND``. The window is split evenly; where it is as many pixels, cells are pixels.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
    """

    box: Box
    values: Map
    frame_width: int
    frame_height: int


def field_of(mask: Mask) -> Field:
    """The field, on the frame's pixels, whose positive ones are exactly the mask's."""
    box, inside = _windowed(mask)
    return Field(box, _distances(inside, 1.0), mask.frame_width, mask.frame_height)


def mask_of(field: Field) -> Mask | None:
    """The pixels inside a field on the frame's pixels; None where there are none."""
    return _cropped(np.asarray(field.values > 0), field.box, field)


def carried(field: Field, flow: Flow | None, box: Box) -> Field:
    """A field of the previous frame on the pixels of a window of this one.

    Without a flow nothing has moved.
    """
    shape = (box[3] - box[1], box[2] - box[0])
    flow = flow or Flow(np.zeros((1, 1, 2), np.float32), field.frame_width, field.frame_height)
    came_from = _magnified(np.dstack(_origins(flow)), flow, box, shape)
    moved = _sampled(field, came_from, flow)
    return Field(box, moved, field.frame_width, field.frame_height)


def blended(before: Field, after: Field, share: float) -> Field:
    """The field ``share`` of the way from one to another, both on the same window's pixels."""
    values = (1 - share) * before.values + share * after.values
    return Field(before.box, values.astype(np.float32), before.frame_width, before.frame_height)


def begun(mask: Mask) -> Field:
    """The field that ``steadied`` goes on with, of a mask that has no past."""
    box, inside = _windowed(mask)
    return Field(box, _coarse(inside), mask.frame_width, mask.frame_height)


def steadied(
    previous: Field, motion: Motion, found: Mask, *, strength: float
) -> tuple[Mask, Field]:
    """The present mask, its edge drawn towards where the previous one has moved.

    How far the edge moves is smooth, so it is computed on a coarser grid; where it does not move,
    the mask stays exactly as it was found.

    Args:
        previous: What the frame before ended with.
        motion: Between the two frames, see ``motion_between``.
        found: The present frame's own mask.
        strength: 0 for nothing, 1 for the most.

    Returns:
        The mask, the same object if nothing changed, and the field to go on with.
    """
    import cv2

    box, inside = _windowed(found)
    present = _coarse(inside)
    cell = (box[3] - box[1]) / present.shape[0]
    evidence = _magnified(motion.evidence, motion.flow, box, present.shape)
    shift = _fitted(_sampled(previous, evidence, motion.flow), present, cell)
    shift -= present
    # Tukey's biweight: what is out of reach has no say.
    weight = np.square(np.maximum(1 - np.square(shift * np.float32(1 / BAND)), 0))
    weight *= cv2.extractChannel(evidence, 2)
    weight *= np.float32(MEMORY * strength / (1 + MEMORY * strength))
    shift *= weight
    field = Field(box, present + shift, found.frame_width, found.frame_height)
    bitmap = _moved_edge(inside, shift)
    mask = None if bitmap is None else _cropped(bitmap, box, found)
    return mask or found, field


def motion_between(flow: Flow, previous: RgbImage, current: RgbImage) -> Motion:
    """A flow, with how far the pictures confirm it.

    What the previous picture, moved, differs from the current one, over the picture's slope there,
    is how far the motion is off (the normal flow of Horn and Schunck, "Determining Optical Flow",
    1981).

    Args:
        flow: The motion.
        previous: uint8 (h, w, 3) of the flow's own size.
        current: The same of the present frame.
    """
    import cv2

    before = cv2.cvtColor(previous, cv2.COLOR_RGB2GRAY)
    now = cv2.cvtColor(current, cv2.COLOR_RGB2GRAY)
    origins = _origins(flow)
    moved = _remapped(before, *origins)
    slope = cv2.magnitude(
        cv2.Sobel(now, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(now, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    around = (_TRUST_WINDOW, _TRUST_WINDOW)
    differs = cv2.boxFilter(cv2.absdiff(moved, now), cv2.CV_32F, around)
    off = differs / (cv2.blur(slope, around) + np.float32(_FLAT))
    trust = np.exp(np.square(off) * np.float32(-1 / _TRUSTED_ERROR**2))
    return Motion(flow, _float32(cv2.merge([*origins, _float32(trust)])))


def padded(box: Box, margin: int, frame_width: int, frame_height: int) -> Box:
    """A box with a margin on every side, inside the frame."""
    x1, y1, x2, y2 = box
    return (
        max(0, x1 - margin),
        max(0, y1 - margin),
        min(frame_width, x2 + margin),
        min(frame_height, y2 + margin),
    )


_TRUST_WINDOW = 5
"""Side of the windows over which pictures are compared, pixels of the flow's field."""
_FLAT = 4.0
"""Slopes well below this, grey levels a pixel, are noise and tell nothing of motion."""
_TRUSTED_ERROR = 0.45
"""Motion that is this far off, pixels of the flow's field, is trusted 1/e as much."""
_FINE_WINDOW = 96
"""Windows with a shorter side than this, pixels, are compared pixel by pixel."""
_GRAIN = 2
"""All others in cells of this side, pixels."""
_RAMP = 7
"""Side of the squares, pixels, that tell how deep a pixel lies: up to half of it. Odd."""
_FIT_POINTS = 300
"""Edge cells that are looked at to fit one outline to another."""
_AROUND = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
"""A cell and its neighbours, x and y."""
_FIT_LEAST = 6
"""Fewest edge cells that can tell an affine motion."""
_FIT_ROUNDS = 3
"""Most rounds of fitting."""
_FIT_ENOUGH = 2.0
"""A round that moves the edge by less than this, pixels, is the last."""
_FIT_SCALE = 4.0
"""An edge this far off, pixels, counts 1/e in a round of fitting."""
_FIT_PRIOR = 0.002
"""How much evidence an edge cell must give before it moves the past."""


def _windowed(mask: Mask) -> tuple[Box, Bytes]:
    """A window around a mask with room for its edge to move, and its pixels there, 0 or 1."""
    x1, y1, x2, y2 = mask.crop
    left, top, right, bottom = padded(mask.crop, BAND, mask.frame_width, mask.frame_height)
    # Windows that split evenly into cells are reduced much faster.
    right = min(mask.frame_width, right + (right - left) % _GRAIN)
    bottom = min(mask.frame_height, bottom + (bottom - top) % _GRAIN)
    box = (left, top, right, bottom)
    inside = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=np.uint8)
    inside[y1 - box[1] : y2 - box[1], x1 - box[0] : x2 - box[0]] = mask.bitmap
    return box, inside


def _cropped(bitmap: Bitmap, box: Box, frame: Field | Mask) -> Mask | None:
    """The mask of what is set in a window; None where nothing is."""
    crop = masks.from_bitmap(bitmap)
    if crop is None:
        return None
    x, y = box[0] + crop.x, box[1] + crop.y
    return Mask(x, y, frame.frame_width, frame.frame_height, crop.bitmap)


def _coarse(inside: Bytes) -> Map:
    """Signed distances in a window, on the grid that its size asks for."""
    import cv2

    height, width = inside.shape
    if min(height, width) < _FINE_WINDOW:
        return _distances(inside, 1.0)
    size = (-(-width // _GRAIN), -(-height // _GRAIN))
    shares = cv2.resize(inside * np.uint8(2), size, interpolation=cv2.INTER_AREA)
    return _distances(np.minimum(shares, 1, dtype=np.uint8), height / size[1])


def _distances(inside: Bytes, cell: float) -> Map:
    """Signed distance to the edge between 0 and 1, pixels; cells are ``cell`` pixels wide.

    The nearest inner cell of a cell outside lies on the rim; the nearest outer one of a cell inside
    is one further than the rim. Either is half a cell beyond the edge between them. The frame's
    border is no edge.
    """
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rim = inside - np.asarray(cv2.erode(inside, cross), dtype=np.uint8)
    distance = _float32(cv2.distanceTransform(1 - rim, cv2.DIST_L2, 5))
    np.minimum(distance, BAND, out=distance)
    distance = np.where(inside, distance, -distance)
    distance += np.float32(0.5)
    distance *= np.float32(cell)
    return np.clip(distance, -BAND, BAND, out=distance)


def _moved_edge(inside: Bytes, shift: Map) -> Bitmap | None:
    """The pixels of a window with their edge moved outwards by ``shift`` pixels, on a coarser grid.

    How deep a pixel lies is read off the share of object in a square around it, which is a ramp
    across the edge; a pixel lies at least half a pixel deep on its own side.

    Returns:
        bool (h, w), or None where no pixel changes sides.
    """
    import cv2

    if max(shift.max(), -shift.min()) < 0.5:
        return None
    height, width = inside.shape
    # Bytes, in units of 1 / _RAMP pixel, with 128 for no shift.
    full, half_pixel = _RAMP**2, (_RAMP + 1) // 2
    steps = np.clip(np.rint(shift * np.float32(_RAMP)), -full, full) + np.float32(128)
    moves = cv2.resize(steps.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.boxFilter(
        inside, cv2.CV_8U, (_RAMP, _RAMP), normalize=False, borderType=cv2.BORDER_REPLICATE
    )
    now_in = np.asarray(share + moves > 128 + full // 2)
    leaves = ~now_in & (moves <= 128 - half_pixel) & (share < full) & (inside == 1)
    enters = now_in & (moves >= 128 + half_pixel) & (share > 0) & (inside == 0)
    changes = leaves | enters
    return inside.view(np.bool_) ^ changes if changes.any() else None


def _fitted(past: Map, present: Map, cell: float) -> Map:
    """A distance map moved, turned and scaled as a whole (affinely) on to another one.

    Least squares over points of the present edge: there the past map, read ``u(p)`` further on,
    ought to be zero. Repeated while it moves much (Gauss-Newton). An affine motion has too few
    degrees of freedom to follow jitter.

    Args:
        past: float32 (h, w), pixels.
        present: float32 (h, w), pixels.
        cell: Pixels per cell of the two.
    """
    import cv2

    height, width = present.shape
    places = np.flatnonzero(np.abs(present[1:-1, 1:-1]) < max(cell, 2))
    rows, columns = np.divmod(places[:: max(1, len(places) // _FIT_POINTS)], max(1, width - 2))
    edge = _Edge.of(present, rows + 1, columns + 1, cell)
    to_past = np.eye(3)
    for _ in range(_FIT_ROUNDS):
        step, moves = edge.step(past, to_past)
        to_past = to_past @ step
        if moves < _FIT_ENOUGH:
            break
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (width, height)
    return _float32(cv2.warpAffine(past, to_past[:2], size, None, how, cv2.BORDER_CONSTANT, -BAND))


@dataclass(frozen=True, slots=True, eq=False)
class _Edge:
    """Points along the edge of a distance map.

    Attributes:
        values: float32 (P,), the map there, pixels.
        around: float32 (P, 5, 2), x and y of each point and of the cells right, left, below and
            above it.
        terms: float64 (6, P), what an affine motion moves a point by for each of its parameters,
            where positions run from -1 to 1: x, y, 1 across and the same down.
        to_terms: float64 (3, 3), from cells to those positions.
        prior: How much evidence it takes to move anything.
    """

    values: Map
    around: Map
    terms: npt.NDArray[np.float64]
    to_terms: npt.NDArray[np.float64]
    prior: float

    @classmethod
    def of(
        cls,
        present: Map,
        rows: npt.NDArray[np.intp],
        columns: npt.NDArray[np.intp],
        cell: float,
    ) -> _Edge:
        height, width = present.shape
        unit = max(height, width) / 2
        to_terms = np.array(
            [
                [1 / unit, 0, (1 - width) / 2 / unit],
                [0, 1 / unit, (1 - height) / 2 / unit],
                [0, 0, 1],
            ]
        )
        places = np.stack([columns, rows], axis=1)
        positions = to_terms[:2, :2] @ places.T + to_terms[:2, 2:]
        terms = np.ones((6, len(rows)))
        terms[0:2] = terms[3:5] = positions
        around = _float32(places[:, None] + _AROUND)
        return cls(present[rows, columns], around, terms, to_terms, _FIT_PRIOR * cell**2)

    def step(
        self, past: Map, to_past: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], float]:
        """The affine map (3, 3), in cells, that brings a past map nearer once it is moved.

        Returns:
            The map from the present place to the past one, before ``to_past``, and how far it
            moves the edge, pixels.
        """
        import cv2

        if len(self.values) < _FIT_LEAST:
            return np.eye(3), 0.0
        read = _remapped(past, _float32(cv2.transform(self.around, to_past[:2])), outside=-BAND)
        apart = read[:, 0] - self.values
        terms = self.terms.copy()
        terms[:3] *= (read[:, 1] - read[:, 2]) / 2
        terms[3:] *= (read[:, 3] - read[:, 4]) / 2
        weight = np.exp(-np.square(apart / _FIT_SCALE)) * (np.abs(read[:, 0]) < BAND - 1)
        if np.count_nonzero(weight) < _FIT_LEAST:
            return np.eye(3), 0.0
        weighted = terms * weight
        normal = weighted @ terms.T
        normal[np.diag_indices(6)] += self.prior * np.count_nonzero(weight)
        found = np.linalg.solve(normal, weighted @ -apart)
        step = np.eye(3)
        step[:2] += found.reshape(2, 3) @ self.to_terms
        moves = float(np.sqrt(np.mean(np.square(found @ terms))))
        return step, moves


def _origins(flow: Flow) -> tuple[Map, Map]:
    """Where each pixel of a flow was in the previous frame: x, and y, in the flow's own pixels."""
    height, width = flow.backward.shape[:2]
    x = flow.backward[..., 0] + np.arange(width, dtype=np.float32)
    y = flow.backward[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return _float32(x), _float32(y)


def _sampled(field: Field, came_from: Map, flow: Flow) -> Map:
    """A field's values at places given in the flow's own pixels, (h, w, 2 or more): x and y first.

    Beyond the field's window they are ``-BAND``.
    """
    import cv2

    rows, columns = field.values.shape
    x1, y1, x2, y2 = field.box
    to_x, to_y = columns / (x2 - x1), rows / (y2 - y1)
    # As many channels out as in: OpenCV is ten times as fast then.
    to_cells = np.eye(came_from.shape[2], came_from.shape[2] + 1)
    to_cells[0, 0], to_cells[1, 1] = flow.scale_x * to_x, flow.scale_y * to_y
    to_cells[0, -1] = (0.5 * flow.scale_x - x1) * to_x - 0.5
    to_cells[1, -1] = (0.5 * flow.scale_y - y1) * to_y - 0.5
    x, y, *_ = cv2.split(cv2.transform(came_from, to_cells))
    return _float32(_remapped(field.values, _float32(x), _float32(y), outside=-BAND))


def _remapped(
    values: npt.NDArray[Any], x: Map, y: Map | None = None, *, outside: float | None = None
) -> npt.NDArray[Any]:
    """Values at the places ``x, y``, or at ``x`` of two channels.

    Beyond the border they are ``outside``, or as at the border.
    """
    import cv2

    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    second: Any = y  # OpenCV's stubs do not know that a map of two channels needs no second one
    return np.asarray(cv2.remap(values, x, second, cv2.INTER_LINEAR, None, border, outside or 0.0))


def _float32(values: npt.NDArray[Any]) -> Map:
    """The same array; OpenCV's own types leave its kind open."""
    return np.asarray(values, dtype=np.float32)


def _magnified(values: Map, flow: Flow, box: Box, shape: tuple[int, ...]) -> Map:
    """A map of the flow's size in a window of the frame, on a grid of (rows, columns)."""
    import cv2

    rows, columns = shape
    # Centres of the grid's cells in the flow's own pixels.
    step_x = (box[2] - box[0]) / columns / flow.scale_x
    step_y = (box[3] - box[1]) / rows / flow.scale_y
    to_flow = np.array(
        [
            [step_x, 0, step_x / 2 + box[0] / flow.scale_x - 0.5],
            [0, step_y, step_y / 2 + box[1] / flow.scale_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (columns, rows)
    return _float32(cv2.warpAffine(values, to_flow, size, None, how, cv2.BORDER_REPLICATE))
