"""OWLv2: boxes of what phrases name.

A frame is filled up to a square, downwards and to the right with black, then scaled down as
scikit-image does it: smoothed with a Gaussian, then sampled. Both steps are linear along each axis,
so they are one matrix for the rows and one for the columns, and the black need not be computed.
"""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.models._torch.grounder import Proposals, TorchGrounder
from videoseg.models._torch.images import CLIP, Images, Placement, normalised
from videoseg.models._torch.phrases import check_lengths, worded_card
from videoseg.networks import weights as weight_files
from videoseg.networks.device import Device
from videoseg.types import ModelCard, Prompt

if TYPE_CHECKING:
    import torch

_TEMPLATES = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
"""The seven sentences that CLIP's authors found best together; OWL-ViT is evaluated with them."""

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation.replace("_", ""))


@dataclass
class Owlv2(TorchGrounder):
    """OWLv2 (Minderer, Gritsenko and Houlsby 2023, arXiv 2306.09683): boxes from words."""

    card: ClassVar[ModelCard]

    least: Annotated[float, Doc("score from which a box counts, 0 to 1"), Ge(0), Le(1)] = 0.1

    templates: Annotated[
        bool, Doc("read a phrase in the seven sentences of CLIP, as the published figures do")
    ] = True

    _network: Any = field(init=False, repr=False, default=None)
    _tokenizer: Any = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, load the network, and read the phrases.

        Raises:
            PromptError: A phrase is too long.
        """
        super().prepare(prompts)
        phrases = [prompt.text or "" for prompt in prompts]
        check_lengths(
            self.card.name,
            phrases,
            lambda phrase: len(self._tokens(canonical(phrase))),
            self._most(),
        )

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        cls = transformers.Owlv2ForObjectDetection
        self._network = weight_files.load(cls, folder, device)
        self._tokenizer = weight_files.tokenizer(folder)
        network = self._network
        self._compile(network.owlv2.vision_model, network.class_head, network.box_head)

    def _drop(self) -> None:
        self._network = self._tokenizer = None

    def _propose(self, images: Images, phrases: Sequence[str]) -> Proposals:
        import torch

        features, placement = self._of_images(images, self._look)
        cells = features.flatten(1, 2)
        words = torch.cat([self._of_text(phrase, self._read) for phrase in phrases])
        queries = words.expand(len(images), -1, -1)
        logits, _ = self._network.class_predictor(cells, queries)
        boxes = self._network.box_predictor(cells, features)
        return Proposals(logits.float().sigmoid(), boxes, placement)

    def _look(self, images: Images) -> tuple[torch.Tensor, Placement]:
        """What depends on the frames alone: features (F, rows, columns, D)."""
        device = self._load().device
        side = int(self._network.config.vision_config.image_size)
        pixels, placement = squared(images, side, device)
        features, _ = self._network.image_embedder(pixels)
        return features, placement

    def _read(self, phrase: str) -> torch.Tensor:
        """What a phrase means, the mean of its sentences: (1, D), of length one."""
        import torch

        device = self._load().device
        read = [
            self._network.owlv2.get_text_features(device.put([tokens])).pooler_output
            for tokens in self._sentences(phrase)
        ]
        made = torch.cat([one / one.norm(dim=-1, keepdim=True) for one in read])
        found = made.mean(0, keepdim=True)
        return found / found.norm(dim=-1, keepdim=True)

    def _sentences(self, phrase: str) -> list[list[int]]:
        """Pieces of words of the sentences about a phrase that there is room for, or of itself."""
        plain = canonical(phrase)
        some = [canonical(one.format(plain)) for one in _TEMPLATES] if self.templates else []
        read = [self._tokens(one) for one in some]
        return [tokens for tokens in read if len(tokens) <= self._most()] or [self._tokens(plain)]

    def _most(self) -> int:
        """Pieces of words that there is room for."""
        return int(self._network.config.text_config.max_position_embeddings)

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text)["input_ids"]
        return found


def canonical(phrase: str) -> str:
    """A phrase as the published evaluation reads it: lower case, no punctuation, single spaces."""
    kept = phrase.lower().translate(_NO_PUNCTUATION)
    return " ".join(kept.replace("_", " ").split()) or phrase


def squared(images: Images, side: int, device: Device) -> tuple[torch.Tensor, Placement]:
    """Frames as OWLv2 sees them: (F, 3, side, side), and where they lie in it."""
    import torch

    longer = max(images.width, images.height)
    matrix = device.put(_scaling(longer, side))
    levels = images.pixels.permute(0, 3, 1, 2).to(torch.float32)
    columns = levels @ matrix[:, : images.width].T
    scaled = matrix[:, : images.height] @ columns
    placement = Placement(
        images.width,
        images.height,
        images.width * side / longer,
        images.height * side / longer,
        side,
        side,
    )
    return normalised(scaled, CLIP, device).to(device.dtype), placement


@functools.lru_cache(maxsize=4)
def _scaling(old: int, new: int) -> torch.Tensor:
    """The matrix (new, old) that smooths and samples ``old`` pixels in a line.

    A Gaussian of (old / new - 1) / 2 pixels, cut off at three of them and mirrored at the ends,
    then linear interpolation with half-pixel centres.
    """
    import torch

    factor = old / new
    place = ((torch.arange(new, dtype=torch.float64) + 0.5) * factor - 0.5).clamp(0, old - 1)
    before = place.floor().long()
    share = place - before
    deviation = max(0.0, (factor - 1) / 2)
    reach = math.ceil(3 * deviation)
    steps = torch.arange(-reach, reach + 1)
    taps = torch.exp(-(steps**2) / (2 * deviation**2)) if reach else torch.ones(1)
    taps = (taps / taps.sum()).to(torch.float64)
    matrix = torch.zeros(new, old, dtype=torch.float64)
    for cell, weight in ((before, 1 - share), ((before + 1).clamp(max=old - 1), share)):
        pixels = (cell[:, None] + steps).abs()
        pixels = (old - 1) - ((old - 1) - pixels).abs()
        matrix.scatter_add_(1, pixels, weight[:, None] * taps)
    return matrix.to(torch.float32)


class Owlv2Base(Owlv2):
    """OWLv2 with the base vision transformer, the ensemble of two trainings."""

    card = worded_card(
        "owlv2",
        "OWLv2: boxes of what phrases name",
        "google/owlv2-base-patch16-ensemble@cfd3195ba4ea9592eec887ded089f4c08eff231d",
        megabytes=620,
        memory=2500,
        grounds=True,
    )


PARTS = {"owlv2": Owlv2Base}
