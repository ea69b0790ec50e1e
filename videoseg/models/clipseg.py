"""CLIPSeg: a heat map of a phrase, whose connected pieces are the objects.

The network says for every pixel how likely a phrase fits it, and nothing about objects: two cats
side by side are one, a cat behind a pole is two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from typing_extensions import Doc

from videoseg.models._torch.answers import Answer, Candidates
from videoseg.models._torch.cutouts import MARGIN
from videoseg.models._torch.images import IMAGENET, Images, Placement, squeezed
from videoseg.models._torch.model import TorchSegmenter
from videoseg.models._torch.phrases import check_lengths, worded_card
from videoseg.networks import weights as weight_files
from videoseg.networks.device import Device
from videoseg.types import Detections, Frame, Instance, Mask, ModelCard, Prompt

if TYPE_CHECKING:
    import torch

_SIDE = 352
"""Pixels across and down that the network was trained with, whatever its settings say."""


@dataclass
class ClipSeg(TorchSegmenter):
    """CLIPSeg (Lüddecke and Ecker 2022, arXiv 2112.10003): words only, each piece one object."""

    card: ClassVar[ModelCard] = worded_card(
        "clipseg",
        "CLIPSeg, small: the connected pieces of what a phrase names",
        "CIDAS/clipseg-rd64-refined@999e0328d9e10b484360c477313983f9afdd7050",
        megabytes=605,
        memory=1100,
        rank=5,
    )

    threshold: Annotated[
        float, Doc("probability from which a pixel belongs to the object, 0 to 1"), Gt(0), Lt(1)
    ] = 0.5
    smallest: Annotated[
        float, Doc("smallest piece that counts, as a share of the frame, 0 to 1"), Ge(0), Le(1)
    ] = 0.001
    side: Annotated[
        int, Doc("pixels across and down that the network sees, in whole patches"), Ge(16)
    ] = _SIDE

    _network: Any = field(init=False, repr=False, default=None)
    _tokenizer: Any = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, load the network, and read the phrases.

        Raises:
            PromptError: A phrase is too long.
        """
        super().prepare(prompts)
        most = int(self._network.config.text_config.max_position_embeddings)
        phrases = [prompt.text or "" for prompt in prompts]
        check_lengths(self.card.name, phrases, lambda phrase: len(self._tokens(phrase)), most)

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> Pieces:  # type: ignore[override]
        """Begin on a batch; its ``result`` is the answer.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
        """
        answer = super().submit(frames, prompts)
        answer.keep_logits = True  # they say how sure the network is of each piece
        return Pieces(answer, prompts, self.threshold, self.smallest, self.keep_logits)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        cls = transformers.CLIPSegForImageSegmentation
        self._network = weight_files.load(cls, folder, device)
        self._tokenizer = weight_files.tokenizer(folder)
        self._compile(self._network.clip.vision_model, self._network.decoder)

    def _drop(self) -> None:
        self._network = self._tokenizer = None

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        activations, placement = self._of_images(images, self._look)
        answers = []
        for number, prompt in enumerate(prompts):
            words = self._of_text(prompt.text or "", self._read).expand(len(images), -1)
            heat = self._network.decoder(activations, words).logits.float()
            logits = (heat.view(len(images), 1, *heat.shape[-2:])) - _logit(self.threshold)
            answers.append(Candidates(number, logits, logits.new_ones((len(images), 1)), placement))
        return answers

    def _look(self, images: Images) -> tuple[list[torch.Tensor], Placement]:
        """What depends on the frames alone: activations of the layers that the decoder reads."""
        device = self._load().device
        pixels, placement = squeezed(images, self.side, self.side, IMAGENET, device)
        made = self._network.clip.vision_model(pixels, output_hidden_states=True)
        # The first of the hidden states is what goes into the first layer.
        layers = self._network.extract_layers
        return [made.hidden_states[layer + 1] for layer in layers], placement

    def _read(self, phrase: str) -> torch.Tensor:
        """What a phrase means: (1, D)."""
        device = self._load().device
        tokens = device.put([self._tokens(phrase)])
        found: torch.Tensor = self._network.clip.get_text_features(tokens).pooler_output
        return found

    def _tokens(self, phrase: str) -> list[int]:
        found: list[int] = self._tokenizer(phrase)["input_ids"]
        return found


@dataclass(frozen=True, slots=True)
class Pieces:
    """A batch under way (``protocols.Pending``) whose masks are taken apart at the end.

    Attributes:
        answer: The batch, with one mask for each prompt and with logits.
        prompts: What was asked of each frame.
        threshold: Probability from which a pixel belongs to the object.
        smallest: Share of the frame from which a piece counts.
        keep_logits: Whether the pieces keep their logits.
    """

    answer: Answer
    prompts: Sequence[Sequence[Prompt]]
    threshold: float
    smallest: float
    keep_logits: bool

    @property
    def seconds(self) -> float:
        """Seconds that the device was at it; known after ``result``."""
        return self.answer.seconds

    def result(self) -> Sequence[Detections]:
        """Wait for the answers.

        Raises:
            ModelError: The network gave what is no number.
            OutOfMemoryError: What was found does not fit.
        """
        found = self.answer.result()
        return [
            replace(one, instances=tuple(self._apart(one.instances, asked)))
            for one, asked in zip(found, self.prompts, strict=True)
        ]

    def _apart(self, instances: Sequence[Instance], asked: Sequence[Prompt]) -> list[Instance]:
        """The pieces of each, the surest first, as many as the prompt wants."""
        found: list[Instance] = []
        for whole in instances:
            least = self.smallest * whole.mask.frame_width * whole.mask.frame_height
            pieces = [
                Instance(
                    mask if self.keep_logits else replace(mask, logits=None),
                    _sureness(mask, self.threshold),
                    whole.prompt,
                )
                for mask in pieces_of(whole.mask, least)
            ]
            pieces.sort(key=lambda piece: -piece.score)
            found += pieces[: asked[whole.prompt].max_instances]
        return found


def pieces_of(mask: Mask, least: float) -> list[Mask]:
    """The connected pieces of a mask with logits, each cut out with logits of its own.

    Pixels that touch at a corner are connected. In the logits of a piece the pixels of the others
    are as unlikely as they were likely.

    Args:
        mask: With logits.
        least: Pixels that a piece has at least.
    """
    import cv2

    assert mask.logits is not None  # noqa: S101
    height, width = mask.bitmap.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.bitmap.astype(np.uint8), connectivity=8
    )
    found = []
    for label in range(1, count):
        left, top, wide, high, area = (int(value) for value in stats[label])
        if area < least:
            continue
        x1, y1 = max(0, left - MARGIN), max(0, top - MARGIN)
        x2, y2 = min(width, left + wide + MARGIN), min(height, top + high + MARGIN)
        logits = mask.logits[y1:y2, x1:x2]
        own = labels[y1:y2, x1:x2] == label
        logits = np.where((logits > 0) & ~own, -logits, logits)
        place = (mask.x + x1, mask.y + y1, mask.frame_width, mask.frame_height)
        found.append(Mask(*place, own, logits))
    return found


def _sureness(mask: Mask, threshold: float) -> float:
    """Mean probability of a piece's pixels."""
    assert mask.logits is not None  # noqa: S101
    logits = mask.logits[mask.bitmap].astype(np.float64) + _logit(threshold)
    return float((1 / (1 + np.exp(-logits))).mean())


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


PARTS = {"clipseg": ClipSeg}
