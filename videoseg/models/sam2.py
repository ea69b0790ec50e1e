"""SAM 2.1 and its kin: one object for each prompt, and their memories, which follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.images import IMAGENET, Colours, Images
from videoseg.models._torch.memory import RememberingSegmenter
from videoseg.models._torch.promptable import KINDS, Embedded, Promptable
from videoseg.models._torch.questions import Question
from videoseg.networks.device import PACKAGES, Device
from videoseg.types import ModelCard


@dataclass
class Sam2(RememberingSegmenter):
    """SAM 2.1 (Ravi et al. 2024, arXiv 2408.00714): points, boxes and masks, no words."""

    card: ClassVar[ModelCard]
    class_name: ClassVar[str] = "Sam2Model"
    memory_class_name: ClassVar[str] = "Sam2VideoModel"
    memory_colours: ClassVar[Colours] = IMAGENET

    _made: Promptable | None = field(init=False, repr=False, default=None)

    def _build(self, folder: Path, device: Device) -> None:
        self._made = Promptable.load(self.class_name, folder, device, self.memory_colours)
        self._compile(self._made.network.vision_encoder, self._made.network.mask_decoder)

    def _drop(self) -> None:
        super()._drop()
        self._made = None

    def _vision_encoder(self) -> Any:
        assert self._made is not None  # noqa: S101
        return self._made.network.vision_encoder

    def _look(self, images: Images) -> Embedded:
        assert self._made is not None  # noqa: S101
        return self._made.embed(images)

    def _answers(
        self, images: Images, questions: Sequence[Question]
    ) -> Sequence[Sequence[Candidates]]:
        assert self._made is not None  # noqa: S101
        embedded = self._of_images(images.whole or images, self._look)
        return self._made.answers(embedded, questions, fixed=self.compile)


def _card(name: str, hub: str, megabytes: float, memory: float, rank: int) -> ModelCard:
    size = name.partition("-")[2].replace("-", " ")
    return ModelCard(
        name=name,
        summary=f"SAM 2.1 {size}: one object for each point, box or mask",
        kinds=KINDS,
        open_vocabulary=True,
        licence="Apache-2.0",
        megabytes=megabytes,
        extra="models",
        weights=(hub,),
        packages=PACKAGES,
        memory=memory,
        rank=rank,
    )


class Sam21Tiny(Sam2):
    """SAM 2.1 with the tiny Hiera backbone."""

    card = _card(
        "sam2.1-tiny",
        "facebook/sam2.1-hiera-tiny@de431c4043854a71d8101e17995dfe596bf101a5",
        megabytes=156,
        memory=530,
        rank=20,
    )


class Sam21Small(Sam2):
    """SAM 2.1 with the small Hiera backbone."""

    card = _card(
        "sam2.1-small",
        "facebook/sam2.1-hiera-small@ee5bba1d82bb8749febdf90f45e84b687142ba03",
        megabytes=184,
        memory=590,
        rank=30,
    )


class Sam21BasePlus(Sam2):
    """SAM 2.1 with the base-plus Hiera backbone."""

    card = _card(
        "sam2.1-base-plus",
        "facebook/sam2.1-hiera-base-plus@b7320756a13354e7530a63935656d35b2f91a290",
        megabytes=324,
        memory=880,
        rank=40,
    )


class Sam21Large(Sam2):
    """SAM 2.1 with the large Hiera backbone."""

    card = _card(
        "sam2.1-large",
        "facebook/sam2.1-hiera-large@665f8e2ad61cf5f53d65644ff27c8ee525124610",
        megabytes=898,
        memory=2040,
        rank=50,
    )


class EdgeTam(Sam2):
    """EdgeTAM (Zhou et al. 2025, arXiv 2501.07256): SAM 2 with a backbone for small machines.

    Its backbone is one of timm's, which brings torchvision along.
    """

    card = ModelCard(
        name="edgetam",
        summary="EdgeTAM, small and fast: one object for each point, box or mask",
        kinds=KINDS,
        open_vocabulary=True,
        licence="Apache-2.0",
        megabytes=56,
        extra="edgetam",
        weights=("yonigozlan/EdgeTAM-hf@c266ce53b3fc00f0f495b583f6a116c4e57f53bb",),
        packages=(*PACKAGES, "timm"),
        memory=450,
        rank=10,
    )
    class_name = "EdgeTamModel"
    memory_class_name = "EdgeTamVideoModel"


PARTS = {
    "sam2.1-tiny": Sam21Tiny,
    "sam2.1-small": Sam21Small,
    "sam2.1-base-plus": Sam21BasePlus,
    "sam2.1-large": Sam21Large,
    "edgetam": EdgeTam,
}
