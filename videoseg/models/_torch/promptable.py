"""Networks of the SAM 2 kind: one object for each prompt, from points, boxes and masks.

A prompt becomes the points that the network was trained with: the corners of its box, then its
points. transformers' classes take pixel indices and add half a pixel; coordinates here are on the
pixel-edge grid, so half a pixel of the network's input is taken off before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from videoseg.geometry import masks
from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.images import Colours, Images, Placement, squeezed
from videoseg.models._torch.precision import precise_prompts
from videoseg.networks import weights
from videoseg.networks.device import Device
from videoseg.types import Mask, Prompt, PromptKind

if TYPE_CHECKING:
    import torch

_OUTSIDE = 0
"""The network's label of a point outside the object."""
_INSIDE = 1
"""The network's label of a point on the object."""
_TOP_LEFT = 2
"""The network's label of a box's upper left corner."""
_BOTTOM_RIGHT = 3
"""The network's label of a box's lower right corner."""
_SURE = 10.0
"""Logit of a pixel inside a mask that is given."""

GONE = -1.0
"""Score of an object that is not visible, below all that count."""

Embedded: TypeAlias = "tuple[list[torch.Tensor], Placement]"
"""What such a network makes of frames alone, maps from fine to coarse, and where they lie in it."""
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


@dataclass(frozen=True, slots=True)
class Promptable:
    """Such a network on a device.

    Attributes:
        network: ``Sam2Model``, ``EdgeTamModel`` or ``Sam3TrackerModel``.
        device: Where it is.
        colours: Mean and deviation that it expects.
    """

    network: Any
    device: Device
    colours: Colours

    @classmethod
    def load(cls, name: str, folder: Path, device: Device, colours: Colours) -> Promptable:
        """The network of one of transformers' classes, by its name.

        Raises:
            ModelError: The weights are not those of such a network.
        """
        import transformers

        network = weights.load(getattr(transformers, name), folder, device)
        precise_prompts(network, device.dtype)
        return cls(network, device, colours)

    @property
    def side(self) -> int:
        """Pixels across and down that the network sees."""
        return int(self.network.prompt_encoder.input_image_size)

    def embed(self, images: Images) -> Embedded:
        """What depends on the frames alone."""
        pixels, placement = squeezed(images, self.side, self.side, self.colours, self.device)
        return self.network.get_image_embeddings(pixels), placement

    def answer(
        self,
        embedded: Embedded,
        prompts: Sequence[tuple[int, Prompt]],
    ) -> list[Candidates]:
        """One candidate for each prompt, which comes with its number."""
        embeddings, placement = embedded
        asked = [Asked.of(prompt, placement) for _, prompt in prompts]
        answers: list[Candidates] = []
        for places in _together(asked):
            made = self._decode(embeddings, [asked[place] for place in places])
            for row, place in enumerate(places):
                logits, scores, visible = (part[:, row, None] for part in made)
                if asked[place].mask is not None:
                    # What was seen on another frame may be gone. Video predictors of the
                    # reference give no mask then; what is pointed at on the frame is there.
                    scores = scores.where(visible > 0, GONE)
                answers.append(
                    Candidates(
                        prompts[place][0],
                        logits,
                        scores,
                        placement,
                        presence=visible[:, 0].float().sigmoid(),
                    )
                )
        return answers

    def _decode(
        self, embeddings: list[torch.Tensor], asked: Sequence[Asked]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the network says to prompts with equally many points.

        Returns:
            Logits (F, P, h, w), scores (F, P), and how sure it is that the object is visible at
            all, (F, P), positive where it is.
        """
        import torch

        frames = len(embeddings[-1])
        points = self.device.put([one.points for one in asked], torch.float32) - 0.5
        labels = self.device.put([one.labels for one in asked], torch.int64)
        given: dict[str, Any] = {
            "image_embeddings": embeddings,
            "input_points": points[None].expand(frames, -1, -1, -1),
            "input_labels": labels[None].expand(frames, -1, -1),
        }
        known = [one.mask for one in asked if one.mask is not None]
        if known:
            given = self._for_each(given, known)
        made = self.network(**given, multimask_output=asked[0].is_vague)
        scores, logits, visible = (
            some.reshape(frames, len(asked), *some.shape[2:])
            for some in (made.iou_scores, made.pred_masks, made.object_score_logits)
        )
        best = scores.argmax(-1, keepdim=True)
        chosen = best[..., None, None].expand(-1, -1, 1, *logits.shape[-2:])
        return (
            logits.gather(2, chosen)[:, :, 0],
            scores.gather(2, best)[:, :, 0],
            visible[..., 0],
        )

    def _for_each(self, given: dict[str, Any], known: Sequence[Mask]) -> dict[str, Any]:
        """What the network is given for F frames and P prompts, each of which has a mask.

        The network takes a mask for each frame. So each prompt gets a frame of its own: F * P
        frames with one prompt each. The network repeats its maps for each prompt anyway.
        """
        import torch

        size = self.network.prompt_encoder.mask_input_size
        shares = torch.cat([coverage(mask, size, self.device) for mask in known])
        frames, count = given["input_labels"].shape[:2]
        return {
            "image_embeddings": [
                some.repeat_interleave(count, 0) for some in given["image_embeddings"]
            ],
            "input_points": given["input_points"].flatten(0, 1)[:, None],
            "input_labels": given["input_labels"].flatten(0, 1)[:, None],
            "input_masks": ((2 * shares - 1) * _SURE).repeat(frames, 1, 1, 1),
        }


def coverage(mask: Mask, size: tuple[int, int], device: Device) -> torch.Tensor:
    """How much of each pixel of the network an object covers: float32 (1, 1, h, w), 0 to 1.

    Args:
        mask: The object in its frame.
        size: Height and width that the frame is squeezed to.
        device: Where to compute.
    """
    import torch

    whole = device.put(masks.to_bitmap(mask)).to(torch.float32)[None, None]
    return torch.nn.functional.interpolate(
        whole, size, mode="bilinear", align_corners=False, antialias=True
    )


def _together(asked: Sequence[Asked]) -> list[list[int]]:
    """Numbers of the prompts that can be decoded at once.

    None needs points of padding, and either all have a mask or none has.
    """
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        groups[one.mask is not None, len(one.labels), one.is_vague].append(number)
    return list(groups.values())
