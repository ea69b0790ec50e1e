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
from videoseg.models._torch.questions import Question
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
_MOST_ROWS = 32
"""Prompts that are decoded at once, those of all frames together."""

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

    def answers(
        self, embedded: Embedded, questions: Sequence[Question], *, fixed: bool = False
    ) -> list[list[Candidates]]:
        """For each question one candidate for each of its prompts.

        All prompts with equally many points are decoded together, whichever frames they are about,
        also where every frame has boxes of its own.

        Args:
            embedded: What ``embed`` made of the batch, maybe of more frames than are asked about.
            questions: What is asked.
            fixed: Whether the network wants few numbers of prompts: some are asked twice then.
        """
        embeddings, placement = embedded
        asked = [
            (place, number, Asked.of(prompt, placement), question.filled)
            for place, question in enumerate(questions)
            for number, prompt in question.numbered
        ]
        found: list[list[Candidates]] = [[] for _ in questions]
        for group in _together([each for _, _, each, _ in asked]):
            rows = [(frame, asked[n][2]) for n in group for frame in asked[n][3]]
            made = self._decode_all(embeddings, rows, fixed=fixed)
            start = 0
            for place, number, one, frames in (asked[n] for n in group):
                part = (some[start : start + len(frames), None] for some in made)
                made_of = _candidates(number, one, placement, *part)
                found[place].append(made_of.first(len(questions[place].places), number))
                start += len(frames)
        return found

    def _decode_all(
        self, embeddings: list[torch.Tensor], rows: Sequence[tuple[int, Asked]], *, fixed: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As ``_decode``, for any number of rows."""
        import torch

        made = []
        for start in range(0, len(rows), _MOST_ROWS):
            some = list(rows[start : start + _MOST_ROWS])
            more = (1 << (len(some) - 1).bit_length()) - len(some) if fixed else 0
            decoded = self._decode(embeddings, some + some[-1:] * more)
            made.append([part[: len(some)] for part in decoded])
        logits, scores, visible = (torch.cat(parts) for parts in zip(*made, strict=True))
        return logits, scores, visible

    def _decode(
        self, embeddings: list[torch.Tensor], rows: Sequence[tuple[int, Asked]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the network says to R prompts with equally many points, each about one frame.

        Args:
            embeddings: What was made of frames.
            rows: For each prompt the number of its frame, and what is asked.

        Returns:
            Logits (R, h, w), scores (R,), and how sure it is that the object is visible at all,
            (R,), positive where it is.
        """
        import torch

        frames = [frame for frame, _ in rows]
        if frames != list(range(len(embeddings[-1]))):
            index = self.device.put(frames)
            embeddings = [some[index] for some in embeddings]
        asked = [one for _, one in rows]
        points = self.device.put([one.points for one in asked], torch.float32) - 0.5
        labels = self.device.put([one.labels for one in asked], torch.int64)
        made = self.network(
            image_embeddings=embeddings,
            input_points=points[:, None],
            input_labels=labels[:, None],
            input_masks=self._shares(asked),
            multimask_output=asked[0].is_vague,
        )
        scores, logits, visible = (
            some[:, 0] for some in (made.iou_scores, made.pred_masks, made.object_score_logits)
        )
        best = scores.argmax(-1, keepdim=True)
        chosen = best[..., None, None].expand(-1, 1, *logits.shape[-2:])
        return logits.gather(1, chosen)[:, 0], scores.gather(1, best)[:, 0], visible[:, 0]

    def _shares(self, asked: Sequence[Asked]) -> torch.Tensor | None:
        """The masks of R prompts as the network takes them, (R, 1, h, w); None for none."""
        import torch

        size = self.network.prompt_encoder.mask_input_size
        known = {id(one): one.mask for one in asked if one.mask is not None}
        if not known:
            return None
        shares = {key: coverage(mask, size, self.device) for key, mask in known.items()}
        return (2 * torch.cat([shares[id(one)] for one in asked]) - 1) * _SURE


def _candidates(
    number: int,
    asked: Asked,
    placement: Placement,
    logits: torch.Tensor,
    scores: torch.Tensor,
    visible: torch.Tensor,
) -> Candidates:
    """A prompt's candidate on F frames: logits (F, 1, h, w), scores and visible (F, 1)."""
    if asked.mask is not None:
        # What was seen on another frame may be gone. Video predictors of the reference give no
        # mask then; what is pointed at on the frame is there.
        scores = scores.where(visible > 0, GONE)
    presence = visible[:, 0].float().sigmoid()
    return Candidates(number, logits, scores, placement, presence=presence)


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
