"""SAM 2.1 and its kin on single frames: one object for each prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.device import Device
from videoseg.models._torch.images import IMAGENET, Colours, Images
from videoseg.models._torch.model import TorchSegmenter
from videoseg.models._torch.promptable import KINDS, Promptable
from videoseg.types import ModelCard, Prompt


@dataclass
class Sam2(TorchSegmenter):
    """SAM 2.1 (Ravi et al. 2024, arXiv 2408.00714): points, boxes and masks, no words."""

    card: ClassVar[ModelCard]
    class_name: ClassVar[str] = "Sam2Model"
    colours: ClassVar[Colours] = IMAGENET

    _made: Promptable | None = field(init=False, repr=False, default=None)

    def _build(self, folder: Path, device: Device) -> None:
        self._made = Promptable.load(self.class_name, folder, device, self.colours)
        self._compile(self._made.network.vision_encoder)

    def _drop(self) -> None:
        self._made = None

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        assert self._made is not None  # noqa: S101
        embedded = self._of_images(images, self._made.embed)
        return self._made.answer(embedded, list(enumerate(prompts)))


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
