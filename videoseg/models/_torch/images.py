"""Frames on the device, what a network is handed of them, and where the frame lies in that.

The formulae are those of the image processors in transformers (their torchvision backend): uint8
is resized with an antialiased filter, rounded back to whole levels, and only then normalised with
``(level - 255 mean) / (255 std)``. Coordinates are on the pixel-edge grid (``types``), so every
mapping is a pure scaling from the top left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from videoseg.models._torch.coded import coding_of, copy_coded
from videoseg.networks import yuv
from videoseg.networks.device import Device, Lanes, Mark
from videoseg.types import Frame

if TYPE_CHECKING:
    import torch

Filter: TypeAlias = Literal["bilinear", "bicubic"]
Colours: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of red, green and blue, where 1 is the highest level."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""What networks were trained with."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame lies in what the network sees: from the top left corner, then padding.

    Attributes:
        source_width: Pixels across of the frame.
        source_height: Pixels down of the frame.
        width: Pixels across that the frame takes in the network's input.
        height: Pixels down that the frame takes in it.
        canvas_width: Pixels across of the whole input, padding included.
        canvas_height: Pixels down of it.
    """

    source_width: int
    source_height: int
    width: float
    height: float
    canvas_width: int
    canvas_height: int

    def to_model(self, x: float, y: float) -> tuple[float, float]:
        """A point of the frame in pixels of the input."""
        return x * self.width / self.source_width, y * self.height / self.source_height

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """A point of the input in pixels of the frame."""
        return x * self.source_width / self.width, y * self.source_height / self.height


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Frames of one size on the device.

    Attributes:
        frames: The frames.
        pixels: uint8 (F, H, W, 3).
        whole: What these were taken from (``part``), or None.
        places: int64 (F,), which of ``whole`` they are, or None.
    """

    frames: tuple[Frame, ...]
    pixels: torch.Tensor
    whole: Images | None = None
    places: torch.Tensor | None = None

    def part(self, places: Sequence[int], device: Device) -> Images:
        """Some of the frames, maybe one more than once; all of them are these themselves."""
        if list(places) == list(range(len(self.frames))):
            return self
        index = device.put(list(places))
        frames = tuple(self.frames[place] for place in places)
        return Images(frames, self.pixels[index], self, index)

    def padded(self, count: int, device: Device) -> Images:
        """These as part of ``count`` frames, of which the others are the last one again."""
        import torch

        more = count - len(self.frames)
        again = self.pixels[-1:].expand(more, -1, -1, -1)
        frames = self.frames + (self.frames[-1],) * more
        whole = Images(frames, torch.cat([self.pixels, again]))
        return whole.part(range(len(self.frames)), device)

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[2])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[1])

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(slots=True)
class Uploader:
    """Brings frames to the device through page-locked memory, while it works on others."""

    lanes: Lanes
    _staged: list[tuple[torch.Tensor, Mark]] = field(init=False, default_factory=list)

    def upload(self, frames: Sequence[Frame]) -> Images:
        """Queue the upload of frames of one size; the current lane waits for it, not the caller.

        Those of films go up as they are coded, which is half the bytes, and are made RGB there.
        """
        import numpy as np
        import torch

        device = self.lanes.device
        if not device.is_cuda:
            stacked = torch.from_numpy(np.stack([frame.image for frame in frames]))
            return Images(tuple(frames), stacked.to(device.torch_device))
        coding = coding_of(frames)
        of_frame = frames[0].image.shape if coding is None else (coding.size,)
        pinned = self._pinned((len(frames), *of_frame))
        for place, frame in zip(pinned.numpy(), frames, strict=True):
            if coding is None:
                np.copyto(place, frame.image)
            else:
                copy_coded(frame, coding, place)
        with self.lanes.up():
            pixels = pinned.to(device.torch_device, non_blocking=True)
            if coding is not None:
                pixels = yuv.rgb(pixels, coding)
            arrived = self.lanes.mark()
        arrived.hold()
        pixels.record_stream(torch.cuda.current_stream(device.torch_device))
        self._staged.append((pinned, arrived))
        return Images(tuple(frames), pixels)

    def _pinned(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Page-locked uint8 of this shape, of which nothing is under way any more."""
        import torch

        if len(self._staged) > 1:
            pinned, arrived = self._staged.pop(0)
            arrived.wait()
            if tuple(pinned.shape) == shape:
                return pinned
        return torch.empty(shape, dtype=torch.uint8, pin_memory=True)


def rows(value: Any, index: torch.Tensor) -> Any:
    """What was made of frames, for some of them alone.

    Args:
        value: Tensors with a row for each frame, in nested tuples, lists and mappings; what is no
            tensor holds for all frames alike.
        index: int64 (F,), which rows.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return value[index]
    if isinstance(value, dict):  # outputs of transformers are mappings, and want their own class
        return type(value)(**{name: rows(one, index) for name, one in value.items()})
    if isinstance(value, (tuple, list)):
        return type(value)(rows(one, index) for one in value)
    return value


def squeezed(
    images: Images,
    width: int,
    height: int,
    colours: Colours,
    device: Device,
    method: Filter = "bilinear",
) -> tuple[torch.Tensor, Placement]:
    """Frames resized to ``width`` x ``height`` whatever their shape: (F, 3, height, width)."""
    levels = resized(images.pixels, width, height, method)
    placement = Placement(images.width, images.height, width, height, width, height)
    return normalised(levels, colours, device).to(device.dtype), placement


def letterboxed(
    images: Images,
    width: int,
    height: int,
    canvas_width: int,
    canvas_height: int,
    colours: Colours,
    device: Device,
    method: Filter = "bilinear",
) -> tuple[torch.Tensor, Placement]:
    """Frames resized to ``width`` x ``height`` at the top left of a canvas of zeros.

    The zeros are put in after normalisation, so they are the mean colour.
    """
    import torch

    levels = normalised(resized(images.pixels, width, height, method), colours, device)
    padding = (0, canvas_width - width, 0, canvas_height - height)
    canvas = torch.nn.functional.pad(levels, padding)
    placement = Placement(images.width, images.height, width, height, canvas_width, canvas_height)
    return canvas.to(device.dtype), placement


def resized(pixels: torch.Tensor, width: int, height: int, method: Filter) -> torch.Tensor:
    """uint8 (F, H, W, 3) as float32 (F, 3, height, width) of whole levels from 0 to 255."""
    import torch

    levels = pixels.permute(0, 3, 1, 2).to(torch.float32)
    if (width, height) != (pixels.shape[2], pixels.shape[1]):
        levels = torch.nn.functional.interpolate(
            levels, (height, width), mode=method, align_corners=False, antialias=True
        )
        levels = levels.round_().clamp_(0, 255)
    return levels


def normalised(levels: torch.Tensor, colours: Colours, device: Device) -> torch.Tensor:
    """Levels from 0 to 255, (F, 3, H, W), with the mean and deviation that a network expects."""
    mean, deviation = (device.put(colours, levels.dtype) * 255).view(2, 1, 3, 1, 1)
    values: torch.Tensor = (levels - mean) / deviation
    return values
