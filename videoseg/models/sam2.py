"""SAM 2.1 and its kin: one object for each prompt, from points, boxes and masks.

A prompt becomes the points that the network was trained with: the corners of its box, then its
points. transformers' classes take pixel indices and add half a pixel; coordinates here are on the
pixel-edge grid, so half a pixel of the network's input is taken off before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from videoseg.geometry import masks
from videoseg.models._torch import weights as weight_files
from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.device import Device
from videoseg.models._torch.images import IMAGENET, Images, Placement, squeezed
from videoseg.models._torch.model import TorchSegmenter
from videoseg.types import Mask, ModelCard, Prompt, PromptKind

if TYPE_CHECKING:
    import torch

_OUTSIDE, _INSIDE, _TOP_LEFT, _BOTTOM_RIGHT = 0, 1, 2, 3
"""What a point is to the network."""
_SURE = 10.0
"""Logit of a pixel inside a mask that is given."""

KINDS: frozenset[PromptKind] = frozenset({"point", "negative", "box", "mask"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt as the network takes it, in pixels of its input.

    Attributes:
        points: x and y on the pixel-edge grid.
        labels: What each point is.
        mask: The object as known before, in the frame, or None.
    """

    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    mask: Mask | None

    @classmethod
    def of(cls, prompt: Prompt, placement: Placement) -> Asked:
        """Read a prompt's cues.

        The box is the one around all positive boxes of the last cue that has any; a mask without
        box or point is pointed out by the box around it, since a mask alone says little to these
        networks. A negative box is a point in its middle.
        """
        boxes = [[b for b in cue.boxes if b[4]] for cue in prompt.cues]
        box = next((_around(some) for some in reversed(boxes) if some), None)
        points = [point for cue in prompt.cues for point in cue.points]
        points += [
            ((x1 + x2) / 2, (y1 + y2) / 2, False)
            for cue in prompt.cues
            for x1, y1, x2, y2, positive in cue.boxes
            if not positive
        ]
        mask = next((cue.mask for cue in reversed(prompt.cues) if cue.mask is not None), None)
        if mask is not None and box is None and not any(positive for *_, positive in points):
            box = masks.bounding_box(mask)
        places: list[tuple[float, float]] = []
        labels: list[int] = []
        if box is not None:
            places += [(box[0], box[1]), (box[2], box[3])]
            labels += [_TOP_LEFT, _BOTTOM_RIGHT]
        places += [(x, y) for x, y, _ in points]
        labels += [_INSIDE if positive else _OUTSIDE for *_, positive in points]
        return cls(tuple(placement.to_model(*place) for place in places), tuple(labels), mask)

    @property
    def is_vague(self) -> bool:
        """Whether it may mean a thing or a part of it: one point and nothing else."""
        return self.labels == (_INSIDE,) and self.mask is None


def _around(
    boxes: Sequence[tuple[float, float, float, float, bool]],
) -> tuple[float, float, float, float]:
    x1, y1, x2, y2, _ = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


@dataclass
class Sam2(TorchSegmenter):
    """SAM 2.1 on single frames (Ravi et al. 2024, arXiv 2408.00714): one mask for each prompt."""

    card: ClassVar[ModelCard]
    class_name: ClassVar[str] = "Sam2Model"
    colours: ClassVar[tuple[Sequence[float], Sequence[float]]] = IMAGENET

    _network: Any = field(init=False, repr=False, default=None)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        self._network = weight_files.load(getattr(transformers, self.class_name), folder, device)
        # In half precision a place would be known to some four pixels only.
        for module in (self._network.prompt_encoder, self._network.shared_image_embedding):
            module.float().register_forward_hook(_in_precision(device.dtype))

    def _drop(self) -> None:
        self._network = None

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        embeddings, placement = self._of_images(images, self._embed)
        asked = [Asked.of(prompt, placement) for prompt in prompts]
        answers: list[Candidates] = []
        for numbers in _together(asked):
            logits, scores = self._decode(embeddings, [asked[n] for n in numbers], len(images))
            answers += [
                Candidates(number, logits[:, place, None], scores[:, place, None], placement)
                for place, number in enumerate(numbers)
            ]
        return answers

    def _embed(self, images: Images) -> tuple[list[torch.Tensor], Placement]:
        side = int(self._network.prompt_encoder.input_image_size)
        device = self._load().device
        pixels, placement = squeezed(images, side, side, self.colours, device)
        return self._network.get_image_embeddings(pixels), placement

    def _decode(
        self, embeddings: list[torch.Tensor], asked: Sequence[Asked], frames: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (F, P, h, w) and scores (F, P) of prompts with equally many points."""
        import torch

        device = self._load().device
        points = device.put([one.points for one in asked], torch.float32) - 0.5
        labels = device.put([one.labels for one in asked], torch.int64)
        vague = asked[0].is_vague
        made = self._network(
            image_embeddings=embeddings,
            input_points=points[None].expand(frames, -1, -1, -1),
            input_labels=labels[None].expand(frames, -1, -1),
            input_masks=self._dense(asked[0].mask, frames),
            multimask_output=vague,
        )
        scores, logits = made.iou_scores, made.pred_masks
        best = scores.argmax(-1, keepdim=True)
        chosen = best[..., None, None].expand(-1, -1, 1, *logits.shape[-2:])
        return logits.gather(2, chosen)[:, :, 0], scores.gather(2, best)[:, :, 0]

    def _dense(self, mask: Mask | None, frames: int) -> torch.Tensor | None:
        """A given mask as logits of the network's own size, (F, 1, h, w)."""
        import torch

        if mask is None:
            return None
        size = self._network.prompt_encoder.mask_input_size
        whole = self._load().device.put(masks.to_bitmap(mask)).to(torch.float32)[None, None]
        covered = torch.nn.functional.interpolate(
            whole, size, mode="bilinear", align_corners=False, antialias=True
        )
        return ((2 * covered - 1) * _SURE).expand(frames, -1, -1, -1)


def _together(asked: Sequence[Asked]) -> list[list[int]]:
    """Numbers of the prompts that can be decoded at once: none needs points of padding.

    A mask goes with the frame rather than with a prompt, so a prompt with one stands alone.
    """
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        alone = number if one.mask is not None else None
        groups[alone, len(one.labels), one.is_vague].append(number)
    return list(groups.values())


def _in_precision(dtype: torch.dtype) -> Any:
    """A hook after which a module's output has the precision of the rest."""

    def hook(module: object, given: object, made: Any) -> Any:
        del module, given
        if isinstance(made, tuple):
            return tuple(one if one is None else one.to(dtype) for one in made)
        return made.to(dtype)

    return hook


def _card(name: str, summary: str, weights: str, megabytes: float, memory: float) -> ModelCard:
    return ModelCard(
        name=name,
        summary=summary,
        kinds=KINDS,
        open_vocabulary=True,
        licence="Apache-2.0",
        megabytes=megabytes,
        extra="models",
        weights=(weights,),
        memory=memory,
    )


class Sam21Tiny(Sam2):
    """SAM 2.1 with the tiny Hiera backbone."""

    card = _card(
        "sam2.1-tiny",
        "SAM 2.1 tiny: one object for each point, box or mask",
        "facebook/sam2.1-hiera-tiny@de431c4043854a71d8101e17995dfe596bf101a5",
        156,
        0,
    )


class Sam21Small(Sam2):
    """SAM 2.1 with the small Hiera backbone."""

    card = _card(
        "sam2.1-small",
        "SAM 2.1 small: one object for each point, box or mask",
        "facebook/sam2.1-hiera-small@ee5bba1d82bb8749febdf90f45e84b687142ba03",
        184,
        0,
    )


class Sam21BasePlus(Sam2):
    """SAM 2.1 with the base-plus Hiera backbone."""

    card = _card(
        "sam2.1-base-plus",
        "SAM 2.1 base-plus: one object for each point, box or mask",
        "facebook/sam2.1-hiera-base-plus@b7320756a13354e7530a63935656d35b2f91a290",
        324,
        0,
    )


class Sam21Large(Sam2):
    """SAM 2.1 with the large Hiera backbone."""

    card = _card(
        "sam2.1-large",
        "SAM 2.1 large: one object for each point, box or mask",
        "facebook/sam2.1-hiera-large@665f8e2ad61cf5f53d65644ff27c8ee525124610",
        898,
        0,
    )


PARTS = {
    "sam2.1-tiny": Sam21Tiny,
    "sam2.1-small": Sam21Small,
    "sam2.1-base-plus": Sam21BasePlus,
    "sam2.1-large": Sam21Large,
}
