"""Florence-2: writes the outline, or the box, of what a phrase names as words of places.

The network answers with text in which ``<loc_0>`` to ``<loc_999>`` stand for places: the frame is
cut into a thousand bins across and a thousand down, and a word means the middle of its bin.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.geometry.rings import signed_area
from videoseg.models._torch.images import IMAGENET, Images, squeezed
from videoseg.models._torch.model import TorchModel
from videoseg.models._torch.phrases import check_lengths, check_words, worded_card
from videoseg.models._torch.questions import alike
from videoseg.networks import weights as weight_files
from videoseg.networks.device import Device, memory_errors
from videoseg.outlines.raster import rasterise
from videoseg.types import (
    Detections,
    Frame,
    Grounding,
    Instance,
    Mask,
    ModelCard,
    Part,
    Polygon,
    Prompt,
    Shape,
)

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

_BINS = 1000
_PLACE = re.compile(r"<loc_(\d{1,3})>", re.ASCII)


@dataclass
class Florence2(TorchModel):
    """Florence-2 (Xiao et al. 2023, arXiv 2311.06242), asked one phrase at a time."""

    card: ClassVar[ModelCard]
    question: ClassVar[str]
    """What the network was trained to be asked, with the phrase in it."""

    beams: Annotated[int, Doc("answers that are followed at once, 2 or more"), Ge(2)] = 3
    longest: Annotated[int, Doc("pieces of words that an answer may have"), Ge(8)] = 1024
    side: Annotated[int, Doc("pixels across and down that the network sees"), Ge(32), Le(2048)] = (
        768
    )

    _network: Any = field(init=False, repr=False, default=None)
    _tokenizer: Any = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, load the network, and read the phrases.

        Raises:
            PromptError: A phrase is too long, or there is none.
        """
        super().prepare(prompts)
        # Features of the image stand before the words, in the same places.
        most = int(self._network.config.text_config.max_position_embeddings) // 4
        phrases = [prompt.text or "" for prompt in prompts]
        check_lengths(self.card.name, phrases, lambda phrase: len(self._tokens(phrase)), most)

    def _check(self, prompt: Prompt) -> None:
        check_words(self.card.name, prompt)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        cls = transformers.Florence2ForConditionalGeneration
        self._network = weight_files.load(cls, folder, device)
        self._tokenizer = weight_files.tokenizer(folder)
        self._compile(self._network.model.vision_tower)

    def _drop(self) -> None:
        self._network = self._tokenizer = None

    def _found(
        self,
        frames: Sequence[Frame],
        prompts: Sequence[Sequence[Prompt]],
        read: Callable[[str, int, int], Sequence[T]],
    ) -> list[list[tuple[int, T, float]]]:
        """For each frame what ``read`` makes of the answers, with prompt and score."""
        return [
            [
                (number, thing, score)
                for number, text, score in answers
                for thing in read(text, frame.width, frame.height)[: asked[number].max_instances]
            ]
            for frame, asked, answers in zip(
                frames, prompts, self._answers(frames, prompts), strict=True
            )
        ]

    def _answers(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> list[list[tuple[int, str, float]]]:
        """For each frame the number of each prompt, the text of the answer, and how sure it is."""
        import torch

        lanes = self._load()
        assert self._uploader is not None  # noqa: S101
        answers: list[list[tuple[int, str, float]]] = [[] for _ in frames]
        with torch.inference_mode(), memory_errors(lanes.device):
            for numbers in alike(frames, prompts):
                images = self._uploader.upload([frames[number] for number in numbers])
                for place, prompt in enumerate(prompts[numbers[0]]):
                    if prompt.text is None:
                        continue
                    texts = self._written(images, prompt.text)
                    for number, (text, score) in zip(numbers, texts, strict=True):
                        answers[number].append((place, text, score))
        return answers

    def _look(self, images: Images) -> torch.Tensor:
        """What depends on the frames alone: (F, places, D), as the language network reads it."""
        device = self._load().device
        pixels, _ = squeezed(images, self.side, self.side, IMAGENET, device, "bicubic")
        found: torch.Tensor = self._network.model.get_image_features(pixels).pooler_output
        return found

    def _written(self, images: Images, phrase: str) -> list[tuple[str, float]]:
        """What the network writes about a phrase on each frame, and how likely that is."""
        import torch

        device = self._load().device
        features = self._of_images(images, self._look)
        words = self._network.get_input_embeddings()(device.put([self._tokens(phrase)]))
        read = torch.cat([features, words.expand(len(images), -1, -1)], dim=1)
        attention = torch.ones(read.shape[:2], dtype=torch.int64, device=read.device)
        encoder = self._network.model.language_model.encoder
        made = self._network.generate(
            encoder_outputs=encoder(inputs_embeds=read, attention_mask=attention),
            attention_mask=attention,
            max_new_tokens=self.longest,
            num_beams=self.beams,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
        return [
            ("".join(self._tokenizer.convert_ids_to_tokens(row)), min(1.0, math.exp(score)))
            for row, score in zip(
                made.sequences.tolist(), made.sequences_scores.tolist(), strict=True
            )
        ]

    def _tokens(self, phrase: str) -> list[int]:
        text = self.question.format(phrase.strip())
        start, end = self._tokenizer.bos_token, self._tokenizer.eos_token
        found: list[int] = self._tokenizer(f"{start}{text}{end}", add_special_tokens=False)[
            "input_ids"
        ]
        return found


@dataclass
class Florence2Outlines(Florence2):
    """A ``Segmenter``: the polygons that the network writes are kept as the outline."""

    question = "Locate {} in the image with mask"

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
        """
        found = self._found(frames, prompts, outlined)
        return [
            Detections(
                frame.stream,
                frame.index,
                tuple(
                    Instance(mask, score, number, outline=shape)
                    for number, (shape, mask), score in of_frame
                ),
            )
            for frame, of_frame in zip(frames, found, strict=True)
        ]


@dataclass
class Florence2Boxes(Florence2):
    """A ``Grounder``."""

    question = "Locate {} in the image."

    def ground(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[tuple[Grounding, ...]]:
        """Find what the text of ``prompts[i]`` means on ``frames[i]``.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
        """
        return [
            tuple(Grounding(number, box, score) for number, box, score in of_frame)
            for of_frame in self._found(frames, prompts, boxes_of)
        ]


def outlined(text: str, width: int, height: int) -> list[tuple[Shape, Mask]]:
    """The outlines in an answer with their pixels; those without a pixel are left out."""
    shapes = shapes_of(text, width, height)
    masks = (rasterise(shape, width, height) for shape in shapes)
    return [(one, mask) for one, mask in zip(shapes, masks, strict=True) if mask is not None]


def shapes_of(text: str, width: int, height: int) -> list[Shape]:
    """The outlines in an answer, in pixels of the frame.

    Several things stand in ``<poly>`` and ``</poly>`` each; one alone needs neither. Several
    polygons of one thing are parted by ``<sep>``. What is no polygon is left out.
    """
    things = re.findall(r"<poly>(.*?)</poly>", text) or [text]
    shapes = []
    for thing in things:
        rings = (_places(piece, width, height) for piece in thing.split("<sep>"))
        parts = tuple(Part(_clockwise(ring)) for ring in rings if len(ring) >= 3)
        if parts:
            shapes.append(Shape(parts))
    return shapes


def boxes_of(text: str, width: int, height: int) -> list[tuple[float, float, float, float]]:
    """The boxes in an answer, in pixels of the frame; those without an inside are left out."""
    corners = _places(text, width, height)
    pairs = corners[: len(corners) // 2 * 2].reshape(-1, 4)
    boxes = []
    for x1, y1, x2, y2 in pairs.tolist():
        if x1 < x2 and y1 < y2:
            boxes.append((x1, y1, x2, y2))
    return boxes


def _places(text: str, width: int, height: int) -> npt.NDArray[np.float32]:
    """The middles of the bins that stand in a text: float32 (P, 2), x and y."""
    bins = [int(number) for number in _PLACE.findall(text)]
    pairs = np.array(bins[: len(bins) // 2 * 2], np.float64).reshape(-1, 2)
    return ((pairs + 0.5) * (width, height) / _BINS).astype(np.float32)


def _clockwise(ring: npt.NDArray[np.float32]) -> Polygon:
    polygon = Polygon(ring)
    return polygon if signed_area(polygon) >= 0 else Polygon(ring[::-1].copy())


_BASE = "florence-community/Florence-2-base-ft@0b03b6f15a4a211370fb204aee4e7dd48887ea37"
_LARGE = "florence-community/Florence-2-large-ft@26b734a54fdfbf9c398351eedfabb7f27fc470b7"
_OUTLINE = "Florence-2: the outline of what an expression refers to"


class Florence2Base(Florence2Outlines):
    """Florence-2 base, tuned to tasks; one outline for an expression."""

    card = worded_card(
        "florence2", _OUTLINE, _BASE, megabytes=464, memory=1900, licence="MIT", rank=8
    )


class Florence2Large(Florence2Outlines):
    """Florence-2 large, tuned to tasks; one outline for an expression."""

    card = worded_card(
        "florence2-large", _OUTLINE, _LARGE, megabytes=1550, memory=5000, licence="MIT", rank=9
    )


class Florence2BaseBoxes(Florence2Boxes):
    """Florence-2 base, tuned to tasks; boxes for a segmenter."""

    card = worded_card(
        "florence2-boxes",
        "Florence-2: boxes of what a phrase names",
        _BASE,
        megabytes=464,
        memory=1900,
        licence="MIT",
        grounds=True,
    )


PARTS = {
    "florence2": Florence2Base,
    "florence2-large": Florence2Large,
    "florence2-boxes": Florence2BaseBoxes,
}
