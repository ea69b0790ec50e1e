"""ROI align in torch alone, for the box prompts of SAM 3; transformers takes torchvision's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def roi_align(
    features: torch.Tensor, boxes: Sequence[torch.Tensor], output_size: int
) -> torch.Tensor:
    """Average features in a grid of bins over each box (Mask R-CNN, arXiv 1703.06870).

    What ``torchvision.ops.roi_align`` does by default: coordinates as given, boxes of at least one
    cell, and as many samples in a bin as it covers cells, rounded up.

    Args:
        features: (B, C, H, W).
        boxes: B tensors (n, 4): x1, y1, x2, y2 in cells; n may differ.
        output_size: Bins across and down.

    Returns:
        (sum of n, C, output_size, output_size), in the order of the boxes.
    """
    import torch

    counts = [len(some) for some in boxes]
    owner = [number for number, count in enumerate(counts) for _ in range(count)]
    corners = torch.cat(list(boxes)).to(torch.float32)
    height, width = features.shape[-2:]
    across = _samples(corners[:, 0], corners[:, 2], output_size, width)
    down = _samples(corners[:, 1], corners[:, 3], output_size, height)
    # Bilinear sampling is separable: weights of rows and of columns, (n, bins, cells).
    pooled = [
        torch.einsum("bh,chw,aw->cba", rows, features[number].to(torch.float32), columns)
        for number, rows, columns in zip(owner, down, across, strict=True)
    ]
    if not pooled:
        return features.new_zeros((0, features.shape[1], output_size, output_size))
    return torch.stack(pooled).to(features.dtype)


def _samples(low: torch.Tensor, high: torch.Tensor, bins: int, cells: int) -> torch.Tensor:
    """Weight (n, bins, cells) of each cell in the mean of each bin's samples along one axis."""
    import torch

    bin_size = (high - low).clamp(min=1) / bins
    count = bin_size.ceil()
    # Boxes lie in the frame: no bin has more samples than this, so nobody needs to ask the device.
    most = -(-cells // bins) + 1
    number = torch.arange(most, device=low.device)
    steps = (
        torch.arange(bins, device=low.device)[None, :, None] + (number + 0.5) / count[:, None, None]
    )
    place = low[:, None, None] + steps * bin_size[:, None, None]
    counted = (number < count[:, None, None]) & (place >= -1) & (place <= cells)
    place = place.clamp(0, cells - 1)
    cell = torch.arange(cells, device=low.device)
    weight = (1 - (place[..., None] - cell).abs()).clamp(min=0)
    summed = (weight * counted[..., None]).sum(2)
    return summed / count[:, None, None]


def provide(module_name: str) -> None:
    """Give a module of transformers the one operator that it takes from torchvision."""
    module = sys.modules[module_name]
    if not hasattr(module, "torchvision"):
        vars(module)["torchvision"] = SimpleNamespace(ops=SimpleNamespace(roi_align=roi_align))
