"""Products of matrices in 8 bits, for those who ask for it, and only where masks stay the same.

Weights and what goes into a layer are each scaled so that their largest value is the largest that
``float8_e4m3fn`` has, rounded to it, multiplied, and scaled back; sums are made in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from videoseg.errors import ModelError
from videoseg.formats.images.picture import decoded_image, rgb8
from videoseg.geometry import masks
from videoseg.networks.device import Device
from videoseg.prompts.known_picture import QUESTIONS, known_picture
from videoseg.types import Detections, Frame, Mask, Prompt

if TYPE_CHECKING:
    import torch

_LARGEST = 448.0
"""The largest value of ``float8_e4m3fn``."""
_SIDES = 16
"""Sides of matrices are multiples of this, or the device cannot multiply them."""
_CAPABILITY = (8, 9)
"""NVIDIA's compute capability from which on GPUs multiply 8 bits."""


def need_float8(device: Device) -> None:
    """Check that a device can multiply 8 bits.

    Raises:
        ModelError: It cannot.
    """
    import torch

    kind = str(device.torch_device.type)
    if kind == "cuda" and torch.cuda.get_device_capability(device.torch_device) >= _CAPABILITY:
        return
    if kind != "cpu":
        raise ModelError(
            f"fp8: {device.name} has no 8-bit products; it takes an NVIDIA GPU of compute "
            "capability 8.9 (Ada, Hopper) or later; leave fp8 out"
        )


def take_float8(modules: Iterable[Any]) -> int:
    """Replace the linear layers in modules whose sides allow it; gives how many."""
    import torch

    layer = _layer_class()
    count = 0
    for module in modules:
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                fits = isinstance(child, torch.nn.Linear) and not any(
                    side % _SIDES for side in child.weight.shape
                )
                if fits:
                    setattr(parent, name, layer(child))
                    count += 1
    return count


def _layer_class() -> Any:
    import torch

    class Float8Linear(torch.nn.Module):  # type: ignore[misc]  # Any, as all of torch is
        """A linear layer that multiplies in 8 bits."""

        def __init__(self, plain: Any) -> None:
            super().__init__()
            weight, scale = in_float8(plain.weight.detach())
            self.register_buffer("weight", weight)
            self.register_buffer("scale", scale)
            self.bias = plain.bias

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            rows, scale = in_float8(given.reshape(-1, given.shape[-1]))
            made = torch._scaled_mm(
                rows, self.weight.t(), scale_a=scale, scale_b=self.scale, out_dtype=given.dtype
            )
            if self.bias is not None:
                made = made + self.bias
            return made.view(*given.shape[:-1], made.shape[-1])

    return Float8Linear


def in_float8(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values in 8 bits, and the float32 scale that they are multiplied with to be as before."""
    import torch

    scale = values.abs().amax().to(torch.float32).clamp(min=1e-12) / _LARGEST
    scaled = (values.to(torch.float32) / scale).clamp(-_LARGEST, _LARGEST)
    return scaled.to(torch.float8_e4m3fn), scale


def known_answers(model: Any) -> dict[str, Detections]:
    """What a model answers to each question that it takes about the known photograph.

    Raises:
        ModelError: The photograph is not here.
        SourceError: It cannot be read.
    """
    path = known_picture()
    if not path.is_file():
        raise ModelError(f"the picture that fp8 is tried on is not here: {path}; leave fp8 out")
    image = rgb8(decoded_image(path), "#000000")
    frame = Frame("known picture", 0, 0, Fraction(1), image)
    asked = {kind: prompt for kind, prompt in QUESTIONS.items() if kind in model.card.kinds}
    return {kind: _answer(model, frame, prompt) for kind, prompt in asked.items()}


def _answer(model: Any, frame: Frame, prompt: Prompt) -> Detections:
    (found,) = model.segment([frame], [(prompt,)])
    answer: Detections = found
    return answer


def check_agreement(
    name: str, before: dict[str, Detections], after: dict[str, Detections], least: float
) -> float:
    """Compare answers in 8 bits with those before.

    Args:
        name: Name of the model.
        before: Answers by question.
        after: The same in 8 bits.
        least: IoU that the masks of a question have at least.

    Returns:
        The lowest IoU.

    Raises:
        ModelError: They are others, or there is nothing to compare.
    """
    found = {
        kind: _agreement(
            [one.mask for one in answer.instances], [one.mask for one in after[kind].instances]
        )
        for kind, answer in before.items()
        if answer.instances or after[kind].instances
    }
    if not found:
        raise ModelError(
            f"fp8: model {name!r} finds nothing on the known picture, so that nobody can tell "
            "whether 8 bits suffice; leave fp8 out"
        )
    worst = min(found, key=lambda kind: found[kind])
    if found[worst] < least:
        raise ModelError(
            f"fp8: model {name!r} answers otherwise in 8 bits: masks for a {worst} on the known "
            f"picture have IoU {found[worst]:.3f}, and models.{name}.fp8_agreement asks for "
            f"{least:g}; leave fp8 out"
        )
    return found[worst]


def _agreement(before: Sequence[Mask], after: Sequence[Mask]) -> float:
    """The lowest of the best IoUs that masks have with one of the other answer's, both ways."""
    if not before or not after:
        return 0.0
    ious = [[masks.iou(one, other) for other in after] for one in before]
    best = [max(row) for row in [*ious, *zip(*ious, strict=True)]]
    return float(min(best))
