"""Boxes as tensors (..., 4): x1, y1, x2, y2."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from videoseg.models._torch.images import Placement


def pairwise_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (..., 4) as x1, y1, x2, y2."""
    import torch

    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (a, b)]
    return both / (areas[0] + areas[1] - both).clamp(min=1e-9)


def best_of_many(boxes: torch.Tensor, scores: torch.Tensor, most: float) -> list[int]:
    """Indices of the boxes that no better box overlaps by more than ``most``, best first.

    Greedy non-maximum suppression: of those that are left the best is taken, and what overlaps it
    goes; between equal scores the first comes first.

    Args:
        boxes: (N, 4) on this machine.
        scores: (N,).
        most: Intersection over union that two boxes may have.
    """
    order = scores.argsort(descending=True, stable=True)
    shared = pairwise_iou(boxes[order][:, None], boxes[order][None])
    return [int(order[place]) for place in best_of(shared, most)]


def best_of(shared: torch.Tensor, most: float) -> list[int]:
    """Places that no earlier one that is taken overlaps by more than ``most``.

    Args:
        shared: (N, N) on this machine: intersection over union of each with each, best first.
        most: As much as two may share.
    """
    covers = shared > most
    taken: list[int] = []
    for place in range(len(covers)):
        if not covers[place, taken].any():
            taken.append(place)
    return taken


def in_source(shares: torch.Tensor, placement: Placement) -> torch.Tensor:
    """Boxes of the network in pixels of the frame, cut off at its edges.

    Args:
        shares: (..., 4): centre x and y, width and height, in shares of the whole canvas.
        placement: Where the frame lies in the canvas.
    """
    import torch

    middle, half = shares[..., :2], shares[..., 2:] / 2
    wide, high = placement.to_source(placement.canvas_width, placement.canvas_height)
    size = shares.new_tensor([wide, high])
    limit = shares.new_tensor([placement.source_width, placement.source_height])
    low = torch.minimum(((middle - half) * size).clamp(min=0), limit)
    high_corner = torch.minimum(((middle + half) * size).clamp(min=0), limit)
    return torch.cat([low, high_corner], dim=-1)
