"""Grounding DINO and its kin: boxes of what phrases name.

All phrases are read as one text, each closed by a full stop, and every box says how well each
piece of a word fits it. A phrase fits as well as the best of its pieces; which pieces are its own
is known from where they stand in the text, so phrases may share words.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.errors import PromptError
from videoseg.models._torch.grounder import Proposals, TorchGrounder
from videoseg.models._torch.images import IMAGENET, Images, Placement, squeezed
from videoseg.models._torch.phrases import check_lengths, worded_card
from videoseg.networks import weights as weight_files
from videoseg.networks.device import Device
from videoseg.types import ModelCard, Prompt

if TYPE_CHECKING:
    import torch


@dataclass
class GroundingDino(TorchGrounder):
    """Grounding DINO (Liu et al. 2023, arXiv 2303.05499)."""

    card: ClassVar[ModelCard]
    class_name: ClassVar[str] = "GroundingDinoForObjectDetection"

    shorter: Annotated[
        int, Doc("pixels of the frame's shorter side that the network sees"), Ge(32)
    ] = 800
    longer: Annotated[int, Doc("pixels of its longer side at most"), Ge(32)] = 1333

    _network: Any = field(init=False, repr=False, default=None)
    _tokenizer: Any = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, load the network, and read the phrases.

        Raises:
            PromptError: A phrase has no words, or there is no room for all together.
        """
        super().prepare(prompts)
        phrases = tuple(dict.fromkeys(prompt.text or "" for prompt in prompts))
        tokens, pieces = self._read(phrases)
        for phrase, own in zip(phrases, pieces, strict=True):
            if not own:
                raise PromptError(f"{phrase!r} has no word that model {self.card.name!r} can read")
        most = int(self._network.config.max_text_len)
        together = len(tokens["input_ids"])
        check_lengths(self.card.name, [", ".join(phrases)], lambda _: together, most)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        self._network = weight_files.load(getattr(transformers, self.class_name), folder, device)
        self._tokenizer = weight_files.tokenizer(folder)
        if self.compile:
            _without_checks(type(self._network).__module__)
        whole = self._network.model
        self._compile(whole.backbone, whole.encoder, whole.decoder)

    def _drop(self) -> None:
        self._network = self._tokenizer = None

    def _propose(self, images: Images, phrases: Sequence[str]) -> Proposals:
        import torch

        device = self._load().device
        pixels, placement = self._pixels(images)
        tokens, pieces = self._read(phrases)
        given = {
            name: device.put([tokens[name]]).expand(len(images), -1)
            for name in ("input_ids", "attention_mask", "token_type_ids")
        }
        made = self._network(pixel_values=pixels, **given)
        fits = made.logits.float().sigmoid()
        scores = [fits[..., own].amax(-1) for own in pieces]
        return Proposals(torch.stack(scores, -1), made.pred_boxes, placement)

    def _look(self, images: Images) -> Any:
        """What the backbone makes of the frames; the rest depends on the phrases as well."""
        import torch

        pixels, _ = self._pixels(images)
        whole = torch.ones_like(pixels[:, 0], dtype=torch.bool)
        return self._network.model.backbone(pixels, whole)

    def _pixels(self, images: Images) -> tuple[torch.Tensor, Placement]:
        width, height = fitted(images.width, images.height, self.shorter, self.longer)
        return squeezed(images, width, height, IMAGENET, self._load().device)

    def _read(self, phrases: Sequence[str]) -> tuple[Any, list[list[int]]]:
        """The text of all phrases as tokens, and for each phrase which of them are its own."""
        text, spans = "", []
        for phrase in phrases:
            words = phrase.strip().rstrip(".").lower()
            spans.append((len(text), len(text) + len(words)))
            text += f"{words}. "
        tokens = self._tokenizer(
            text.strip(), return_offsets_mapping=True, return_token_type_ids=True
        )
        pieces = [
            [
                place
                for place, (first, last) in enumerate(tokens["offset_mapping"])
                if start <= first < last <= stop
            ]
            for start, stop in spans
        ]
        return tokens, pieces


def _without_checks(module_name: str) -> None:
    """Leave out a check of shapes in every layer, which takes what is compiled apart.

    It reads a value back from the device; what it would find is a fault of transformers.
    """
    vars(sys.modules[module_name])["torch_compilable_check"] = lambda *_, **__: None


def fitted(width: int, height: int, shorter: int, longer: int) -> tuple[int, int]:
    """Size of a frame whose shorter side is ``shorter``, unless its longer were too long then.

    Rounded as the network's own preparation does it, so that sizes are the same to the pixel.
    """
    small, large = min(width, height), max(width, height)
    exact = float(shorter)
    if large / small * shorter > longer:
        exact = longer * small / large
    if round(exact) == small:
        return width, height
    side, other = max(1, round(exact)), max(1, int(exact * large / small))
    return (side, other) if width < height else (other, side)


class GroundingDinoTiny(GroundingDino):
    """Grounding DINO with the tiny Swin backbone."""

    card = worded_card(
        "grounding-dino",
        "Grounding DINO tiny: boxes of what phrases name",
        "IDEA-Research/grounding-dino-tiny@a2bb814dd30d776dcf7e30523b00659f4f141c71",
        megabytes=689,
        memory=3500,
        grounds=True,
    )


class GroundingDinoBase(GroundingDino):
    """Grounding DINO with the base Swin backbone."""

    card = worded_card(
        "grounding-dino-base",
        "Grounding DINO base: boxes of what phrases name",
        "IDEA-Research/grounding-dino-base@12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
        megabytes=933,
        memory=4500,
        grounds=True,
    )


class MmGroundingDino(GroundingDino):
    """MM-Grounding-DINO (Zhao et al. 2024, arXiv 2401.02361) with the tiny Swin backbone."""

    card = worded_card(
        "mm-grounding-dino",
        "MM-Grounding-DINO tiny: boxes of what phrases name",
        "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det@main",
        megabytes=692,
        memory=3500,
        grounds=True,
    )
    class_name = "MMGroundingDinoForObjectDetection"


class MmGroundingDinoBase(MmGroundingDino):
    """MM-Grounding-DINO with the base Swin backbone."""

    card = worded_card(
        "mm-grounding-dino-base",
        "MM-Grounding-DINO base: boxes of what phrases name",
        "openmmlab-community/mm_grounding_dino_base_o365v1_goldg_v3det@main",
        megabytes=935,
        memory=4500,
        grounds=True,
    )


class LlmDetTiny(MmGroundingDino):
    """LLMDet (Fu et al. 2025, arXiv 2501.18954): such a network that learned from descriptions."""

    card = worded_card(
        "llmdet-tiny",
        "LLMDet tiny: boxes of what phrases name",
        "iSEE-Laboratory/llmdet_tiny@d05199165a19320a9236396e20fca0a5e065189c",
        megabytes=692,
        memory=3500,
        grounds=True,
    )


class LlmDetBase(MmGroundingDino):
    """LLMDet with the base Swin backbone."""

    card = worded_card(
        "llmdet-base",
        "LLMDet base: boxes of what phrases name",
        "iSEE-Laboratory/llmdet_base@main",
        megabytes=935,
        memory=4500,
        grounds=True,
    )


class LlmDetLarge(MmGroundingDino):
    """LLMDet with the large Swin backbone."""

    card = worded_card(
        "llmdet-large",
        "LLMDet large: boxes of what phrases name",
        "iSEE-Laboratory/llmdet_large@bec37f296f05b22f6c6b39bc05a6c611239f4e31",
        megabytes=1700,
        memory=7000,
        grounds=True,
    )


PARTS = {
    "grounding-dino": GroundingDinoTiny,
    "grounding-dino-base": GroundingDinoBase,
    "mm-grounding-dino": MmGroundingDino,
    "mm-grounding-dino-base": MmGroundingDinoBase,
    "llmdet-tiny": LlmDetTiny,
    "llmdet-base": LlmDetBase,
    "llmdet-large": LlmDetLarge,
}
