"""SAM 3: everything that a phrase or an example means, and one thing that is pointed at.

Words go to the concept network (``Sam3Model``), points and masks to the tracker network of the same
weights (``Sam3TrackerModel``), which shares its backbone. Scores are those of the reference: how
well a candidate fits, times how likely the thing is in the frame at all (presence).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import PromptError
from videoseg.models._torch import rois
from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.concepts import (
    PRECISE,
    compute_as_the_reference,
    example_boxes,
    image_token,
    know_shapes_here,
    pointed_at,
    repeated,
)
from videoseg.models._torch.images import HALF, Colours, Images, Placement, squeezed
from videoseg.models._torch.memory import RememberingSegmenter
from videoseg.models._torch.once import remembering
from videoseg.models._torch.promptable import Embedded, Promptable
from videoseg.models._torch.questions import Question, equal
from videoseg.models.sam2 import Sam2
from videoseg.networks import weights as weight_files
from videoseg.networks.device import PACKAGES, Device
from videoseg.types import ModelCard, Prompt

if TYPE_CHECKING:
    import torch

_CONTEXT = 32
"""Pieces of words that a phrase may have, its two ends included."""
_WORDLESS = "visual"
"""What the network was trained to read where only examples are given."""
_MOST_ROWS = 16
"""Phrases and examples that are looked for at once, those of all frames together."""
_WEIGHTS = "facebook/sam3@3c879f39826c281e95690f02c7821c4de09afae7"
_LICENCE = "SAM License (gated; commercial use allowed, military use is not)"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt of words, of examples, or both.

    Attributes:
        number: Its number among all.
        prompt: As it was given.
        words: What its words mean: (1, pieces, D).
    """

    number: int
    prompt: Prompt
    words: torch.Tensor

    @property
    def length(self) -> tuple[int, int]:
        """Pieces of words, and boxes; prompts that have equally many need no padding."""
        return self.words.shape[1], sum(len(cue.boxes) for cue in self.prompt.cues)


@dataclass
class Sam3(RememberingSegmenter):
    """SAM 3 (Carion et al. 2025) on single frames, every prompt for itself."""

    card: ClassVar[ModelCard] = ModelCard(
        name="sam3",
        summary="SAM 3: everything that a phrase names, or the thing that is pointed at",
        kinds=frozenset({"text", "point", "negative", "box", "mask"}),
        open_vocabulary=True,
        licence=_LICENCE,
        megabytes=3440,
        extra="models",
        weights=(_WEIGHTS,),
        packages=PACKAGES,
        memory=5800,
        rank=100,
    )
    class_name: ClassVar[str] = "Sam3Model"
    memory_class_name: ClassVar[str] = "Sam3TrackerVideoModel"
    memory_colours: ClassVar[Colours] = HALF

    least: Annotated[float, Doc("score from which a candidate counts, 0 to 1"), Ge(0), Le(1)] = 0.5
    overlap: Annotated[
        float,
        Doc("how much of their union two masks of a phrase may share, 0 to 1; 1 keeps all"),
        Ge(0),
        Le(1),
    ] = 0.1
    holes: Annotated[
        float, Doc("largest hole that is filled, in cells of the network's mask; 0 = none"), Ge(0)
    ] = 16
    specks: Annotated[
        float, Doc("largest speck that is dropped, in cells of the network's mask; 0 = none"), Ge(0)
    ] = 16
    redetect: Annotated[
        int,
        Doc("frames from one search for phrases to the next; what was found is followed between"),
        Ge(1),
    ] = 1
    keep_missed: Annotated[
        int,
        Doc("searches in a row that may miss what is followed before it is dropped, from 0"),
        Ge(0),
    ] = 1
    box: Annotated[
        Literal["object", "example"],
        Doc("what a box means: object = the one thing in it; example = everything that is alike"),
    ] = "object"

    _network: Any = field(init=False, repr=False, default=None)
    _tokenizer: Any = field(init=False, repr=False, default=None)
    _pointed: Promptable | None = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, load the networks, and read the phrases.

        Raises:
            PromptError: A phrase is too long.
        """
        super().prepare(prompts)
        for prompt in prompts:
            if prompt.text is not None:
                self._tokens(prompt.text)
            # What is marked on one frame is asked as a mask on those after it.
            marked = any(cue.frame is not None for cue in prompt.cues)
            if not self._by_concept(prompt) or (marked and "mask" in self.card.kinds):
                self._tracker()

    def _by_concept(self, prompt: Prompt) -> bool:
        """Whether the concept network is asked: for words, unless the object is known already."""
        if any(cue.mask is not None for cue in prompt.cues):
            return False
        points = any(cue.points for cue in prompt.cues)
        return prompt.text is not None or (self.box == "example" and not points)

    def _build(self, folder: Path, device: Device) -> None:
        import transformers

        cls = getattr(transformers, self.class_name)
        network = weight_files.load(cls, folder, device, precise=PRECISE)
        self._network = network
        self._tokenizer = weight_files.tokenizer(folder)
        rois.provide(cls.__module__)
        compute_as_the_reference(network, device.dtype)
        know_shapes_here(network)
        self._compile(
            network.vision_encoder.backbone,
            network.vision_encoder.neck,
            network.geometry_encoder,
            network.detr_encoder,
            network.detr_decoder,
            network.mask_decoder,
        )
        network.vision_encoder.backbone = remembering(network.vision_encoder.backbone)

    def _drop(self) -> None:
        super()._drop()
        self._network = self._tokenizer = self._pointed = None

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next."""
        return self.redetect

    @property
    def keyframe_patience(self) -> int:
        """Questions in a row that may miss an object before it is dropped."""
        return self.keep_missed

    def _heavy(self) -> Sequence[Any]:
        return self._network.vision_encoder.backbone, self._network.detr_encoder

    def _vision_encoder(self) -> Any:
        return self._tracker().network.vision_encoder

    def _answers(
        self, images: Images, questions: Sequence[Question]
    ) -> Sequence[Sequence[Candidates]]:
        worded = [question.only(self._by_concept) for question in questions]
        marked = [question.only(lambda one: not self._by_concept(one)) for question in questions]
        found = [
            list(self._asked_alone(images, question)) if question.numbered else []
            for question in worded
        ]
        if any(question.numbered for question in marked):
            embedded = self._of_images(images.whole or images, self._embed)
            more = self._tracker().answers(embedded, marked, fixed=self.compile)
            found = [[*some, *others] for some, others in zip(found, more, strict=True)]
        return found

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        """Everything that words and examples mean."""
        seen = self._of_images(images, self._look)
        asked = [
            _Asked(number, prompt, self._of_text(prompt.text or _WORDLESS, self._read))
            for number, prompt in enumerate(prompts)
        ]
        most = max(1, _MOST_ROWS // len(images))
        found: list[Candidates] = []
        for places in equal([one.length for one in asked]):
            for start in range(0, len(places), most):
                some = [asked[place] for place in places[start : start + most]]
                found += self._find(*seen, some)
        return found

    def _pixels(self, images: Images) -> tuple[torch.Tensor, Placement]:
        """What both networks see of the frames, made once, so that the backbone knows it again."""
        side = int(self._network.config.image_size)
        return squeezed(images, side, side, HALF, self._load().device)

    def _look(self, images: Images) -> tuple[Any, torch.Tensor, Placement]:
        """What depends on the frames alone: features, the token of the whole image, the place."""
        pixels, placement = self._of_images(images, self._pixels)
        vision = self._network.get_vision_features(pixels)
        return vision, image_token(self._network.geometry_encoder, vision), placement

    def _embed(self, images: Images) -> Embedded:
        """What depends on the frames alone, for points and masks."""
        pixels, placement = self._of_images(images, self._pixels)
        return self._tracker().network.get_image_embeddings(pixels), placement

    def _find(
        self, vision: Any, token: torch.Tensor, placement: Placement, asked: Sequence[_Asked]
    ) -> Iterator[Candidates]:
        """Everything that some prompts mean, which are asked at once: a row for each and frame."""
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        frames, device = len(token), self._load().device
        words = torch.cat([one.words for one in asked]).repeat_interleave(frames, 0)
        boxes, labels = example_boxes([one.prompt for one in asked], placement, device)
        if boxes is None or labels is None:
            words = torch.cat([words, token.repeat(len(asked), 1, 1)], 1)
        else:
            boxes, labels = (some.repeat_interleave(frames, 0) for some in (boxes, labels))
        made = self._network(
            vision_embeds=repeated(vision, len(asked)),
            text_embeds=BaseModelOutputWithPooling(pooler_output=words),
            input_boxes=boxes,
            input_boxes_labels=labels,
        )
        presence = made.presence_logits.float().sigmoid()
        scores = made.pred_logits.float().sigmoid() * presence
        for place, one in enumerate(asked):
            own = slice(place * frames, (place + 1) * frames)
            meant = scores[own]
            if one.prompt.cues and self.box == "object":
                found = (made.pred_boxes[own], made.pred_masks[own])
                meant = meant * pointed_at(*found, one.prompt, placement, device)
            yield Candidates(
                one.number,
                made.pred_masks[own],
                meant,
                placement,
                self.least,
                presence[own, 0],
                soft=True,
                overlap=self.overlap,
                holes=self.holes,
                specks=self.specks,
            )

    def _read(self, phrase: str) -> torch.Tensor:
        """What a phrase means: (1, pieces, D).

        Read with the padding that the network was trained with; then only what is no padding is
        kept, which is the same as masking it and needs no mask.
        """
        tokens = self._tokens(phrase)
        device = self._load().device
        given = {name: device.put([tokens[name]]) for name in ("input_ids", "attention_mask")}
        features = self._network.get_text_features(**given).pooler_output
        found: torch.Tensor = features[:, : sum(tokens["attention_mask"])]
        return found

    def _tokens(self, phrase: str) -> Any:
        context = min(_CONTEXT, int(self._network.config.text_config.max_position_embeddings))
        tokens = self._tokenizer(phrase, padding="max_length", max_length=context)
        count = sum(tokens["attention_mask"])
        if count > context:
            raise PromptError(
                f"{phrase!r} is too long for model {self.card.name!r}: {count} pieces of words, at "
                f"most {context}; name the thing in fewer words"
            )
        return tokens

    def _tracker(self) -> Promptable:
        """The network for points and masks; loaded when first needed, with the same backbone."""
        if self._pointed is None:
            device = self._load().device
            assert self._folder is not None  # noqa: S101
            # Its backbone, which comes along, is let go for the one that is there.
            made = Promptable.load(Sam3Tracker.class_name, self._folder, device, HALF)
            assert made.side == int(self._network.config.image_size)  # noqa: S101
            made.network.vision_encoder.backbone = self._network.vision_encoder.backbone
            self._compile(made.network.vision_encoder.neck, made.network.mask_decoder)
            self._pointed = made
        return self._pointed


def _lite_card(size: str, hub: str, *, megabytes: float, memory: float, rank: int) -> ModelCard:
    return ModelCard(
        name=f"sam3-litetext-{size}",
        summary=f"SAM 3 with a small text encoder ({size}): everything that a phrase names",
        kinds=frozenset({"text", "negative", "box"}),
        open_vocabulary=True,
        licence=_LICENCE,
        megabytes=megabytes,
        extra="models",
        weights=(hub,),
        packages=PACKAGES,
        memory=memory,
        rank=rank,
    )


class Sam3LiteText(Sam3):
    """SAM 3 with a small text encoder; finds by words and examples, without points."""

    card = _lite_card(
        "s0",
        "vil-uob/sam3-litetext-s0@b09766e54f5d2eba021119ec7feff13e74c0f8fc",
        megabytes=2117,
        memory=4400,
        rank=90,
    )
    class_name = "Sam3LiteTextModel"

    def _by_concept(self, prompt: Prompt) -> bool:
        del prompt
        return True


class Sam3LiteTextS1(Sam3LiteText):
    """The same with a text encoder that is half as large again."""

    card = _lite_card(
        "s1", "yonigozlan/sam3-litetext-s1@main", megabytes=2200, memory=4500, rank=91
    )


class Sam3LiteTextL(Sam3LiteText):
    """The same with a text encoder three times as large."""

    card = _lite_card("l", "yonigozlan/sam3-litetext-l@main", megabytes=2440, memory=4750, rank=92)


class Sam3Tracker(Sam2):
    """The tracker network of SAM 3 alone: one object for each prompt, no words."""

    card = ModelCard(
        name="sam3-tracker",
        summary="SAM 3's tracker network on single frames: one object for each point, box or mask",
        kinds=frozenset({"point", "negative", "box", "mask"}),
        open_vocabulary=True,
        licence=_LICENCE,
        megabytes=3440,
        extra="models",
        weights=(_WEIGHTS,),
        packages=PACKAGES,
        memory=3900,
        rank=60,
    )
    class_name = "Sam3TrackerModel"
    memory_class_name = Sam3.memory_class_name
    memory_colours: ClassVar[Colours] = HALF


PARTS = {
    "sam3": Sam3,
    "sam3-litetext-s0": Sam3LiteText,
    "sam3-litetext-s1": Sam3LiteTextS1,
    "sam3-litetext-l": Sam3LiteTextL,
    "sam3-tracker": Sam3Tracker,
}
