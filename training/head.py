"""The trained head: named classes, objects and their centres from frozen features.

Legend of shape suffixes: b batch, c channels, h and w rows and columns at stride 8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.network import Backbone

WIDTH = 128


class Head(nn.Module):
    """Per-class log-odds and offsets to the centre of the thing, at stride 8.

    A class that ImageNet shows starts from the log-odds of its ImageNet classes; the head learns
    how far to trust them and what to add.
    """

    def __init__(self, num_classes: int, groups: Tensor) -> None:
        """``groups`` is (classes, 1000), 1 where an ImageNet class shows the class."""
        super().__init__()
        self.deep = nn.Conv2d(320, WIDTH, 1)
        self.middle = nn.Conv2d(112, WIDTH, 1)
        self.wide = nn.Conv2d(WIDTH, WIDTH, 5, padding=4, dilation=2, groups=WIDTH)
        self.wide_mix = nn.Conv2d(WIDTH, WIDTH, 1)
        self.scene = nn.Linear(WIDTH, WIDTH)
        self.up = nn.Conv2d(WIDTH, WIDTH, 1)
        self.fine = nn.Conv2d(40, WIDTH, 1)
        self.near = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH)
        self.near_mix = nn.Conv2d(WIDTH, WIDTH, 1)
        self.classes = nn.Conv2d(WIDTH, num_classes, 1)
        self.offsets = nn.Conv2d(WIDTH, 2, 1)
        self.register_buffer("groups", groups)
        self.trust = nn.Parameter(torch.where(groups.sum(1) > 0, 0.4, 0.0))
        self.trusted: Tensor
        self.register_buffer("trusted", (groups.sum(1) > 0).float())
        nn.init.constant_(self.classes.bias, -4.0)

    def group_log_odds(self, imagenet_bchw: Tensor) -> Tensor:
        """Log-odds of each class's ImageNet classes together, (b, classes, h / 4, w / 4)."""
        probability = torch.softmax(imagenet_bchw, dim=1)
        share = functional.conv2d(probability, self.groups[:, :, None, None])
        return torch.log((share + 1e-4) / (1 - share + 1e-4))

    def forward(
        self, stride8: Tensor, stride16: Tensor, deep: Tensor, log_odds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Class log-odds (b, classes, h, w) and offsets (b, 2, h, w) in pixels / 64."""
        x, prior = self.mixed(stride8, stride16, deep, log_odds)
        return self.classes(x) + prior, self.offsets(x)

    def mixed(
        self, stride8: Tensor, stride16: Tensor, deep: Tensor, log_odds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the last layers read, (b, 128, h, w), and what ImageNet says, as log-odds."""
        x = functional.relu(self.deep(deep) + self.middle(stride16))
        x = x + functional.relu(self.wide_mix(self.wide(x)))
        x = x + self.scene(x.mean(dim=(2, 3)))[:, :, None, None]
        x = _twice(self.up(x)) + self.fine(stride8)
        x = functional.relu(x)
        x = x + functional.relu(self.near_mix(self.near(x)))
        prior = (log_odds + 5) * (self.trust * self.trusted)[None, :, None, None]
        return x, _twice(_twice(prior))


class Network(nn.Module):
    """Everything that ships: the image in, all maps out."""

    OUTPUTS = ("stride8", "stride16", "deep16", "imagenet", "classes", "offsets")

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """``image`` is float (b, 3, H, W) of 8-bit RGB values."""
        _, stride8, stride16, deep = self.backbone.features(image)
        top = self.backbone.head(deep)
        imagenet = self.backbone.imagenet(top)
        classes, offsets = self.head(stride8, stride16, deep, self.head.group_log_odds(imagenet))
        return stride8, stride16, deep, imagenet, classes, offsets


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
