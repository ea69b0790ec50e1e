"""RF-DETR-Seg: outlines things of the 80 kinds that it learned, fast; other words it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import UnknownPhraseError, nearest
from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.images import IMAGENET, Images, Placement, squeezed
from videoseg.models._torch.model import TorchSegmenter
from videoseg.models._torch.phrases import check_words
from videoseg.networks import weights as weight_files
from videoseg.networks.device import PACKAGES, Device
from videoseg.types import ModelCard, Prompt

if TYPE_CHECKING:
    import torch

_PREPARATION = "preprocessor_config.json"
"""The file that says at what size the network sees frames."""
_ARTICLE = re.compile(r"^(?:the|an|a)\s+")
_PEOPLE = "people"


@dataclass
class RfDetrSeg(TorchSegmenter):
    """RF-DETR (Robinson et al. 2025, arXiv 2511.09554) with masks, trained on COCO."""

    card: ClassVar[ModelCard]

    least: Annotated[float, Doc("score from which an object counts, 0 to 1"), Ge(0), Le(1)] = 0.5
    overlap: Annotated[
        float,
        Doc("how much of their union two masks of a phrase may share, 0 to 1; 1 keeps all"),
        Ge(0),
        Le(1),
    ] = 0.8

    _network: Any = field(init=False, repr=False, default=None)
    _names: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _side: int = field(init=False, repr=False, default=0)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Load the network, and refuse what it does not know.

        Raises:
            UnknownPhraseError: A phrase is none of its names.
        """
        super().prepare(prompts)
        for prompt in prompts:
            self._number(prompt.text or "")

    def _check(self, prompt: Prompt) -> None:
        super()._check(prompt)
        check_words(self.card.name, prompt)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        cls = transformers.RfDetrForInstanceSegmentation
        self._network = weight_files.load(cls, folder, device)
        named = self._network.config.id2label.items()
        self._names = {str(name).lower(): int(number) for number, name in named}
        self._side = _side_of(folder) or int(self._network.config.backbone_config.image_size)
        self._compile(self._network)

    def _drop(self) -> None:
        self._network = None

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        logits, masks, placement = self._of_images(images, self._look)
        scores = logits.float().sigmoid()
        return [
            Candidates(
                number,
                masks,
                scores[..., self._number(prompt.text or "")],
                placement,
                self.least,
                overlap=self.overlap,
            )
            for number, prompt in enumerate(prompts)
        ]

    def _look(self, images: Images) -> tuple[torch.Tensor, torch.Tensor, Placement]:
        """Everything, since the network is asked for all of its kinds at once.

        Returns:
            Logits of its kinds (F, N, K), those of masks (F, N, h, w), and where frames lie in it.
        """
        device = self._load().device
        pixels, placement = squeezed(images, self._side, self._side, IMAGENET, device)
        made = self._network(pixel_values=pixels)
        return made.logits, made.pred_masks, placement

    def _number(self, phrase: str) -> int:
        """The number of the kind of thing that a phrase names.

        Raises:
            UnknownPhraseError: It is none of them.
        """
        name = _ARTICLE.sub("", " ".join(phrase.lower().strip(" .").split()))
        name = "person" if name == _PEOPLE else name
        for one in (name, name.removesuffix("s"), name.removesuffix("es")):
            if one in self._names:
                return self._names[one]
        raise UnknownPhraseError(
            f"model {self.card.name!r} knows {len(self._names)} kinds of things, and {phrase!r} is "
            f"none of them; {nearest(name, sorted(self._names))}",
            phrase=phrase,
        )


def _side_of(folder: Path) -> int:
    """Pixels across and down that frames are squeezed to, as the weights say; 0 = they do not."""
    try:
        size = json.loads((folder / _PREPARATION).read_text(encoding="utf-8"))["size"]
        return int(size["height"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def _card(size: str, megabytes: float, memory: float) -> ModelCard:
    return ModelCard(
        name=f"rf-detr-seg-{size}",
        summary=f"RF-DETR-Seg {size}: the 80 kinds of things of COCO alone, fast",
        kinds=frozenset({"text"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=megabytes,
        extra="models",
        weights=(f"Roboflow/rf-detr-seg-{size}@main",),
        packages=PACKAGES,
        memory=memory,
    )


class RfDetrSegNano(RfDetrSeg):
    """The smallest, which sees frames at 312 pixels."""

    card = _card("nano", megabytes=135, memory=500)


class RfDetrSegMedium(RfDetrSeg):
    """The middle one, which sees frames at 432 pixels."""

    card = _card("medium", megabytes=142, memory=700)


PARTS = {"rf-detr-seg-nano": RfDetrSegNano, "rf-detr-seg-medium": RfDetrSegMedium}
