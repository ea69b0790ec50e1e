"""The embedded model's network in torch: EfficientNet-Lite0 made dense, and the trained head.

EfficientNet-Lite0: M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional
Neural Networks", 2019, in the variant without squeeze-and-excitation and with ReLU6. The last
stride is replaced by a dilation (L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic
Image Segmentation", 2017), so that the deepest features stay at stride 16.

Legend of shape suffixes: b batch, c channels, h and w rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = 127.0
"""Level of 8-bit RGB that the ImageNet weights expect as 0."""
SCALE = 128.0
"""Levels of 8-bit RGB that the ImageNet weights expect as 1: ``(value - MEAN) / SCALE``."""
_EPSILON = 1e-3
_State = Mapping[str, Tensor]


@dataclass(frozen=True)
class _Stage:
    kernel: int
    stride: int
    expand: int
    channels: int
    repeats: int
    dilation: int = 1
    centre_left: bool = False
    """Pad a strided convolution on the left and top: undoes the shift of the strides before."""


_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3, centre_left=True),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 1, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1, dilation=2),
)
_DILATED_STAGE = 5  # its first block had the last stride; the blocks after it are dilated


class _Convolution(nn.Module):
    """Convolution with its batch normalisation, TensorFlow's padding, and ReLU6.

    The normalisation is folded into the weights, which then stay as they are; to train them on it
    stays ``live`` until ``fold``.
    """

    def __init__(
        self,
        state: _State,
        weight: str,
        norm: str,
        *,
        stride: int = 1,
        dilation: int = 1,
        centre_left: bool = False,
        relu: bool = True,
        live: bool = False,
    ) -> None:
        super().__init__()
        kernel = state[f"{weight}.weight"]
        self.weight = nn.Parameter(kernel.clone(), requires_grad=live)
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(kernel.shape[0], eps=_EPSILON)
        self.norm.load_state_dict(
            {
                name: state[f"{norm}.{name}"]
                for name in ("weight", "bias", "running_mean", "running_var")
            },
            strict=False,
        )
        self.bias: nn.Parameter | None = None
        self.groups = kernel.shape[0] if kernel.shape[1] == 1 and kernel.shape[2] > 1 else 1
        self.stride, self.dilation, self.relu = stride, dilation, relu
        reach = dilation * (kernel.shape[2] - 1)
        total = reach if stride == 1 else reach - 1
        near, far = total // 2, total - total // 2
        self.pad = (far, near, far, near) if centre_left else (near, far, near, far)
        if not live:
            self.fold()

    def fold(self) -> None:
        """Make the normalisation a part of the weights."""
        if self.norm is not None:
            self.weight, self.bias = folded(self.weight, self.norm)
            self.norm = None

    def forward(self, x: Tensor) -> Tensor:
        if any(self.pad):
            x = functional.pad(x, self.pad)
        x = functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        if self.norm is not None:
            x = self.norm(x)
        return functional.relu6(x) if self.relu else x


def folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights and bias of the convolution that is one without bias and then a normalisation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    kernel = weight.detach() * gain[:, None, None, None]
    offset = norm.bias.detach() - norm.running_mean * gain
    return nn.Parameter(kernel, requires_grad=False), nn.Parameter(offset, requires_grad=False)


class _Block(nn.Module):
    """Inverted residual block."""

    def __init__(self, state: _State, name: str, stage: _Stage, *, first: bool, live: bool) -> None:
        super().__init__()
        stride = stage.stride if first else 1
        layers = []
        if stage.expand > 1:
            layers.append(_Convolution(state, f"{name}._expand_conv", f"{name}._bn0", live=live))
        layers.append(
            _Convolution(
                state,
                f"{name}._depthwise_conv",
                f"{name}._bn1",
                stride=stride,
                dilation=stage.dilation,
                centre_left=stage.centre_left and stride > 1,
                live=live,
            )
        )
        layers.append(
            _Convolution(state, f"{name}._project_conv", f"{name}._bn2", relu=False, live=live)
        )
        self.layers = nn.Sequential(*layers)
        self.residual = not first

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.residual else y


class Backbone(nn.Module):
    """EfficientNet-Lite0; sides of the input are multiples of 32."""

    def __init__(self, state: _State, *, stride: int = 16, live: bool = False) -> None:
        """Build the network from its weights.

        Args:
            state: The weights.
            stride: 16 leaves out the last of its strides, 32 keeps it.
            live: The weights are to be trained on.
        """
        super().__init__()
        self.stem = _Convolution(state, "_conv_stem", "_bn0", stride=2, live=live)
        stages, number = [], 0
        for index, stage in enumerate(_STAGES):
            blocks = []
            for repeat in range(stage.repeats):
                dilated = stage
                if index == _DILATED_STAGE and stride == 32 and not repeat:
                    dilated = replace(stage, stride=2)
                elif index == _DILATED_STAGE and stride == 16 and repeat:
                    dilated = replace(stage, dilation=2)
                elif stride == 32:
                    dilated = replace(stage, dilation=1)
                blocks.append(
                    _Block(state, f"_blocks.{number}", dilated, first=repeat == 0, live=live)
                )
                number += 1
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = _Convolution(state, "_conv_head", "_bn1")
        self.classifier_weight = nn.Parameter(state["_fc.weight"], requires_grad=False)
        self.classifier_bias = nn.Parameter(state["_fc.bias"], requires_grad=False)

    def features(self, x_bchw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at stride 4 (24), 8 (40), 16 (112) and, deepest, 16 (320 channels)."""
        x = self.stem((x_bchw - MEAN) / SCALE)
        kept = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in (1, 2, 4, 6):
                kept.append(x)
        return kept[0], kept[1], kept[2], kept[3]

    def imagenet(self, top_bchw: Tensor) -> Tensor:
        """Dense ImageNet logits (b, 1000, h / 2, w / 2) at stride 32, from the 1280 channels."""
        x = functional.avg_pool2d(top_bchw, 2)
        return functional.conv2d(x, self.classifier_weight[:, :, None, None], self.classifier_bias)
