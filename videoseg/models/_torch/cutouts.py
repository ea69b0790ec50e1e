"""Mask logits of a network's own size become Masks of the frame, cut out on the device.

Only the part of the frame in which an object can lie is ever computed at full size. The formula is
bilinear interpolation as ``torch.nn.functional.interpolate(align_corners=False)`` does it: of the
logits, or of their probabilities where the model's own post-processing does so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from videoseg.models._torch.images import Placement
from videoseg.networks.device import Device
from videoseg.types import Box, Mask

if TYPE_CHECKING:
    import torch

MARGIN = 4
"""Pixels around an object that are kept with it."""
_AT_ONCE = 1 << 24
"""Pixels that are computed at once."""


def bounds(logits: torch.Tensor) -> torch.Tensor:
    """First and one past the last column and row with a positive logit, as boxes.

    Args:
        logits: (..., h, w).

    Returns:
        int64 (..., 4): x1, y1, x2, y2 in cells of the logits; x2 = 0 where none is positive.
    """
    import torch

    inside = logits > 0
    sides = []
    for axis in (-2, -1):
        line = inside.any(axis).to(torch.uint8)
        length = line.shape[-1]
        some = line.amax(-1)
        sides.append((line.argmax(-1), (length - line.flip(-1).argmax(-1)) * some))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], dim=-1)


def region(cells: Sequence[int], shape: tuple[int, int], placement: Placement) -> Box | None:
    """The part of the frame in which upsampled logits can be positive, with a margin.

    Args:
        cells: x1, y1, x2, y2 of the positive logits (``bounds``).
        shape: Height and width of the logits, which cover the whole canvas.
        placement: Where the frame lies in the canvas.

    Returns:
        None where it is empty, or lies in the padding alone.
    """
    x1, y1, x2, y2 = cells
    if x2 == 0:
        return None
    across, down = (1 / step for step in steps(shape, placement))
    box = (
        max(0, math.floor((x1 - 0.5) * across) - MARGIN),
        max(0, math.floor((y1 - 0.5) * down) - MARGIN),
        min(placement.source_width, math.ceil((x2 + 0.5) * across) + MARGIN),
        min(placement.source_height, math.ceil((y2 + 0.5) * down) + MARGIN),
    )
    return box if box[0] < box[2] and box[1] < box[3] else None


@dataclass(frozen=True, slots=True)
class Cutouts:
    """Objects cut out of frames of one size, on their way down from the device.

    Attributes:
        boxes: Where each lies in its frame.
        placement: Size of the frame.
        packed: uint8 (K, h, w / 8) bits, rows filled up to whole bytes, or float16 (K, h, w)
            logits; (h, w) is the largest of the boxes' sizes, each object at the top left.
    """

    boxes: tuple[Box, ...]
    placement: Placement
    packed: torch.Tensor

    def masks(self) -> Iterator[Mask | None]:
        """The Masks, None for one without a pixel; the tensors must have arrived."""
        for (x1, y1, x2, y2), rows in zip(self.boxes, self.packed.numpy(), strict=True):
            width, height = x2 - x1, y2 - y1
            logits: npt.NDArray[np.float16] | None = None
            if rows.dtype == np.uint8:
                bits = np.unpackbits(rows[:height], axis=1, count=width)
                bitmap = bits.astype(np.bool_)
            else:
                logits = np.ascontiguousarray(rows[:height, :width])
                bitmap = logits > 0
            size = (self.placement.source_width, self.placement.source_height)
            yield Mask(x1, y1, *size, bitmap, logits) if bitmap.any() else None


def cut_out(
    logits: torch.Tensor,
    boxes: Sequence[Box],
    placement: Placement,
    device: Device,
    *,
    soft: bool,
    keep_logits: bool,
    fetch: Callable[[torch.Tensor], torch.Tensor],
) -> Iterator[Cutouts]:
    """Cut objects out of frames of one size.

    Args:
        logits: (K, h, w) of the K objects, over the whole canvas.
        boxes: K parts of the frame to compute (``region``).
        placement: Where the frame lies in the canvas.
        device: Where to compute.
        soft: Interpolate probabilities instead of logits.
        keep_logits: Keep logits of every pixel, not only which are positive.
        fetch: Brings a tensor to this machine; it may arrive later.
    """
    start = 0
    while start < len(boxes):
        stop, width, height = _chunk(boxes, start)
        some = boxes[start:stop]
        values = _upsampled(logits[start:stop], some, width, height, placement, device, soft=soft)
        packed = values if keep_logits else _packed(values)
        yield Cutouts(tuple(some), placement, fetch(packed))
        start = stop


def _chunk(boxes: Sequence[Box], start: int) -> tuple[int, int, int]:
    """How many boxes from ``start`` on are computed at once: where they end, width, height."""
    width = height = 0
    for stop in range(start, len(boxes)):
        x1, y1, x2, y2 = boxes[stop]
        wider, higher = max(width, x2 - x1), max(height, y2 - y1)
        if stop > start and wider * higher * (stop + 1 - start) > _AT_ONCE:
            return stop, width, height
        width, height = wider, higher
    return len(boxes), width, height


def steps(shape: tuple[int, int], placement: Placement) -> tuple[float, float]:
    """Cells of the logits per pixel of the frame, across and down."""
    height, width = shape
    return (
        width * placement.width / placement.canvas_width / placement.source_width,
        height * placement.height / placement.canvas_height / placement.source_height,
    )


def _upsampled(
    logits: torch.Tensor,
    boxes: Sequence[Box],
    width: int,
    height: int,
    placement: Placement,
    device: Device,
    *,
    soft: bool,
) -> torch.Tensor:
    """Logits at the pixels of each box, float16 (K, height, width), -inf beside it."""
    import torch

    values = logits.to(torch.float32)
    if soft:
        values = values.sigmoid()
    corners = device.put(np.array(boxes, np.int64))
    step_x, step_y = steps((logits.shape[1], logits.shape[2]), placement)
    # Columns first, then rows: the order of the reference.
    across = _Line.of(corners[:, 0], width, step_x, logits.shape[2])
    down = _Line.of(corners[:, 1], height, step_y, logits.shape[1])
    rows = logits.shape[1]
    before = across.before[:, None].expand(-1, rows, -1)
    after = across.after[:, None].expand(-1, rows, -1)
    share = across.share[:, None]
    wide = values.gather(2, before) * (1 - share) + values.gather(2, after) * share
    above = down.before[:, :, None].expand(-1, -1, width)
    below = down.after[:, :, None].expand(-1, -1, width)
    share = down.share[:, :, None]
    full = wide.gather(1, above) * (1 - share) + wide.gather(1, below) * share
    if soft:
        full = full.logit(eps=1e-6)
    inside_x = torch.arange(width, device=full.device) < (corners[:, 2:3] - corners[:, 0:1])
    inside_y = torch.arange(height, device=full.device) < (corners[:, 3:4] - corners[:, 1:2])
    inside = inside_y[:, :, None] & inside_x[:, None]
    # Values that float16 would round to zero must stay on their side of it.
    halves = full.to(torch.float16)
    tiny = torch.finfo(torch.float16).smallest_normal
    halves = torch.where((halves == 0) & (full > 0), tiny, halves)
    return halves.masked_fill(~inside, -torch.inf)


@dataclass(frozen=True, slots=True)
class _Line:
    """Linear interpolation along one axis: for each of K x n pixels two cells and a share."""

    before: Any
    after: Any
    share: Any

    @classmethod
    def of(cls, first: torch.Tensor, count: int, step: float, cells: int) -> _Line:
        """Pixels ``first`` (K,) and the ``count`` from there on, in cells of ``step`` a pixel."""
        import torch

        pixels = first[:, None] + torch.arange(count, device=first.device)
        place = ((pixels.to(torch.float32) + 0.5) * step - 0.5).clamp(0, cells - 1)
        before = place.floor()
        after = (before + 1).clamp(max=cells - 1)
        return cls(before.long(), after.long(), place - before)


def _packed(values: torch.Tensor) -> torch.Tensor:
    """uint8 (K, h, w / 8): which are positive, most significant bit first."""
    import torch

    positive = torch.nn.functional.pad(values > 0, (0, -values.shape[2] % 8))
    count, height, width = positive.shape
    bits = 2 ** torch.arange(7, -1, -1, device=values.device, dtype=torch.uint8)
    groups = positive.view(count, height, width // 8, 8).to(torch.uint8)
    return (groups * bits).sum(-1, dtype=torch.uint8)
